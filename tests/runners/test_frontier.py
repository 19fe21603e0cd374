from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_stage import PROBING, SAES, arguments

from gatekit.evidence.reading import read_summary
from gatekit.kinds import INSTALLED
from runners.arms import activations
from runners.stages.frontier import stage as frontier

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

FRONTIER = """\
sparsity: {target_l0: 24, tolerance: 0.3, seed: 1000, trials: 2}
gaussian_draws: 1
route_hooks: [blocks.0.hook_resid_post, blocks.1.hook_resid_post]
architectures:
  - {architecture: relu, d_sae: 48, l1_coefficient: 3.0}
  - {architecture: route, d_sae: 48, k: 4}
  - {architecture: jump_relu, d_sae: 48, l0_coefficient: 1.0, initial_threshold: 1000}
"""
TINY = SAES.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]") + FRONTIER + PROBING


@pytest.fixture(scope="module")
def done(corpus, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("frontier")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        # No latent passes so high a threshold, whatever the price: that cell fails, the others do not.
        assert frontier.main(arguments(folder, TINY)) == 4
    return folder


def document(done: Path, cell: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((done / "out" / cell / "frontier.json").read_text())
    return parsed


@pytest.mark.parametrize("cell", ["topk", "relu", "route"])
def test_every_architecture_has_a_summary_with_every_measure(done, cell):
    summary = read_summary(str(done / "out" / cell / "frontier.json"))
    assert summary.status == "ok"
    assert set(summary.measurements) == set(INSTALLED.measures("frontier"))


def test_an_architecture_that_cannot_have_the_wanted_sparsity_says_so_and_holds_no_number(done):
    failed = document(done, "jump_relu")
    assert failed["status"] == "failed"
    assert "no l0_coefficient gave 'jump_relu' an L0 within 30% of 24: 0 at 1" in failed["reason"]
    assert failed["measurements"] == {}


def test_all_architectures_have_one_protocol_so_that_they_can_be_compared(done):
    protocols = [document(done, cell)["protocol"] for cell in ("topk", "relu", "route")]
    assert protocols[0] == protocols[1] == protocols[2]
    assert protocols[0]["selection"] == {"candidates": 4, "seeds": [0, 1]}


def test_the_dense_probe_is_the_same_whoever_is_compared_with_it(done):
    columns = [
        document(done, cell)["measurements"]["auc_delta"]["columns"]["baseline"] for cell in ("topk", "relu", "route")
    ]
    assert columns[0] == columns[1] == columns[2]


def test_the_sparsity_is_searched_with_a_seed_that_no_observation_is_about(done):
    searched = {path.stem for path in (done / "cache" / "runs" / "frontier").glob("*/sparsity_search/*.json")}
    assert searched == {"seed_1000"}
    assert [entry["seed"] for entry in document(done, "relu")["subject"]["checkpoints"]] == [0, 1]


def test_r2_of_a_route_sae_is_that_of_the_picked_layer_at_equal_scale(done):
    path = next(
        path
        for path in (done / "cache" / "runs" / "frontier").glob("*/model/seed_1.safetensors")
        if json.loads(path.with_suffix(".json").read_text())["architecture"] == "route"
    )
    weights = {name: value.astype(np.float64) for name, value in load_file(path).items()}
    rows = np.stack([np.load(store).astype(np.float64) for store in _held_out_stores(done)], axis=1) * weights[
        "scale"
    ].reshape(1, -1, 1)
    picked = (rows.sum(axis=1) @ weights["W_router"]).argmax(axis=1)
    x = rows[np.arange(len(rows)), picked]
    pre = np.maximum((x - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"], 0)
    cut = np.sort(pre, axis=1)[:, -4:-3]
    z = np.where(pre >= cut, pre, 0)
    error = x - (z @ weights["W_dec"] + weights["b_dec"])
    means = np.stack([x[picked == layer].mean(axis=0) if (picked == layer).any() else x[0] for layer in (0, 1)])
    expected = 1 - (error**2).sum() / ((x - means[picked]) ** 2).sum()
    columns = document(done, "route")["measurements"]["r2"]["columns"]
    assert columns["candidate"][columns["seed"].index(1)] == pytest.approx(expected, abs=1e-4)


def _held_out_stores(done: Path) -> list[Path]:
    """The stores of the 200 held-out rows at the two hooks, in order of hooks."""
    found = {}
    for manifest in (done / "cache" / "activations").glob("*/manifest.json"):
        key = json.loads(manifest.read_text())
        if key["shape"][0] == 200:
            found[key["key"]["hook"]] = manifest.parent / "activations.npy"
    return [found[hook] for hook in sorted(found)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed: 1000", "seed: 1", "the sparsity's seed is one of 'seeds'"),
        ("route_hooks: [blocks.0.hook_resid_post, ", "route_hooks: [", "'route_hooks' lacks the subject's own hook"),
        ("{architecture: route, d_sae: 48, k: 4}", "{architecture: topk, d_sae: 8, k: 4}", "have one name"),
        ("ks: [1, 2]", "ks: [1, 200]", "a probe of 200 latents exceeds d_sae=48"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_runs(tmp_path, capsys, old, new, said):
    assert frontier.main(arguments(tmp_path, TINY.replace(old, new))) == 4
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
