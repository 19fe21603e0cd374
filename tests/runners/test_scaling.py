from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_stage import PROBING, SAES, arguments

from gatekit.evidence.reading import read_summary
from runners.arms import activations
from runners.stages.scaling import stage as scaling

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

GRID = """\
grid:
  train_tokens: [256, 600]
  hooks: [blocks.0.hook_resid_post]
  d_saes: [24, 48]
  passes: 1
gaussian_draws: 1
"""
TINY = SAES.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]") + GRID + PROBING
CELLS = {(tokens, width) for tokens in (256, 600) for width in (24, 48)}


@pytest.fixture(scope="module")
def done(corpus, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scaling")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        assert scaling.main(arguments(folder, TINY)) == 0
    return folder


@pytest.fixture(scope="module")
def measured(done) -> dict[tuple[int, int], dict[str, Any]]:
    found = {}
    for path in (done / "out").rglob("*.json"):
        document = json.loads(path.read_text())
        config = document["producer"]["config"]
        found[config["texts"]["train_tokens"], document["subject"]["d_sae"]] = document["measurements"]
    return found


def values(measured: dict[str, Any], name: str, side: str = "candidate") -> np.ndarray:
    return np.array(measured[name]["columns"][side])


def test_every_cell_of_the_grid_has_a_summary_that_the_gate_reads(done, measured):
    assert set(measured) == CELLS
    for path in (done / "out").rglob("*.json"):
        assert read_summary(str(path)).status == "ok"


def test_more_tokens_are_as_many_passes_and_so_more_steps(done):
    configs = [json.loads(path.read_text())["producer"]["config"] for path in (done / "out").rglob("*.json")]
    assert {(c["texts"]["train_tokens"], c["training"]["steps"]) for c in configs} == {(256, 4), (600, 9)}


@pytest.mark.parametrize("name", ["r2", "auc", "pw_mcc_chance_corrected"])
def test_a_cell_is_compared_with_the_first_cell_on_the_same_keys(measured, name):
    base, other = measured[256, 24], measured[600, 48]
    assert f"{name}_above_base" not in base
    assert values(other, f"{name}_above_base").tolist() == values(other, name).tolist()
    assert values(other, f"{name}_above_base", "baseline").tolist() == values(base, name).tolist()


@pytest.mark.parametrize("name", ["r2", "auc", "pw_mcc_chance_corrected"])
def test_the_effect_of_an_axis_is_taken_over_all_values_of_the_other(measured, name):
    effect = measured[600, 24]
    high = (values(measured[600, 24], name) + values(measured[600, 48], name)) / 2
    low = (values(measured[256, 24], name) + values(measured[256, 48], name)) / 2
    assert values(effect, f"{name}_axis_effect") == pytest.approx(high)
    assert values(effect, f"{name}_axis_effect", "baseline") == pytest.approx(low)
    assert f"{name}_axis_effect" not in measured[600, 48]


@pytest.mark.parametrize("name", ["r2", "auc", "pw_mcc_chance_corrected"])
def test_the_interaction_is_the_difference_of_two_differences(measured, name):
    y = {place: values(cell, name) for place, cell in measured.items()}
    entry = measured[600, 48]
    found = values(entry, f"{name}_interaction") - values(entry, f"{name}_interaction", "baseline")
    assert found == pytest.approx((y[600, 48] - y[600, 24]) - (y[256, 48] - y[256, 24]))
    assert f"{name}_interaction" not in measured[600, 24]


def test_one_cell_can_be_measured_again_alone(done, tmp_path, corpus, monkeypatch):
    monkeypatch.setattr(activations, "read_corpus", lambda _: corpus)
    text = TINY + "cell: [1, 0, 1]\n"
    folder = tmp_path
    assert scaling.main(arguments(folder, text, "out", str(done / "cache"))) == 0
    alone = json.loads((folder / "out" / "scaling.json").read_text())
    whole = json.loads((done / "out" / "tokens-600-blocks.0.hook_resid_post-d_sae-48" / "scaling.json").read_text())
    assert json.dumps(alone["measurements"]) == json.dumps(whole["measurements"])
    assert alone["subject"] == whole["subject"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("train_tokens: [256, 600]", "train_tokens: [600, 600]", "'train_tokens' has a value twice"),
        ("train_tokens: [256, 600]", "train_tokens: [32, 600]", "batch_tokens=64 exceeds train_tokens=32"),
        ("gaussian_draws: 1\n", "gaussian_draws: 1\ncell: [2, 0, 0]\n", "the grid has no cell [2, 0, 0]"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_before_anything_runs(tmp_path, capsys, old, new, said):
    assert scaling.main(arguments(tmp_path, TINY.replace(old, new))) == 4
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
