from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_runs
import torch
from safetensors.numpy import load_file

from gatekit.evidence.reading import read_summary
from gatekit.kinds import INSTALLED
from gatekit.policy import read_policy
from runners.config import read_config
from runners.metrics.circuits import fourier_basis, latent_frequencies
from runners.progress import Silent
from runners.saes.plan import TrainingPlan
from runners.saes.topk import TopK
from runners.saes.training import train_stack
from runners.stages.known_circuit import plan as known_circuit
from runners.stages.known_circuit import stage as known_circuit_stage
from runners.stages.known_circuit.measuring import untrained
from runners.subjects import modular_addition as addition

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = addition.COMMITTED[53]

TINY = tiny_runs.known_circuit()

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the stage in this process and return its exit code."""

    def go(text: str = TINY, out: str = "out") -> int:
        config = tmp_path / "tiny.yaml"
        config.write_text(text)
        paths = ("--out", str(tmp_path / out), "--cache", str(tmp_path / "cache"))
        return known_circuit_stage.main(["--config", str(config), *paths, "--device", "cpu"])

    return go


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """One finished run: `out/known_circuit.json` and `cache/`."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.yaml").write_text(TINY)
    paths = ("--out", str(folder / "out"), "--cache", str(folder / "cache"), "--device", "cpu")
    assert known_circuit_stage.main(["--config", str(folder / "tiny.yaml"), *paths]) == 0
    return folder


@pytest.fixture(scope="module")
def document(done) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((done / "out" / "known_circuit.json").read_text())
    return parsed


def checkpoints(done: Path, arm: str) -> list[dict[str, np.ndarray]]:
    folder = next((done / "cache" / "runs" / "known_circuit").iterdir())
    return [load_file(folder / arm / f"seed_{seed}.safetensors") for seed in range(5)]


def latents_of(weights: dict[str, np.ndarray], rows: np.ndarray, k: int) -> np.ndarray:
    """TopK latents by numpy alone, float64."""
    weights = {name: value.astype(float) for name, value in weights.items()}
    before = np.maximum((rows * weights["scale"] - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"], 0)
    cut = np.sort(before, axis=1)[:, -k][:, None]
    return np.where(before >= cut, before, 0.0)


def test_the_gate_reads_the_summary_and_finds_every_measure_of_the_kind(done):
    summary = read_summary(str(done / "out" / "known_circuit.json"))
    assert summary.status == "ok"
    assert set(summary.measurements) == set(INSTALLED.measures("known_circuit"))
    assert summary.protocol.baseline_subject.model_name.endswith("+reinitialised-0")


def test_purity_follows_from_the_checkpoints_by_least_squares(done, document):
    model = addition.load_committed(COMMITTED, "cpu")
    rows = addition.activations(model, "blocks.0.hook_resid_post", "equals").astype(float)
    latents = latents_of(checkpoints(done, "model")[2], rows, 4)
    a, b = np.divmod(np.arange(53 * 53), 53)
    functions = {
        k: np.stack(
            [np.ones(53 * 53)] + [f(2 * np.pi * k * x / 53) for x in (a, b, a + b) for f in (np.cos, np.sin)], axis=1
        )
        for k in range(1, 27)
    }
    scores = []
    for values in latents.T:
        if values.max() > values.min():
            spread = np.square(values - values.mean()).sum()
            fits = [design @ np.linalg.lstsq(design, values, rcond=None)[0] for design in functions.values()]
            scores.append(max(1 - np.square(values - fit).sum() / spread for fit in fits))
    columns = document["measurements"]["latent_purity"]["columns"]
    assert columns["seed"][2] == 2
    assert columns["candidate"][2] == pytest.approx(np.mean(scores), abs=1e-5)


def test_each_control_is_measured_on_what_it_says(done, document):
    measured = document["measurements"]
    model = addition.load_committed(COMMITTED, "cpu")
    twin = addition.reinitialised(model, 0)
    rows = addition.activations(twin, "blocks.0.hook_resid_post", "equals").astype(float)
    found = latent_frequencies(latents_of(checkpoints(done, "random_model")[1], rows, 4), 53)
    control = measured["latent_purity_above_control"]["columns"]["baseline"][1]
    assert control == pytest.approx(found.purity[found.varies].mean(), abs=1e-5)
    sides = {arm: measured[f"latent_purity_above_{arm}"]["columns"] for arm in ("control", "untrained", "shuffled")}
    assert len({tuple(columns["candidate"]) for columns in sides.values()}) == 1
    assert len({tuple(columns["baseline"]) for columns in sides.values()}) == 3


def test_the_embedding_is_compared_with_a_new_random_transformer_per_seed(document):
    columns = document["measurements"]["embedding_r2_above_control"]["columns"]
    assert len(set(columns["candidate"])) == 1
    assert len(set(columns["baseline"])) == 5
    key = [int(k) for k in document["protocol"]["settings"]["key_frequencies"].split(", ")]
    table = addition.embedding(addition.load_committed(COMMITTED, "cpu"))
    free = table - table.mean(axis=0)
    expected = np.square(fourier_basis(53, key) @ free).sum() / np.square(free).sum()
    assert columns["candidate"][0] == pytest.approx(expected)
    assert document["protocol"]["settings"]["embedding_chance"] == pytest.approx(len(key) / 26)


def test_held_out_pairs_are_not_trained_on(document):
    pairs = {dataset["name"]: dataset["rows"] for dataset in document["protocol"]["datasets"]}
    assert pairs == {"modular-addition:training-pairs": 2247, "modular-addition:held-out-pairs": 562}
    split = addition.split_pairs(53, 0.8, "pairs for SAEs", 0)
    assert not set(split.train.tolist()) & set(split.test.tolist())


def test_r2_follows_from_the_checkpoint_on_the_held_out_pairs(done, document):
    model = addition.load_committed(COMMITTED, "cpu")
    rows = addition.activations(model, "blocks.0.hook_resid_post", "equals").astype(float)
    rows = rows[addition.split_pairs(53, 0.8, "pairs for SAEs", 0).test.numpy()]
    weights = checkpoints(done, "model")[0]
    restored = (latents_of(weights, rows, 4) @ weights["W_dec"] + weights["b_dec"]) / weights["scale"]
    expected = 1 - np.square(rows - restored).sum() / np.square(rows - rows.mean(axis=0)).sum()
    assert document["measurements"]["r2"]["columns"]["candidate"][0] == pytest.approx(expected, abs=1e-5)


def test_the_same_configuration_gives_the_same_bytes_of_every_observation(document, run, tmp_path):
    assert run() == 0
    again = json.loads((tmp_path / "out" / "known_circuit.json").read_text())
    for part in ("measurements", "subject", "protocol"):
        assert json.dumps(again[part]) == json.dumps(document[part])
    assert again["producer"]["inputs"] == document["producer"]["inputs"]


def test_the_untrained_control_refuses_a_stack_that_began_elsewhere():
    rows = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    plan = TrainingPlan(2, 16, 1e-3, 0.1, 0.1, 0.03, 100, 1.0, "mean")
    stack = train_stack(TopK(8, 16, 2, 4), rows, [0, 1], plan, "cpu", Silent())
    start = untrained(stack, rows)
    assert torch.equal(start.parameters["W_dec"], stack.initial_decoders)
    assert not torch.equal(start.parameters["W_enc"], stack.parameters["W_enc"])
    with pytest.raises(ValueError, match="not those that training began with"):
        untrained(dataclasses.replace(stack, seeds=(2, 3)), rows)


def test_a_transformer_that_has_not_learnt_to_add_is_no_subject(run, tmp_path):
    text = TINY.replace("weights: committed", "weights: trained").replace("p: 53", "p: 13")
    steps = f"  steps: {COMMITTED.recipe.steps}\n"
    assert run(text.replace(steps, "  steps: 2\n").replace("batch_tokens: 128", "batch_tokens: 32")) == 4
    summary = read_summary(str(tmp_path / "out" / "known_circuit.json"))
    assert summary.status == "failed"
    assert "never saw" in summary.reason


def test_committed_weights_are_not_taken_for_another_recipe(run, tmp_path):
    assert run(TINY.replace("train_fraction: 0.6", "train_fraction: 0.5")) == 4
    assert "no weights ship" in read_summary(str(tmp_path / "out" / "known_circuit.json")).reason


def test_a_wrong_width_fails_the_run_with_its_reason(run, tmp_path):
    assert run(TINY.replace("hook_resid_post", "mlp.hook_post")) == 4
    assert "512 wide" in read_summary(str(tmp_path / "out" / "known_circuit.json")).reason


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("p: 53", "p: 52", "even"),
        ("k: 4,", "k: 25,", "exceeds d_sae"),
        ("batch_tokens: 128", "batch_tokens: 2248", "2247 training pairs"),
        ("centre: mean", "centre: geometric_median", "starts at the mean"),
        ("candidates: 1", "candidates: 2", "names the seeds"),
        ("seeds: [0, 1", "seeds: [1, 0", "increasing"),
    ],
)
def test_values_that_do_not_go_together_are_refused_before_the_run(run, tmp_path, capsys, old, new, message):
    assert run(TINY.replace(old, new)) == 4
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out" / "known_circuit.json").exists()


