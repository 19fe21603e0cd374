"""SAEs that training has ruined: the run is done, its summary says so, and the kinds that cannot see it are told."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_stage import SAES, arguments

from runners.arms.divergence import diverged
from runners.metrics.reconstruction import Reconstruction
from runners.stages.random_model import stage as random_model

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

FAR_TOO_FAST = SAES.replace("2.0e-3", "1.0").replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1, 2]")
CONTROLS = "controls: {random_model_seed: 0, gaussian_draws: 2, matched_cosine: 0.7}\n"


def test_a_run_that_diverged_keeps_its_numbers_and_says_so(tmp_path, capfd):
    assert random_model.main(arguments(tmp_path, FAR_TOO_FAST + CONTROLS)) == 0
    summary = json.loads((tmp_path / "out/random_model.json").read_text())
    assert min(summary["measurements"]["r2"]["columns"]["candidate"]) < 0
    assert summary["status"] == "diverged" and "worse than the mean of the activations" in summary["reason"]
    assert "the SAEs have diverged, and no gate passes on them" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("r2", "live", "said"),
    [
        ((0.8, -26.1), [[True, False], [True, True]], "seed 7: r2 -26.1, worse than the mean of the activations"),
        ((0.8, 0.1), [[False, False], [True, True]], "seed 4: all latents dead"),
        ((0.8, 0.0), [[True, False], [True, True]], None),
    ],
)
def test_of_a_kind_without_such_measures_the_held_out_rows_tell(r2, live, said):
    found = Reconstruction(r2=r2, l0=(1.0, 1.0), mse=(0.1, 0.1), live=np.array(live))
    saes = SimpleNamespace(seeds=(4, 7), reconstruction=lambda _: found)
    assert diverged(saes, "cpu") == said


def test_where_there_is_not_one_sae_per_seed_nobody_can_tell():
    assert diverged(None, "cpu") is None
