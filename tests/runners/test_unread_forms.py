"""Texts in a form that nothing reads are refused by name, with what makes a form of them that is read."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny_stage import SAES, arguments, stage_of

from gatekit.errors import GatekitError
from runners.stage.lifecycle import run_stage
from runners.subjects.documents import read_documents
from runners.subjects.plan import OwnLabelledPlan, OwnShiftedPlan, TextFilter, TextPlan
from runners.subjects.unread_forms import refuse_unread_forms

pytestmark = pytest.mark.runners

PLAN = TextPlan("files", 0, 10, 5)
PROBES = "texts: {source: sae-probes, seed: 0, train_tokens: 600, held_out_tokens: 200}"


def said_of(plan: TextPlan) -> str:
    with pytest.raises(GatekitError) as caught:
        refuse_unread_forms(SimpleNamespace(texts=plan))
    assert caught.value.error_id == "texts.form"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def accepted(plan: TextPlan) -> None:
    refuse_unread_forms(SimpleNamespace(texts=plan))


def contents(plan: TextPlan) -> list[Any]:
    return [document.content for document in read_documents(plan)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.jsonl.gz", "'a.jsonl.gz' is packed, and nothing here unpacks it; gunzip --keep a.jsonl.gz"),
        ("a.jsonl.zst", "zstd --decompress a.jsonl.zst"),
        ("a.txt.xz", "unxz --keep a.txt.xz"),
        ("my texts.json", "jq -c '.[]' 'my texts.json' > 'my texts.jsonl'"),
        ("a.csv", "'a.csv' is a table that texts are not read from; python -c"),
        ("a.tsv", "is a table"),
        ("data-00000-of-00001.arrow", "is one file of a dataset; name the folder"),
        ("ids.npz", "holds several arrays"),
        ("ids.pt", "numpy.save"),
        ("ids.bin", "does not say of what type its numbers are"),
    ],
)
def test_a_form_of_file_is_refused_with_what_makes_one_that_is_read(name: str, said: str):
    assert said in said_of(replace(PLAN, paths=(f"corpus/{name}",)))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "ids.npz"])
def test_the_command_that_is_named_makes_a_file_that_is_read(name: str, tmp_path: Path):
    frame = pd.DataFrame({"text": ["one, two", "three"]})
    if name.endswith("npz"):
        np.savez(tmp_path / name, ids=np.array([[5, 6]]))
    else:
        frame.to_csv(tmp_path / name, sep="\t" if name.endswith("tsv") else ",", index=False)
    command = said_of(replace(PLAN, paths=(str(tmp_path / name),))).partition("; ")[2].rpartition(" [")[0]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, env=environment)
    made = tmp_path / ("ids.npy" if name.endswith("npz") else "a.parquet")
    expected: list[Any] = [(5, 6)] if name.endswith("npz") else ["one, two", "three"]
    assert contents(replace(PLAN, paths=(str(made),))) == expected


def test_a_run_says_the_file_of_the_configuration_and_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = SAES.replace(PROBES, PROBES.replace("sae-probes", "files, paths: [corpus.jsonl.gz]"))
    assert run_stage(stage_of("ablation"), arguments(tmp_path, text + "chance: {gaussian_draws: 1}\n")) == 4
    said = capsys.readouterr().err.splitlines()[0]
    assert ".yaml:" in said
    assert "'corpus.jsonl.gz' is packed" in said
    assert not (tmp_path / "out" / "ablation.json").exists()


def folder_of(values: dict[str, Any], tmp_path: Path, *kind: Any, **more: Any) -> TextPlan:
    import datasets

    stored = datasets.Dataset.from_dict(values)
    if kind:
        stored.set_format(*kind, **more)
    stored.save_to_disk(str(tmp_path / "saved"))
    return replace(PLAN, source="folder", paths=(str(tmp_path / "saved"),))


@pytest.mark.parametrize("kind", ["torch", "numpy", "pandas", "arrow"])
def test_token_ids_that_were_saved_with_a_format_are_refused_and_the_remedy_helps(kind: str, tmp_path: Path):
    import datasets

    plan = replace(folder_of({"input_ids": [[5, 6, 7]]}, tmp_path, kind), holds="token_ids")
    said = said_of(plan)
    assert f"'saved' was saved with a format that is '{kind}'; save it again, to another folder: load_from_disk" in said
    datasets.load_from_disk(str(tmp_path / "saved")).with_format(None).save_to_disk(str(tmp_path / "again"))
    again = replace(plan, paths=(str(tmp_path / "again"),))
    accepted(again)
    assert contents(again) == [(5, 6, 7)]


@pytest.mark.parametrize("kind", ["torch", "numpy"])
def test_texts_are_read_whatever_they_were_saved_for(kind: str, tmp_path: Path):
    plan = folder_of({"text": ["one", "two"]}, tmp_path, kind)
    accepted(plan)
    assert contents(plan) == ["one", "two"]


def test_a_format_that_leaves_the_column_out_is_said(tmp_path: Path):
    plan = folder_of({"text": ["one"], "n": [1]}, tmp_path, "torch", columns=["n"])
    assert "with a format that leaves out the column 'text'" in said_of(plan)


@pytest.mark.parametrize("form", ["jsonl", "parquet", "folder"])
def test_a_column_within_another_is_refused_and_the_remedy_helps(form: str, tmp_path: Path):
    import datasets

    rows = {"data": [{"text": "one", "n": 1}, {"text": "two", "n": 2}]}
    stored = datasets.Dataset.from_dict(rows)
    match form:
        case "jsonl":
            stored.to_json(tmp_path / "a.jsonl")
            stored.flatten().to_json(tmp_path / "b.jsonl")
            plan, flat = (replace(PLAN, paths=(str(tmp_path / f"{name}.jsonl"),)) for name in "ab")
        case "parquet":
            stored.to_parquet(tmp_path / "a.parquet")
            stored.flatten().to_parquet(tmp_path / "b.parquet")
            plan, flat = (replace(PLAN, paths=(str(tmp_path / f"{name}.parquet"),)) for name in "ab")
        case _:
            stored.save_to_disk(str(tmp_path / "a"))
            stored.flatten().save_to_disk(str(tmp_path / "b"))
            plan, flat = (replace(PLAN, source="folder", paths=(str(tmp_path / name),)) for name in "ab")
    wanted = replace(plan, column="data.text")
    assert "'data.text' is a column within 'data', and only those at the top of a row are read; flatten" in said_of(
        wanted
    )
    filtered = replace(plan, filter=(TextFilter("data.n", "1"),))
    assert "'data.n' is a column within 'data'" in said_of(filtered)
    flat = replace(flat, column="data.text", filter=(TextFilter("data.n", "1"),))
    accepted(flat)
    assert contents(flat) == ["one"]


def test_a_dot_in_the_name_of_a_column_is_no_path(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text('{"data.text": "one", "data": {"text": "two"}}\n')
    accepted(replace(PLAN, paths=(str(tmp_path / "a.jsonl"),), column="data.text"))


def test_what_cannot_be_read_is_left_to_the_reader(tmp_path: Path):
    (tmp_path / "broken.jsonl").write_text("{")
    (tmp_path / "empty.jsonl").write_text("")
    for name in ("broken.jsonl", "empty.jsonl", "absent.jsonl"):
        accepted(replace(PLAN, paths=(str(tmp_path / name),), column="data.text"))
    accepted(replace(PLAN, source="folder", paths=(str(tmp_path / "absent"),)))


@pytest.mark.parametrize(
    ("names", "default", "refused"),
    [(["a-v1", "b-v1"], None, True), (["a", "b"], "a", False), (["default"], "default", False)],
)
def test_a_dataset_of_the_hub_with_several_configurations_is_refused_with_their_names(
    names: list[str], default: str | None, refused: bool, monkeypatch: pytest.MonkeyPatch
):
    import datasets

    monkeypatch.setattr(datasets, "get_dataset_config_names", lambda *_, **__: names)
    monkeypatch.setattr(datasets, "get_dataset_default_config_name", lambda *_, **__: default)
    plan = replace(PLAN, source="hub", name="lab/texts", revision="a" * 40)
    if not refused:
        accepted(plan)
        return
    said = said_of(plan)
    assert "'lab/texts' has 2 configurations, of which none can be named here: a-v1, b-v1; load_dataset(" in said
    assert f"revision='{'a' * 40}', split='train').save_to_disk(FOLDER), and 'source: folder'" in said


def test_labelled_files_are_looked_at_too(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text('{"data": {"text": "one"}, "label": 1}\n')
    packed = OwnLabelledPlan("x", "a.csv.gz")
    one_value = OwnShiftedPlan("x", "a.csv", shifted_path="b.json")
    inner = OwnLabelledPlan("x", str(tmp_path / "a.jsonl"), text="data.text")
    for block, own, said in (
        ("probing", packed, "'a.csv.gz' is packed"),
        ("shift", one_value, "'b.json' may be one JSON value"),
        ("probing", inner, "'data.text' is a column within 'data'"),
    ):
        with pytest.raises(GatekitError) as caught:
            refuse_unread_forms(SimpleNamespace(**{block: SimpleNamespace(own=(own,))}))
        assert said in str(caught.value)
