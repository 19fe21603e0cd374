from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gatekit.errors import GatekitError
from runners.subjects.labelled_texts import read_labelled, registered_datasets, shifted_datasets, split
from runners.subjects.text_corpus import sae_probes_folder

pytestmark = pytest.mark.runners


def written(folder: Path, prompts: list[str], targets: list[object], name: str = "1_d") -> Path:
    """A data folder with one registered dataset and one that is none."""
    (folder / "cleaned_data").mkdir(parents=True)
    frame = pd.DataFrame({"prompt": prompts, "target": targets})
    frame.to_csv(folder / "cleaned_data" / f"{name}.csv.zst", index=False, compression="zstd")
    register = {
        "Data type": ["Binary Classification", "Continuous Data"],
        "Dataset save name": [f"x/{name}.csv", "y.csv"],
    }
    pd.DataFrame(register).to_csv(folder / "probing_datasets_MASTER.csv.zst", index=False, compression="zstd")
    return folder


def test_a_repeated_text_stands_once_and_one_with_both_labels_not_at_all(tmp_path):
    folder = written(tmp_path, ["a", "a ", "b", "b", "c", "", "NA"], [0, 0, 0, 1, 1, 0, 1])
    found = read_labelled(folder, "1_d")
    assert sorted(zip(found.texts, found.labels, strict=True)) == [("NA", 1), ("a", 0), ("c", 1)]


def test_labels_are_coded_in_sorted_order(tmp_path):
    found = read_labelled(written(tmp_path, ["p", "q"], ["not_bigram", "bigram"]), "1_d")
    assert dict(zip(found.texts, found.labels, strict=True)) == {"p": 1, "q": 0}


def test_rows_are_balanced_and_fewer_of_them_are_a_subset(tmp_path):
    folder = written(tmp_path, [f"t{i}" for i in range(100)], [int(i < 30) for i in range(100)])
    few, many = read_labelled(folder, "1_d", rows=20), read_labelled(folder, "1_d", rows=1000)
    assert (sum(few.labels), len(few.labels)) == (10, 20)
    assert (sum(many.labels), len(many.labels)) == (30, 60)
    assert set(few.texts) < set(many.texts)
    assert len(read_labelled(folder, "1_d").texts) == 100


def test_another_seed_draws_other_rows_and_another_digest(tmp_path):
    folder = written(tmp_path, [f"t{i}" for i in range(100)], [i % 2 for i in range(100)])
    one, other = (read_labelled(folder, "1_d", rows=20, seed=seed) for seed in (0, 1))
    assert set(one.texts) != set(other.texts) and one.sha256 != other.sha256
    assert read_labelled(folder, "1_d", rows=20) == one


def test_the_digest_changes_with_a_label(tmp_path):
    before = read_labelled(written(tmp_path / "a", ["p", "q", "r"], [0, 1, 1]), "1_d").sha256
    assert read_labelled(written(tmp_path / "b", ["p", "q", "r"], [0, 1, 0]), "1_d").sha256 != before


def test_a_split_divides_the_texts_and_keeps_the_classes(tmp_path):
    found = read_labelled(written(tmp_path, [f"t{i}" for i in range(60)], [int(i < 20) for i in range(60)]), "1_d")
    sides, labels = split(found, 0.25, seed=3), np.asarray(found.labels)
    assert not set(sides.train) & set(sides.test) and len(sides.train) + len(sides.test) == 60
    assert (labels[sides.test].sum(), len(sides.test)) == (5, 15)
    assert set(split(found, 0.25, seed=4).test) != set(sides.test)


def test_too_few_texts_of_a_class_are_refused(tmp_path):
    found = read_labelled(written(tmp_path, list("abcdefghi"), [0] * 8 + [1]), "1_d")
    with pytest.raises(GatekitError, match="1 texts of class 1"):
        split(found, 0.25, seed=0)


@pytest.mark.parametrize("targets", [[0, 1, 2], [1, 1, 1]])
def test_other_than_two_labels_are_refused(tmp_path, targets):
    with pytest.raises(GatekitError, match="not two"):
        read_labelled(written(tmp_path, ["a", "b", "c"], targets), "1_d")


def test_an_unregistered_dataset_is_refused_with_the_nearest_name(tmp_path):
    folder = written(tmp_path, ["a", "b"], [0, 1], name="117_us_state_FL")
    with pytest.raises(GatekitError) as caught:
        read_labelled(folder, "117_us_state_LF")
    assert "117_us_state_FL" in str(caught.value)
    with pytest.raises(GatekitError, match="no shifted dataset"):
        read_labelled(folder, "117_us_state_FL", shifted=True)


def test_the_package_registers_113_datasets_and_8_of_them_have_a_shifted_test_set():
    folder = sae_probes_folder()
    names = registered_datasets(folder)
    assert len(set(names)) == 113 and "163_agnews_2" in names
    assert len(shifted_datasets(folder)) == 8 and "90_glue_qnli" in shifted_datasets(folder)
    found = read_labelled(folder, "87_glue_cola", shifted=True)
    assert set(found.labels) == {0, 1} and len(found.texts) <= 300


def test_registered_names_and_labels_are_those_of_sae_probes_itself():
    from sae_probes.utils_data import get_numbered_binary_tags, get_yvals, read_numbered_dataset_df

    folder = sae_probes_folder()
    assert list(registered_datasets(folder)) == get_numbered_binary_tags()
    for name in ("117_us_state_FL", "65_high-school"):
        frame = read_numbered_dataset_df(name)
        theirs = dict(zip(frame["prompt"].astype(str).str.strip(), get_yvals(name), strict=True))
        ours = read_labelled(folder, name)
        assert ours.texts and all(theirs[text] == label for text, label in zip(ours.texts, ours.labels, strict=True))
