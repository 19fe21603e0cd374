"""Labelled and shifted datasets of one's own: the three forms, the split, the faults, and two runs on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tiny_stage import PROBING, SAES, arguments, stage_of

from gatekit.errors import GatekitError
from runners.config import read_config
from runners.stage.lifecycle import run_stage
from runners.stage.sae_subject import without_paths
from runners.stages.saebench.plan import SaebenchConfig
from runners.stages.saebench.stage import check
from runners.subjects.labelled_texts import split
from runners.subjects.own_labelled import read_own_labelled, read_own_shifted
from runners.subjects.plan import OwnLabelledPlan, OwnShiftedPlan

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

WORDS = {"yes": "a good and happy day", "no": "a bad and sad night"}


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"body": f"{WORDS[label]} number {i}", "kind": label, **more} for i in range(count) for label in ("yes", "no")
    ]


def written(folder: Path, table: Sequence[dict[str, Any]], name: str = "mine.csv") -> str:
    path, frame = folder / name, pd.DataFrame(table)
    if name.endswith(".csv"):
        frame.to_csv(path, index=False)
    elif name.endswith(".parquet"):
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    return str(path)


def plan(path: str, split: str | None = None) -> OwnLabelledPlan:
    return OwnLabelledPlan("mine", path, "body", "kind", split)


def test_the_three_forms_give_the_same_texts_and_labels(tmp_path):
    found = [
        read_own_labelled(plan(written(tmp_path, rows(20), f"mine.{form}")), None, 0)
        for form in ("csv", "jsonl", "parquet")
    ]
    assert found[0] == found[1] == found[2]
    assert len(found[0].texts) == 40
    # The second label in sorted order is the positive one.
    assert all((label == 1) == ("good" in text) for text, label in zip(found[0].texts, found[0].labels, strict=True))


def test_labels_that_are_numbers_or_booleans_are_the_same_labels_in_every_form(tmp_path):
    table = [{"body": f"text {i}", "kind": i % 2} for i in range(10)]
    one, two = (read_own_labelled(plan(written(tmp_path, table, f"a.{form}")), None, 0) for form in ("csv", "jsonl"))
    assert one == two


def test_a_text_stands_once_and_one_with_both_labels_not_at_all(tmp_path):
    table = [*rows(5), {"body": "twice", "kind": "yes"}, {"body": "twice ", "kind": "no"}, rows(1)[0]]
    assert len(read_own_labelled(plan(written(tmp_path, table)), None, 0).texts) == 10


def test_the_files_split_decides_what_is_tested_on(tmp_path):
    table = [{**row, "part": "test" if i % 10 < 4 else "train"} for i, row in enumerate(rows(20))]
    table.append({"body": "left out", "kind": "yes", "part": "validation"})
    found = read_own_labelled(plan(written(tmp_path, table), "part"), None, 0)
    sides = split(found, 0.5, 0)
    assert {found.texts[row] for row in sides.test} == {row["body"] for row in table if row["part"] == "test"}
    assert {found.texts[row] for row in sides.train} == {row["body"] for row in table if row["part"] == "train"}


def test_a_text_on_both_sides_is_not_tested_on(tmp_path):
    table = [{**row, "part": "test" if i < 8 else "train"} for i, row in enumerate(rows(10))]
    table.append({**table[0], "part": "train"})
    found = read_own_labelled(plan(written(tmp_path, table), "part"), None, 0)
    assert table[0]["body"] not in {found.texts[row] for row in split(found, 0.5, 0).test}


def test_another_split_of_the_same_texts_is_another_dataset(tmp_path):
    table = [
        {**row, "a": "test" if i < 8 else "train", "b": "test" if i > 8 else "train"} for i, row in enumerate(rows(8))
    ]
    one, other = (read_own_labelled(plan(written(tmp_path, table), part), None, 0) for part in ("a", "b"))
    assert (one.texts, one.sha256 == other.sha256) == (other.texts, False)


FAULTS = {
    "third label": ("a.csv", "body,kind\nx,a\ny,b\nz,c\n", r"a\.csv:4:1: a third label in column 'kind': a, b, c"),
    "one label": ("a.csv", "body,kind\nx,a\ny,a\n", r"a\.csv: column 'kind' has one label: a"),
    "no label": ("a.csv", "body,kind\nx,a\ny,\n", r"a\.csv:3:1: column 'kind' is empty"),
    "column": ("a.csv", "body,kin\nx,a\n", r"a\.csv:2:1: no column 'kind'; did you mean 'kin'"),
    "values": ("a.csv", "body,kind\nx,a,b\n", r"a\.csv:2:1: 3 values, and the header has 2 columns"),
    "quote": ("a.csv", 'body,kind\n"x"y,a\n', r"a\.csv:2:1: not CSV: "),
    "header": ("a.csv", "body,body\nx,a\n", r"a\.csv:1:1: the header names a column twice"),
    "empty": ("a.csv", "body,kind\n", r"a\.csv: the file is empty"),
    "no text": ("a.jsonl", '{"body": null, "kind": 1}\n{"body": "x", "kind": 0}\n', r"a\.jsonl:1:1: .* holds nothing"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_of_a_dataset_has_its_file_and_line(case, tmp_path):
    name, content, message = FAULTS[case]
    (tmp_path / name).write_text(content)
    with pytest.raises(GatekitError, match=message) as caught:
        read_own_labelled(plan(str(tmp_path / name)), None, 0)
    assert "\n" not in str(caught.value)


def test_a_line_of_csv_is_counted_by_lines_of_the_file_and_not_by_records(tmp_path):
    (tmp_path / "a.csv").write_text('body,kind\n"two\nlines",a\ny,\n')
    with pytest.raises(GatekitError, match=r"a\.csv:4:1: column 'kind' is empty"):
        read_own_labelled(plan(str(tmp_path / "a.csv")), None, 0)


def test_a_text_longer_than_the_csv_modules_own_limit_is_read(tmp_path):
    table = [{"body": f"{i} {'long ' * 40_000}", "kind": i % 2} for i in range(2)]
    assert len(read_own_labelled(plan(written(tmp_path, table)), None, 0).texts) == 2


def test_a_split_without_one_of_its_sides_is_refused(tmp_path):
    with pytest.raises(GatekitError, match="no row of column 'part' says 'test'"):
        read_own_labelled(plan(written(tmp_path, rows(5, part="train")), "part"), None, 0)


def test_shifted_texts_come_from_a_second_file_and_known_ones_are_left_out(tmp_path):
    inside = written(tmp_path, rows(20))
    beyond = [{"body": f"ein {row['body']}", "kind": row["kind"]} for row in rows(12)]
    shifted = written(tmp_path, [*beyond, *rows(2)], "shifted.jsonl")
    found = read_own_shifted(OwnShiftedPlan("mine", inside, shifted, "body", "kind"), 20, 0.3, 0)
    assert found.name == "own:mine"
    assert set(found.shifted.texts) == {row["body"] for row in beyond}
    assert (found.left_out, len(found.inside.texts)) == (4, 20)


def test_shifted_texts_come_from_rows_that_say_so(tmp_path):
    table = [{**row, "part": "test" if i % 10 < 4 else "train"} for i, row in enumerate(rows(20))]
    table += [{"body": f"ein {row['body']}", "kind": row["kind"], "part": "shifted"} for row in rows(12)]
    found = read_own_shifted(OwnShiftedPlan("mine", written(tmp_path, table), None, "body", "kind", "part"), 40, 0.3, 0)
    assert set(found.shifted.texts) == {row["body"] for row in table if row["part"] == "shifted"}
    tested = {found.inside.texts[row] for row in found.split.test}
    assert tested == {row["body"] for row in table if row["part"] == "test"}


def test_a_label_of_shifted_texts_that_the_dataset_lacks_is_refused_at_its_line(tmp_path):
    shifted = written(tmp_path, [{"body": "x", "kind": "maybe"}], "shifted.csv")
    with pytest.raises(GatekitError, match=r"shifted\.csv:2:1: label 'maybe' is none of no and yes"):
        read_own_shifted(OwnShiftedPlan("mine", written(tmp_path, rows(20)), shifted, "body", "kind"), 20, 0.3, 0)


def own(path: str, more: str = "") -> str:
    return f"  own: [{{name: mine, path: '{path}', text: body, label: kind{more}}}]\n"


SAEBENCH = SAES + PROBING.replace("[113_movie_sent]", "[113_movie_sent, mine]")


def test_a_run_probes_ones_own_dataset_beside_a_registered_one(tmp_path, corpus_read_once):
    path = written(tmp_path, [{**row, "part": "test" if i % 10 < 4 else "train"} for i, row in enumerate(rows(20))])
    text = SAEBENCH + own(path, ", split: part") + "baseline: {kind: dense_probe}\n"
    assert run_stage(stage_of("saebench"), arguments(tmp_path, text)) == 0
    found: dict[str, Any] = json.loads((tmp_path / "out" / "saebench.json").read_text())
    assert [each["name"] for each in found["protocol"]["datasets"]] == ["113_movie_sent", "mine"]
    inputs = {entry["name"]: entry for entry in found["producer"]["inputs"]}
    assert inputs["labelled:mine:file"]["sha256"] == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert found["producer"]["config"]["probing"]["own"][0]["path"] == "mine.csv"
    assert str(tmp_path) not in json.dumps(found["producer"]["config"])
    # Words that tell the classes apart are all there is, so the model's own probe finds them.
    auc = found["measurements"]["auc_delta"]["columns"]
    assert [b for b, name in zip(auc["baseline"], auc["dataset"], strict=True) if name == "mine"] == [1.0] * 5


def test_a_run_measures_the_drop_on_ones_own_shifted_texts(tmp_path, corpus_read_once):
    inside = written(tmp_path, rows(30))
    shifted = written(tmp_path, [{"body": f"ein {row['body']}", "kind": row["kind"]} for row in rows(12)], "b.csv")
    others = written(tmp_path, [{"body": f"und {row['body']}", "kind": row["kind"]} for row in rows(12)], "c.csv")
    sets = ", ".join(
        f"{{name: {name}, path: '{inside}', shifted_path: '{path}', text: body, label: kind}}"
        for name, path in (("mine", shifted), ("other", others))
    )
    shift = (
        f"shift: {{shifted: null, longer: null, own: [{sets}], least_dense_auc: 0.5, rows: 40, test_fraction: 0.25,\n"
        "        max_tokens: 16, pooling: last, ks: [1], penalty: l2, seed: 0}\n"
    )
    assert run_stage(stage_of("ood"), arguments(tmp_path, SAES + shift)) == 0
    found: dict[str, Any] = json.loads((tmp_path / "out" / "ood.json").read_text())
    assert [each["name"] for each in found["protocol"]["datasets"]] == ["own:mine", "own:other"]
    names = {entry["name"] for entry in found["producer"]["inputs"]}
    assert {"labelled:mine:file", "labelled:mine:shifted-file", "texts:own:mine:shifted"} <= names


def configured(folder: Path, text: str) -> SaebenchConfig:
    path = folder / "c.yaml"
    path.write_text(text + "baseline: {kind: dense_probe}\n")
    return read_config(path, SaebenchConfig)


KEYS = {
    ("[113_movie_sent]", "a.csv", ""): "own[0]: the dataset is not named in 'datasets'",
    ("[mine]", "a.doc", ""): "the file's form is told by its name: .jsonl",
    ("[mine]", "a.csv", ", split: body"): "text, label and split are columns of their own",
}


@pytest.mark.parametrize("case", KEYS)
def test_keys_of_ones_own_datasets_that_do_not_go_together_are_refused(case, tmp_path):
    datasets, path, more = case
    text = SAES + PROBING.replace("[113_movie_sent]", datasets) + own(path, more)
    with pytest.raises(GatekitError) as caught:
        check(configured(tmp_path, text))
    assert KEYS[case].removeprefix("own[0]: ") in str(caught.value)
    assert "c.yaml:" in str(caught.value)


def test_a_configuration_without_own_datasets_has_the_plain_form_that_it_had(tmp_path):
    assert "own" not in without_paths(configured(tmp_path, SAES + PROBING))["probing"]


def test_two_of_ones_own_datasets_with_one_name_are_refused(tmp_path):
    text = (
        SAES + PROBING.replace("[113_movie_sent]", "[mine]") + own("a.csv").replace("]", ", {name: mine, path: b.csv}]")
    )
    with pytest.raises(GatekitError, match="two datasets have this name"):
        check(configured(tmp_path, text))


def test_a_dataset_of_ones_own_by_a_registered_name_is_refused(tmp_path):
    from runners.benchmarks.saebench import dataset_names
    from runners.subjects.text_corpus import sae_probes_folder

    config = configured(tmp_path, SAES + PROBING + own("a.csv"))
    probing = replace(config.probing, own=(OwnLabelledPlan("113_movie_sent", "a.csv"),))
    with pytest.raises(GatekitError, match="sae-probes registers a dataset '113_movie_sent'"):
        dataset_names(probing, sae_probes_folder())
