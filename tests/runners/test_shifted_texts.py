from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gatekit.errors import GatekitError
from runners.subjects.labelled_texts import read_labelled, shifted_datasets
from runners.subjects.shifted_texts import DAMAGED, datasets_with_shift, read_longer, read_shifted
from runners.subjects.text_corpus import sae_probes_folder

pytestmark = pytest.mark.runners


def data(folder: Path, inside: list[tuple[str, int]], shifted: list[tuple[str, int]]) -> Path:
    """A data folder with one registered dataset, `1_d`, and its shifted set."""
    places = {"cleaned_data/1_d": inside, "OOD data/1_d_OOD": shifted}
    for place, rows in places.items():
        path = folder / f"{place}.csv.zst"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows, columns=["prompt", "target"]).to_csv(path, index=False, compression="zstd")
    register = pd.DataFrame({"Data type": ["Binary Classification"], "Dataset save name": ["a/1_d.csv"]})
    register.to_csv(folder / "probing_datasets_MASTER.csv.zst", index=False, compression="zstd")
    return folder


def numbered(letter: str, count: int) -> list[tuple[str, int]]:
    return [(f"{letter}{i}", i % 2) for i in range(count)]


def test_the_three_parts_share_no_text_and_what_is_no_shift_is_dropped_and_counted(tmp_path):
    # Six shifted rows are texts of the dataset itself, whether or not they are among the rows taken.
    folder = data(tmp_path, numbered("in", 100), numbered("out", 30) + numbered("in", 6))
    found = read_shifted(folder, "1_d", 20, 0.3, 0)
    parts = [
        {found.inside.texts[row] for row in found.split.train},
        {found.inside.texts[row] for row in found.split.test},
        set(found.shifted.texts),
    ]
    assert [len(part) for part in parts] == [14, 6, 30]
    assert len(set.union(*parts)) == 50
    assert all(text.startswith("out") for text in found.shifted.texts)
    assert found.left_out == 6


def test_labels_stay_with_their_texts(tmp_path):
    found = read_shifted(data(tmp_path, numbered("in", 60), numbered("out", 40)), "1_d", 40, 0.3, 0)
    for part in (found.inside, found.shifted):
        assert all(int(text.lstrip("inout")) % 2 == label for text, label in zip(part.texts, part.labels, strict=True))


def test_halves_by_length_are_taken_class_by_class(tmp_path):
    # Label 1 is on long texts only: taken together, the longer half would be all of one label.
    rows = [("x" * (i + 1), 0) for i in range(30)] + [("y" * (i + 101), 1) for i in range(30)]
    found = read_longer(data(tmp_path, rows, []), "1_d", 1000, 0.3, 0)
    for part, letters in ((found.inside, range(15)), (found.shifted, range(15, 30))):
        assert sorted(len(t) for t, label in zip(part.texts, part.labels, strict=True) if label == 0) == [
            i + 1 for i in letters
        ]
        assert sorted(len(t) for t, label in zip(part.texts, part.labels, strict=True) if label == 1) == [
            i + 101 for i in letters
        ]


def test_halves_do_not_depend_on_the_order_of_the_file(tmp_path):
    rows = [(f"{word} {i}", i % 2) for i, word in enumerate(["aa", "bb", "c"] * 20)]
    one = read_longer(data(tmp_path / "a", rows, []), "1_d", 40, 0.3, 0)
    other = read_longer(data(tmp_path / "b", rows[::-1], []), "1_d", 40, 0.3, 0)
    assert one.sha256 == other.sha256
    assert one.sha256 != read_longer(tmp_path / "a", "1_d", 40, 0.3, 1).sha256


def test_too_few_shifted_texts_of_a_class_are_refused(tmp_path):
    folder = data(tmp_path, numbered("in", 60), [(f"out{i}", int(i < 9)) for i in range(60)])
    with pytest.raises(GatekitError, match="have 9 of a class"):
        read_shifted(folder, "1_d", 40, 0.3, 0)


def test_a_dataset_without_a_shifted_set_is_refused():
    with pytest.raises(GatekitError, match="no shifted dataset '36_sciq_tf'"):
        read_shifted(sae_probes_folder(), "36_sciq_tf", 40, 0.3, 0)


def test_the_shifted_sets_of_sae_probes_are_eight_one_of_which_is_damaged():
    # The ninth file of that folder lists one phrase in fifteen languages and has no labels.
    assert len(shifted_datasets(sae_probes_folder())) == 8
    assert set(shifted_datasets(sae_probes_folder())) - set(datasets_with_shift(sae_probes_folder())) == set(DAMAGED)


def test_the_damaged_set_lacks_the_questions_that_its_dataset_has():
    folder, (name,) = sae_probes_folder(), DAMAGED
    inside, shifted = read_labelled(folder, name), read_labelled(folder, name, shifted=True)
    assert np.mean(["|" in text for text in inside.texts]) > 0.99
    assert not any("|" in text for text in shifted.texts)
    rows = pd.read_csv(folder / "OOD data" / f"{name}_OOD.csv.zst", dtype=str, keep_default_na=False)
    twofold = rows.groupby(rows.prompt.str.strip()).target.transform("nunique") > 1
    assert (len(rows), int(twofold.sum())) == (300, 78)


@pytest.mark.parametrize("name", datasets_with_shift(sae_probes_folder()))
def test_every_shifted_set_that_we_take_shares_no_text_with_its_dataset(name):
    found = read_shifted(sae_probes_folder(), name, 10_000, 0.3, 0)
    assert not set(found.inside.digests) & set(found.shifted.digests)
    assert len(found.shifted.texts) >= 250
