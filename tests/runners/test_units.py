"""What is made ahead of a run, piece by piece, is all that the run needs, and gives it the same observations."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tiny_external import CEBENCH
from tiny_stage import PROBING, SAES, arguments, stage_of

from runners.arms import trained_saes
from runners.benchmarks import saebench
from runners.stage.lifecycle import run_stage
from runners.stages.stability import trajectories
from runners.subjects import activation_store

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

TWO = SAES.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]")
RANDOM_MODEL = TWO + (
    "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7, extra_controls: [frozen_decoder]}\n"
)
WHOLE = {
    "random_model": RANDOM_MODEL,
    "transcoder": TWO.replace("blocks.0", "blocks.1")
    + "transcoder: {input_hook: blocks.0.hook_resid_post, gaussian_draws: 1}\n",
    "stability": TWO,
    "saebench": TWO + PROBING + "baseline: {kind: random_sae}\n",
    "cebench": CEBENCH.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]"),
}
"""Stages all of whose SAEs and activations of training texts are known before anything is measured."""


def run(kind: str, *arguments: str) -> int:
    code: int = import_module(f"runners.stages.{kind}").main(list(arguments))
    return code


def listed(capsys: pytest.CaptureFixture[str], kind: str, given: list[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert run(kind, *given, "--units") == 0
    (line,) = capsys.readouterr().out.splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def observed(path: Path) -> str:
    document = json.loads(path.read_text())
    parts = [document[part] for part in ("status", "measurements", "subject", "protocol")]
    return json.dumps([*parts, document["producer"]["inputs"], document["producer"]["config_sha256"]])


JOINED = [kind if kind == "transcoder" else pytest.param(kind, marks=pytest.mark.slow) for kind in sorted(WHOLE)]


@pytest.mark.parametrize("kind", JOINED)
def test_a_run_joins_what_was_made_ahead_and_observes_the_same(kind, capsys, monkeypatch, tmp_path):
    given = list(arguments(tmp_path, WHOLE[kind], "undisturbed", "first"))
    assert run(kind, *given) == 0
    ahead = list(arguments(tmp_path, WHOLE[kind], "joined", "second"))
    before = listed(capsys, kind, ahead)
    assert [unit["done"] for unit in before["units"]] == [False] * len(before["units"])
    made: set[str] = set()
    for unit in before["units"]:
        assert set(unit["after"]) <= made, "those that others need come first"
        assert run(kind, *ahead, "--only", unit["key"]) == 0
        made.add(unit["key"])
    assert not (tmp_path / "joined").exists()
    after = listed(capsys, kind, ahead)
    assert after == {**before, "units": [{**unit, "done": True} for unit in before["units"]]}

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(trained_saes, "train_stack", never)
    monkeypatch.setattr(trajectories, "train_stack", never)
    monkeypatch.setattr(saebench, "_probes", never)
    if kind != "cebench":  # Its stories are read by the run itself.
        monkeypatch.setattr(activation_store, "_compute", never)
    assert run(kind, *ahead) == 0
    assert observed(tmp_path / "joined" / f"{kind}.json") == observed(tmp_path / "undisturbed" / f"{kind}.json")
    (summary,) = after["summaries"]
    written = json.loads((tmp_path / "joined" / summary["path"]).read_text())
    assert (written["kind"], written["producer"]["config_sha256"]) == (summary["kind"], summary["config_sha256"])


def test_the_units_of_a_stage_are_its_activations_and_its_saes_by_seed(capsys, tmp_path):
    found = listed(capsys, "random_model", list(arguments(tmp_path, RANDOM_MODEL)))
    names = [unit["name"] for unit in found["units"]]
    assert names == [
        "activations/model/blocks.0.hook_resid_post",
        "saes/model/0",
        "saes/model/1",
        "activations/random-model-0/blocks.0.hook_resid_post",
        "saes/random_model/0",
        "saes/random_model/1",
        "saes/frozen_decoder/0",
        "saes/frozen_decoder/1",
    ]
    assert {unit["needs"]["gpus"] for unit in found["units"]} == {0}
    assert not (tmp_path / "cache").exists()


def test_for_a_gpu_seeds_are_named_in_groups_on_a_machine_that_has_none(capsys, monkeypatch, tmp_path):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    given = [*arguments(tmp_path, SAES + "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7}\n")]
    given = [word if word != "cpu" else "cuda" for word in given]
    found = listed(capsys, "random_model", given)
    assert [unit["name"] for unit in found["units"]][1:3] == ["saes/model/0-2", "saes/model/3-4"]
    assert {(unit["needs"]["gpus"], unit["done"]) for unit in found["units"]} == {(1, False)}


def test_a_pilot_and_the_full_run_share_the_units_of_their_common_seeds(capsys, tmp_path):
    given = list(arguments(tmp_path, RANDOM_MODEL))
    pilot = {unit["key"] for unit in listed(capsys, "random_model", [*given, "--set", "seeds=[0, 1, 2]"])["units"]}
    full = {unit["key"] for unit in listed(capsys, "random_model", [*given, "--set", "seeds=[0, 1, 2, 3, 4]"])["units"]}
    assert pilot < full
    assert len(full - pilot) == 2 * 3


def test_other_recipes_are_other_units(capsys, tmp_path):
    given = list(arguments(tmp_path, RANDOM_MODEL))
    own = {unit["key"] for unit in listed(capsys, "random_model", given)["units"]}
    for setting in ("threads=2", "texts.seed=1", "subject.max_tokens_per_text=31"):
        other = {unit["key"] for unit in listed(capsys, "random_model", [*given, "--set", setting])["units"]}
        assert not own & other, setting
    other = {unit["key"] for unit in listed(capsys, "random_model", [*given, "--set", "training.steps=9"])["units"]}
    assert len(own & other) == 2, "the activations alone"


def test_two_stages_on_the_same_saes_name_the_same_units(capsys, tmp_path):
    ours = listed(capsys, "random_model", list(arguments(tmp_path, RANDOM_MODEL)))["units"]
    theirs = listed(capsys, "saebench", list(arguments(tmp_path, WHOLE["saebench"])))["units"]
    shared = {unit["key"] for unit in ours} & {unit["key"] for unit in theirs}
    assert {unit["name"] for unit in theirs if unit["key"] in shared} == {
        "activations/model/blocks.0.hook_resid_post",
        "saes/model/0",
        "saes/model/1",
        "saes/random_sae/0",
        "saes/random_sae/1",
    }


def test_a_unit_whose_file_is_gone_is_not_done(capsys, tmp_path):
    given = list(arguments(tmp_path, RANDOM_MODEL))
    key = listed(capsys, "random_model", given)["units"][1]["key"]
    assert run("random_model", *given, "--only", key) == 0
    assert {unit["key"]: unit["done"] for unit in listed(capsys, "random_model", given)["units"]}[key]
    next((tmp_path / "cache" / "saes").rglob("seed_0.safetensors")).unlink()
    assert not {unit["key"]: unit["done"] for unit in listed(capsys, "random_model", given)["units"]}[key]


def test_a_key_that_is_none_of_the_configurations_units_is_a_wrong_command_line(capsys, tmp_path):
    assert run("random_model", *arguments(tmp_path, RANDOM_MODEL), "--only", "0" * 64) == 64
    assert "is no unit of this configuration on cpu; --units lists them" in capsys.readouterr().err
    assert run("random_model", *arguments(tmp_path, RANDOM_MODEL), "--only", "0" * 64, "--units") == 64


def test_a_unit_that_is_refused_exits_with_4_and_leaves_no_summary(capsys, tmp_path):
    given = list(arguments(tmp_path, RANDOM_MODEL.replace("d_model: 384", "d_model: 383")))
    key = listed(capsys, "random_model", given)["units"][0]["key"]
    assert run("random_model", *given, "--only", key) == 4
    assert "is 384 wide; the configuration says 383" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_stage_without_pieces_is_one_summary_and_no_units(capsys):
    stage = stage_of("known_circuit")
    assert run_stage(stage, ["--smoke", "--units"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["units"], [summary["path"] for summary in found["summaries"]]) == ([], ["known_circuit.json"])


def test_a_run_needs_a_folder_for_its_summary(capsys):
    assert run_stage(stage_of("random_model"), ["--smoke"]) == 64
    assert capsys.readouterr().err == "no folder for the summary; give --out DIR [usage]\n"
