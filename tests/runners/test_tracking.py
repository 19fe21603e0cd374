from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping

import jsonschema_rs
import numpy as np
import pytest

from gatekit.errors import GatekitError
from gatekit.evidence.schemas import schema
from runners.progress import Silent
from runners.saes.plan import TrainingPlan
from runners.saes.topk import TopK
from runners.saes.training import train_stack
from runners.tracking import STEPS_BETWEEN, artifact_json, tracking

pytestmark = pytest.mark.runners


class Kept:
    uri = "kept:here"

    def __init__(self) -> None:
        self.points: list[tuple[str, int, dict[str, float]]] = []

    def log(self, series: str, step: int, values: Mapping[str, float]) -> None:
        self.points.append((series, step, dict(values)))


def test_a_tracker_gets_the_curves_of_every_seed():
    rows = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float16)
    plan = TrainingPlan(2 * STEPS_BETWEEN + 3, 16, 1e-3, 0.0, 0.0, 0.0, 10**6, 1.0, "mean")
    kept = Kept()
    tracked = train_stack(TopK(8, 32, 2, 0), rows, (4, 5), plan, "cpu", Silent(), tracker=kept)
    steps = [STEPS_BETWEEN, 2 * STEPS_BETWEEN, plan.steps]
    assert [point[:2] for point in kept.points] == [(f"seed-{seed}", step) for seed in (4, 5) for step in steps]
    for _, _, values in kept.points:
        assert values.keys() == {"loss", "r2", "l0", "dead"}
        assert values["r2"] == 1 - values["loss"] and 0 < values["l0"] <= 2
    plain = train_stack(TopK(8, 32, 2, 0), rows, (4, 5), plan, "cpu", Silent())
    assert plain.last_losses == tracked.last_losses


def test_a_service_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with (
        pytest.raises(GatekitError, match="tensorboard is not installed"),
        tracking("tensorboard", tmp_path, "stage", "run"),
    ):
        pass


def test_nothing_is_imported_before_a_tracker_is_opened():
    import runners.tracking

    assert not {"wandb", "torch"} & vars(runners.tracking).keys()


@pytest.mark.slow
def test_a_wandb_run_s_id_and_log_fit_a_summary_s_artifacts(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with tracking("wandb", tmp_path, "stage", "run") as tracker:
            tracker.log("seed-0", 50, {"loss": 0.5})
            uri = tracker.uri
    (log,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    entry = artifact_json(uri, log)
    run_id = log.stem.removeprefix("run-")
    assert entry["uri"] == f"wandb:stage/{run_id}" and entry["bytes"] == len(log.read_bytes()) > 0
    shape = {"$defs": schema("summary")["$defs"], "$ref": "#/$defs/artifact"}
    assert jsonschema_rs.Draft202012Validator(shape).is_valid(entry)
