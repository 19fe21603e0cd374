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
import pytest
from tiny_stage import SAES, arguments, stage_of

from gatekit.errors import GatekitError
from runners.stage.lifecycle import run_stage
from runners.subjects.documents import read_documents
from runners.subjects.plan import OwnLabelledPlan, OwnShiftedPlan, TextPlan
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
        ("a.txt.xz", "'a.txt.xz' is packed, and nothing here unpacks it; unxz --keep a.txt.xz"),
        ("a.jsonl.bz2", "bunzip2 --keep a.jsonl.bz2"),
        ("my ids.npy.gz", "'my ids.npy.gz' is packed, and nothing here unpacks it; gunzip --keep 'my ids.npy.gz'"),
        ("a.parquet.zst", "zstd --decompress a.parquet.zst"),
        ("a.zip", "unzip a.zip"),
        ("ids.npz", "holds several arrays"),
        ("ids.pt", "numpy.save"),
        ("ids.bin", "does not say of what type its numbers are"),
    ],
)
def test_a_form_of_file_is_refused_with_what_makes_one_that_is_read(name: str, said: str):
    assert said in said_of(replace(PLAN, paths=(f"corpus/{name}",)))


def test_the_command_that_is_named_makes_a_file_that_is_read(tmp_path: Path):
    np.savez(tmp_path / "ids.npz", ids=np.array([[5, 6]]))
    command = said_of(replace(PLAN, paths=(str(tmp_path / "ids.npz"),))).partition("; ")[2].rpartition(" [")[0]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, env=environment)
    assert contents(replace(PLAN, paths=(str(tmp_path / "ids.npy"),))) == [(5, 6)]


def test_a_run_says_the_file_of_the_configuration_and_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = SAES.replace(PROBES, PROBES.replace("sae-probes", "files, paths: [corpus.jsonl.xz]"))
    assert run_stage(stage_of("ablation"), arguments(tmp_path, text + "chance: {gaussian_draws: 1}\n")) == 4
    said = capsys.readouterr().err.splitlines()[0]
    assert ".yaml:" in said
    assert "'corpus.jsonl.xz' is packed" in said
    assert not (tmp_path / "out" / "ablation.json").exists()


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
    assert "'lab/texts' has 2 configurations: a-v1, b-v1; say which: configuration: a-v1" in said_of(plan)
    accepted(replace(plan, configuration="b-v1"))
    wrong = said_of(replace(plan, configuration="c-v1"))
    assert "'lab/texts' has no configuration 'c-v1'; it has: a-v1, b-v1" in wrong


def test_labelled_files_are_looked_at_too():
    packed = OwnLabelledPlan("x", "a.csv.xz")
    second = OwnShiftedPlan("x", "a.csv", shifted_path="b.zip")
    for block, own, said in (("probing", packed, "'a.csv.xz' is packed"), ("shift", second, "'b.zip' is packed")):
        with pytest.raises(GatekitError) as caught:
            refuse_unread_forms(SimpleNamespace(**{block: SimpleNamespace(own=(own,))}))
        assert said in str(caught.value)