@pytest.mark.parametrize(
    "path", sorted(known_circuit_stage.STAGE.smoke_config.parent.glob("*.yaml")), ids=lambda p: p.stem
)
def test_the_configurations_that_ship_are_valid(path):
    config = read_config(path, known_circuit.KnownCircuitConfig)
    known_circuit.check(config)
    if config.transformer.weights == "committed":
        plan = config.transformer
        recipe = addition.Recipe(plan.p, plan.train_fraction, plan.seed, plan.steps)
        assert addition.COMMITTED[plan.p].recipe == recipe


def test_the_smoke_size_of_a_configuration_trains_no_transformer_and_keeps_its_hook():
    small = read_config(known_circuit_stage.STAGE.smoke_config, known_circuit.KnownCircuitConfig)
    large = read_config(known_circuit_stage.STAGE.smoke_config.with_name("113.yaml"), known_circuit.KnownCircuitConfig)
    changed = dataclasses.replace(large, transformer=dataclasses.replace(large.transformer, hook="hook_embed"))
    shrunk = known_circuit.shrink(changed, small)
    assert (shrunk.transformer.weights, shrunk.transformer.p) == ("committed", 53)
    assert (shrunk.transformer.hook, shrunk.training.steps) == ("hook_embed", small.training.steps)


def test_the_policy_asks_only_for_what_the_runner_measures():
    policy = read_policy(str(ROOT / "policies" / "known-circuit.yaml"))
    assert policy.gates


def test_how_the_configuration_was_chosen_stands_in_the_protocol(run, tmp_path):
    assert run(TINY.replace("candidates: 1, seeds: null", "candidates: 4, seeds: [100, 101]")) == 0
    protocol = json.loads((tmp_path / "out" / "known_circuit.json").read_text())["protocol"]
    assert protocol["selection"] == {"candidates": 4, "seeds": [100, 101]}
