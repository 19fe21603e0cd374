"""Whether observations vary at all: where they do not, their bound has no width, and says nothing of a new draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gatekit.evidence.summary import Measurement

LAST_BIT = 2.0**-23
"""Of single precision, relative: models, SAEs and probes compute in it, so a number that came from them carries no
finer difference, whatever precision it is written in."""
LAST_BITS = 4
"""A value may be off by its last bit either way, and in a difference so may the other side's: four between extremes."""


def resolution(*measurements: Measurement) -> float:
    """Return the largest difference between two values of an effect that is none: 4 * 2^-23 of what was measured.

    Of what was measured, not of the effect: 0.8765432 - 0.8765431 is a difference of two last bits.
    """
    largest = 0.0
    for measurement in measurements:
        columns = [measurement.candidate, measurement.baseline or (), measurement.baseline_values or ()]
        largest = max([largest, *(abs(value) for column in columns for value in column)])
    return LAST_BITS * LAST_BIT * largest


def without_spread(measurement: Measurement, factors: Sequence[str], floor: float) -> str | None:
    """Return which random factor shows no spread, in words such as `5 seeds`; None where all of them do.

    A factor shows none where the means of its draws differ by no more than `floor`: the bound over it has no width then
    (or that of rounding), for five checkpoints that are one as for five whose difference the measure cannot see.

    Args:
        measurement: with observations.
        factors: what the bound generalises over: `seed`, `dataset`, `row`.
        floor: see `resolution`.
    """
    values = _values(measurement)
    for factor in factors:
        drawn = means_of_draws(measurement.keys, values, _columns(measurement.design, factor))
        if _none(drawn, floor):
            return f"{len(drawn)} {factor}s"
    if measurement.baseline_keys is not None and measurement.baseline_values is not None:
        columns = _columns(measurement.design, "seed")
        drawn = means_of_draws(measurement.baseline_keys, measurement.baseline_values, columns)
        if _none(drawn, floor):
            return f"the control's {len(drawn)} seeds"
    models = measurement.control_models
    if models is not None and _none(dict(enumerate(models)), floor):
        return f"the control's {len(models)} re-initialised models"
    return None


def values_of_seeds(measurement: Measurement) -> list[float] | None:
    """Return one value per seed: its mean effect, or of a ratio of means its own ratio; None where one has none."""
    columns = _columns(measurement.design, "seed")
    if measurement.denominator is None:
        return list(means_of_draws(measurement.keys, measurement.effects, columns).values())
    above = means_of_draws(measurement.keys, measurement.candidate, columns)
    below = means_of_draws(measurement.keys, measurement.denominator, columns)
    if min(below.values()) <= 0.0:
        return None
    return [above[seed] / below[seed] for seed in above]


def _values(measurement: Measurement) -> Sequence[float]:
    """Return what varies: the effects, and of a ratio of means what its bound is computed from."""
    if measurement.denominator is None:
        return measurement.effects
    ratio = math.fsum(measurement.candidate) / math.fsum(measurement.denominator)
    return [above - ratio * below for above, below in zip(measurement.candidate, measurement.denominator, strict=True)]


def _columns(design: str, factor: str) -> tuple[int, ...]:
    """Return the parts of a key that name a draw of the factor."""
    if design == "per_seed_pair":
        return (0, 1)
    return (0,) if factor == "seed" else (1,)


def means_of_draws(
    keys: Sequence[tuple[int | str, ...]], values: Sequence[float], columns: Sequence[int]
) -> Mapping[int | str, float]:
    """Return the mean of the values of each draw, which these parts of a key name."""
    if len(columns) == 1:
        draws = [key[columns[0]] for key in keys]
        if len(set(draws)) == len(draws):
            # The mean of one value is that value; -0.0 becomes 0.0, as in a sum.
            return {draw: value + 0.0 for draw, value in zip(draws, values, strict=True)}
    by_draw: dict[int | str, list[float]] = {}
    for key, value in zip(keys, values, strict=True):
        for column in columns:
            by_draw.setdefault(key[column], []).append(value)
    return {draw: math.fsum(own) / len(own) for draw, own in by_draw.items()}


def _none(means: Mapping[int | str, float], floor: float) -> bool:
    # One draw has no bound at all, which is said elsewhere; two seeds have one pair, and so one mean.
    return len(means) > 1 and max(means.values()) - min(means.values()) <= floor
