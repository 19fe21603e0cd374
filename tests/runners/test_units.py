"""What is made ahead of a run, piece by piece, is all that the run needs, and gives it the same observations."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from made_ahead import RANDOM_MODEL, TWO, all_observed, computed, listed, run
from tiny_external import CEBENCH, OOD
from tiny_stage import PROBING, SAES, arguments, stage_of

from gatekit.cache.entries import entries_of
from gatekit.cache.wholeness import fault_of
from runners.cache_use import noting
from runners.stage.lifecycle import run_stage

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

WHOLE = {
    "random_model": RANDOM_MODEL,
    "transcoder": TWO.replace("blocks.0", "blocks.1")
    + "transcoder: {input_hook: blocks.0.hook_resid_post, gaussian_draws: 1}\n",
    "stability": TWO,
    "saebench": TWO + PROBING + "baseline: {kind: random_sae}\n",
    "cebench": CEBENCH.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]"),
    "ood": OOD.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]"),
    "frontier": TWO
    + PROBING
    + """\
sparsity: {target_l0: 24, tolerance: 0.3, seed: 1000, trials: 2}
gaussian_draws: 1
route_hooks: [blocks.0.hook_resid_post, blocks.1.hook_resid_post]
architectures:
  - {architecture: relu, d_sae: 48, l1_coefficient: 3.0}
  - {architecture: route, d_sae: 48, k: 4}
""",
    "scaling": TWO
    + PROBING
    + "grid: {train_tokens: [256, 600], hooks: [blocks.0.hook_resid_post], d_saes: [24, 48], passes: 1}\n"
    + "gaussian_draws: 1\n",
    "layer_routing": TWO
    + """\
sparsity: {target_l0: 24, tolerance: 0.3, seed: 1000, trials: 2}
routing:
  hooks: [blocks.0.hook_resid_post, blocks.1.hook_resid_post]
  architectures: [{architecture: relu, d_sae: 48, l1_coefficient: 3.0}]
  search_seeds: [100]
  parameter_tolerance: 0.01
""",
    "ablation": TWO + "chance: {gaussian_draws: 1}\nsweep: {ks: [2, 4], d_saes: [48], steps: [4, 8]}\n",
    "adaptive_l0": TWO
    + "search: {ks: [2, 8], seeds: [20, 21, 22], r2_floor: -1.0, confidence: 0.9}\nchance: {gaussian_draws: 1}\n",
    "consistency": TWO
    + """\
alignment: {versions: [v1, v2], weights: [0.5], update_interval: 2}
references: {seeds: [100, 101], shared: 200}
scoring: {gaussian_draws: 1, matched_cosine: 0.7}
search_seeds: [0]
""",
}
"""Stages of whose results everything that the cache keeps is known before anything is measured."""


JOINED = [kind if kind == "transcoder" else pytest.param(kind, marks=pytest.mark.slow) for kind in sorted(WHOLE)]


@pytest.mark.parametrize("kind", JOINED)
def test_a_run_joins_what_was_made_ahead_and_observes_the_same(kind, capsys, tmp_path):
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

    cache = tmp_path / "second"
    kept = computed(cache)
    with noting() as used:
        assert run(kind, *ahead) == 0
    assert computed(cache) == kept, "the join computes nothing"
    told = [json.loads(path.read_text())["files"] for path in (cache / "units").glob("*.json")]
    assert {path.relative_to(cache).as_posix() for path in used} <= {name for files in told for name in files}
    # Nothing was made ahead that a run would not have made.
    assert set(kept) == set(computed(tmp_path / "first"))
    assert all_observed(tmp_path / "joined") == all_observed(tmp_path / "undisturbed")
    for summary in after["summaries"]:
        written = json.loads((tmp_path / "joined" / summary["path"]).read_text())
        assert (written["kind"], written["producer"]["config_sha256"]) == (summary["kind"], summary["config_sha256"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ood", "consistency"])
def test_pieces_made_by_two_other_processes_give_the_same_evidence(kind, capsys, tmp_path):
    assert run(kind, *arguments(tmp_path, WHOLE[kind], "undisturbed", "first")) == 0
    ahead = list(arguments(tmp_path, WHOLE[kind], "joined", "second"))
    keys = [unit["key"] for unit in listed(capsys, kind, ahead)["units"]]
    # Both make all that others need; each waits for what the other is at.
    command = [sys.executable, "-m", "runners", kind, *ahead]
    halves = [keys[::2], keys[1::2]]
    workers = [
        subprocess.Popen([*command, *(part for key in half for part in ("--only", key))], env=os.environ)
        for half in halves
    ]
    assert [worker.wait(600) for worker in workers] == [0, 0]
    kept = computed(tmp_path / "second")
    assert run(kind, *ahead) == 0
    assert computed(tmp_path / "second") == kept
    assert all_observed(tmp_path / "joined") == all_observed(tmp_path / "undisturbed")


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


@pytest.mark.parametrize("fault", ["flipped", "cut", "empty"])
def test_a_damaged_note_that_a_unit_is_done_is_not_believed_and_is_written_again(fault, capsys, tmp_path):
    given = list(arguments(tmp_path, RANDOM_MODEL))
    key = listed(capsys, "random_model", given)["units"][0]["key"]
    assert run("random_model", *given, "--only", key) == 0
    (note,) = (tmp_path / "cache" / "units").glob("*.json")
    whole = note.read_bytes()
    place = whole.index(key.encode()) + 5
    flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    note.write_bytes({"flipped": flipped, "cut": whole[:-9], "empty": b""}[fault])
    assert not listed(capsys, "random_model", given)["units"][0]["done"]
    assert run("random_model", *given, "--only", key) == 0
    assert note.read_bytes() == whole
    assert listed(capsys, "random_model", given)["units"][0]["done"]


@pytest.mark.parametrize("other", ["unit", "class of device"])
def test_the_note_of_another_unit_or_class_of_device_is_not_believed(other, capsys, tmp_path):
    given = list(arguments(tmp_path, RANDOM_MODEL))
    key = listed(capsys, "random_model", given)["units"][0]["key"]
    assert run("random_model", *given, "--only", key) == 0
    (note,) = (tmp_path / "cache" / "units").glob("*.json")
    whole = json.loads(note.read_text())
    note.write_text(json.dumps(whole | ({"key": "0" * 64} if other == "unit" else {"device": "another"})))
    (entry,) = entries_of(tmp_path / "cache", ["units"])
    assert fault_of(entry) == "it is of another unit, or of another class of device"
    assert not listed(capsys, "random_model", given)["units"][0]["done"]
    assert run("random_model", *given, "--only", key) == 0
    assert json.loads(note.read_text()) == whole
    assert fault_of(entry) is None


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
