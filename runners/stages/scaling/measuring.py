"""The measuring half of the runner `scaling`: the scores of one cell, and what the grid around it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from runners.arms.activations import collect, inputs_json, open_source
from runners.arms.sae_scores import Column, SaeScores, score_saes
from runners.arms.trained_saes import TrainedSaes, artifacts_json, train
from runners.arrays import Floats
from runners.stage.run_environment import RunEnvironment
from runners.stages.scaling.plan import KIND, ScalingConfig, at, places, protocol_of
from runners.summary_writing import RunResult

COMPARED = {"by_pair": ("pw_mcc_chance_corrected",), "by_seed": ("r2",), "by_cell": ("auc",)}
"""Measures whose effects are given; raw agreement is not comparable across numbers of latents."""

Values: TypeAlias = Floats
"""(observations,) float64 of one cell, in the order of its keys, which is that of every other cell."""


def measure(config: ScalingConfig, environment: RunEnvironment) -> RunResult:
    """Run one cell and return what its summary says.

    Raises:
        GatekitError: model, hook, texts or datasets are not what the configuration says.
    """
    place = config.cell
    if place is None:
        raise ValueError("a sweep is measured cell by cell")
    trained = _trained(config, environment)
    others = {each: _scores(at(config, each), environment.device, environment.cache) for each in places(config)}
    own = others[place]
    compared = {group: effects_of(group, place, others) for group in COMPARED}
    columns: dict[str, Any] = {group: {**getattr(own, group), **found} for group, found in compared.items()}
    scores = replace(own, **columns)
    return RunResult(
        subject=trained.subject(config),
        protocol=protocol_of(config, scores.datasets),
        measurements=scores.measurements(KIND),
        inputs=[*inputs_json([trained.inputs]), *scores.inputs],
        artifacts=artifacts_json([trained], environment),
    )


def _trained(config: ScalingConfig, environment: RunEnvironment) -> TrainedSaes:
    source = open_source(config, environment.device)
    inputs = collect(source, config, environment)
    return train(inputs, config.sae, config.training, config.seeds, environment, "model")


@cache
def _scores(config: ScalingConfig, device: str, folder: Path) -> SaeScores:
    """Score one cell once a process, however many cells are compared with it."""
    name = "-".join(map(str, config.cell or ()))
    environment = RunEnvironment(device, folder, folder / "runs" / KIND / f"neighbour-{name}")
    return score_saes(config, _trained(config, environment), environment)


def effects_of(group: str, place: tuple[int, ...], scores: Mapping[tuple[int, ...], SaeScores]) -> dict[str, Column]:
    """Return the measures of one cell that compare it with others, observation by observation.

    Args:
        group: `by_pair`, `by_seed` or `by_cell`.
        place: of the cell.
        scores: of every cell of the grid.
    """
    found: dict[str, Column] = {}
    base = tuple(0 for _ in place)
    moved = [axis for axis, value in enumerate(place) if value]
    for name in COMPARED[group]:
        values = {each: np.asarray(getattr(cell, group)[name].candidate) for each, cell in scores.items()}
        if moved:
            found[f"{name}_above_base"] = _column(values[place], values[base])
        if len(moved) == 1:
            axis = moved[0]
            found[f"{name}_axis_effect"] = _column(_mean_at(values, axis, place[axis]), _mean_at(values, axis, 0))
        if len(moved) == 2:
            earlier, later = (_only_at(place, axis) for axis in moved)
            found[f"{name}_interaction"] = _column(values[place] - values[earlier], values[later] - values[base])
    return found


def _only_at(place: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Return the cell that is moved from the base along one axis alone."""
    return tuple(value if each == axis else 0 for each, value in enumerate(place))


def _mean_at(values: Mapping[tuple[int, ...], Values], axis: int, value: int) -> Values:
    """Return the mean over all cells with this value on this axis."""
    mean: Values = np.mean([each for place, each in values.items() if place[axis] == value], axis=0)
    return mean


def _column(candidate: Sequence[float] | Values, baseline: Sequence[float] | Values) -> Column:
    return Column([float(value) for value in candidate], [float(value) for value in baseline])
