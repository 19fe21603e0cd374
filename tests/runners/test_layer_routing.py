from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from tiny_stage import SAES, arguments

from gatekit.evidence.reading import read_summary
from gatekit.kinds import INSTALLED
from runners.stages.layer_routing import stage as layer_routing
from runners.stages.layer_routing.measuring import assign

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

ROUTING = """\
sparsity: {target_l0: 4, tolerance: 0.5, seed: 1000, trials: 3}
routing:
  hooks: [blocks.0.hook_resid_post, blocks.1.hook_resid_post]
  architectures:
    - {architecture: batch_topk, d_sae: 48, k: 4, auxiliary_k: 16}
  search_seeds: [100]
  parameter_tolerance: 0.01
"""
TINY = SAES.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]") + ROUTING
HOOKS = ("low", "high")


def scores(low_a: float, low_b: float, high_a: float, high_b: float) -> dict[tuple[str, str], float]:
    return {("low", "a"): low_a, ("low", "b"): low_b, ("high", "a"): high_a, ("high", "b"): high_b}


def test_each_layer_gets_its_best_and_uniform_is_the_best_on_average():
    found = assign(scores(0.9, 0.5, 0.6, 0.7), HOOKS, ["a", "b"])
    assert found.routed == ("a", "b")
    assert found.uniform == "a"
    assert not found.is_uniform


def test_one_architecture_that_is_best_everywhere_is_both_assignments():
    found = assign(scores(0.4, 0.5, 0.6, 0.7), HOOKS, ["a", "b"])
    assert (found.routed, found.uniform) == (("b", "b"), "b")
    assert found.is_uniform


@pytest.fixture
def document(tmp_path, monkeypatch) -> dict[str, Any]:
    """A run in which the search is made to find another architecture best at each layer."""
    from runners.stages.layer_routing import measuring as layer_routing_measuring

    chosen = layer_routing_measuring.Assignment(("topk", "batch_topk"), "topk")
    monkeypatch.setattr(layer_routing_measuring, "assign", lambda *_: chosen)
    assert layer_routing.main(arguments(tmp_path, TINY)) == 0
    assert read_summary(str(tmp_path / "out" / "layer_routing.json")).status == "ok"
    parsed: dict[str, Any] = json.loads((tmp_path / "out" / "layer_routing.json").read_text())
    return parsed


def test_both_assignments_are_scored_as_means_over_layers_on_seeds_that_the_choice_never_saw(document, tmp_path):
    from runners.metrics.reconstruction import measure_reconstruction
    from runners.saes.checkpoint import load_sae
    from runners.subjects.activation_store import open_store

    assert set(document["measurements"]) == set(INSTALLED.measures("layer_routing"))
    assert document["protocol"]["selection"] == {"candidates": 4, "seeds": [100]}
    assert document["protocol"]["settings"]["equal_by_construction"] is False
    stores = {}
    for manifest in (tmp_path / "cache" / "activations").glob("*/manifest.json"):
        key = json.loads(manifest.read_text())
        if key["shape"][0] == 200:
            stores[key["key"]["hook"]] = open_store(manifest.parent).read()

    def r2(hook: str, architecture: str, seed: int) -> float:
        (run,) = (tmp_path / "cache" / "runs" / "layer_routing").iterdir()
        sae = load_sae(run / f"compared_{hook}_{architecture}" / f"seed_{seed}.safetensors")
        scored = measure_reconstruction(
            lambda x: tuple(y.unsqueeze(0) for y in sae.reconstruct(x)), stores[hook], "cpu"
        )
        return scored.r2[0]

    low, high = "blocks.0.hook_resid_post", "blocks.1.hook_resid_post"
    columns = document["measurements"]["r2_above_uniform"]["columns"]
    routed = [fmean([r2(low, "topk", seed), r2(high, "batch_topk", seed)]) for seed in (0, 1)]
    uniform = [fmean([r2(low, "topk", seed), r2(high, "topk", seed)]) for seed in (0, 1)]
    assert columns["candidate"] == pytest.approx(routed)
    assert columns["baseline"] == pytest.approx(uniform)


def test_a_choice_that_is_uniform_is_a_measured_summary_that_says_equal_by_construction(tmp_path: Path, monkeypatch):
    from runners.stages.layer_routing import measuring as layer_routing_measuring

    chosen = layer_routing_measuring.Assignment(("topk", "topk"), "topk")
    monkeypatch.setattr(layer_routing_measuring, "assign", lambda *_: chosen)
    assert layer_routing.main(arguments(tmp_path, TINY)) == 0
    path = tmp_path / "out" / "layer_routing.json"
    summary, document = read_summary(str(path)), json.loads(path.read_text())
    assert summary.status == "ok"
    assert summary.protocol.settings["equal_by_construction"] is True
    assert summary.protocol.baseline_subject is not None
    assert summary.protocol.baseline_subject.checkpoints == summary.subject.checkpoints
    assert set(summary.measurements["r2_above_uniform"].effects) == {0.0}
    assert set(document["measurements"]) == set(INSTALLED.measures("layer_routing"))
    assert not any("batch_topk" in artifact["name"] for artifact in document["artifacts"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("search_seeds: [100]", "search_seeds: [1]", "none of 'seeds'"),
        ("batch_topk, d_sae: 48", "batch_topk, d_sae: 60", "differ in number of parameters"),
        ("seed: 1000", "seed: 100", "the sparsity's seed is one of the seeds"),
    ],
)
def test_an_unfair_comparison_is_refused(tmp_path, capsys, old, new, said):
    assert layer_routing.main(arguments(tmp_path, TINY.replace(old, new))) == 4
    assert said in capsys.readouterr().err
