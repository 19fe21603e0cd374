"""every_seed: each seed's own value against the threshold, where a mean would hide the one that collapsed."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gatekit.evidence.summary import Measurement
from gatekit.gates.bounds import random_factors
from gatekit.gates.regression import PAIRED_ON
from gatekit.gates.spread import values_of_seeds
from gatekit.gates.verdict import BoundedEstimate, Outcome, ThresholdResult
from gatekit.policy.limits import Limits, margin
from gatekit.policy.model import Threshold

EXCLUDED = "good seeds exclude only a failure rate of training above"
"""What stands between a count and a rate in the note that says how little so many seeds show of training that fails."""


def of_every_seed(limits: Limits, measurement: Measurement) -> BoundedEstimate | None:
    """Return the value of the seed that is worst placed, with its margin; None where there is no value of a seed.

    A seed's value is its effect, its mean over the pairs that it is part of, or its mean over datasets or rows; of a
    ratio of means its own ratio. A control with other seeds belongs to none of them.
    """
    if measurement.reported is not None or measurement.baseline_keys is not None:
        return None
    values = values_of_seeds(measurement)
    if values is None:
        return None
    worst = min(values, key=lambda value: margin(limits, value, value))
    return BoundedEstimate(
        estimate=worst,
        lower=None,
        upper=None,
        standard_error=None,
        df=None,
        confidence=None,
        n_seeds=len(values),
        n_observations=len(measurement.candidate),
        method=f"worst of {len(values)} seeds",
        margin=margin(limits, worst, worst),
        detectable=None,
    )


def excluded_failure_rate(n_seeds: int, confidence: float) -> float:
    """Return the smallest rate of failing seeds that so many good ones exclude: 1 - (1 - confidence)^(1 / n).

    At a rate of p no seed of n fails with probability (1 - p)^n. No bound computed from good seeds can say more.
    """
    return 1.0 - math.pow(1.0 - confidence, 1.0 / n_seeds)


def training_note(judged: Iterable[tuple[Threshold, ThresholdResult]]) -> str | None:
    """Say for a policy's report what no bound of a mean over its seeds excludes: a training that rarely fails.

    Of several rules that pass by a bound for other seeds, the one that excludes least is named; None where there is
    none. A rule that compared only a part of the seeds says nothing here. Rules of `every_seed` say it of themselves.
    """
    least: tuple[float, int] | None = None
    for rule, result in judged:
        if result.outcome is not Outcome.PASS or result.bound != "confidence" or result.measured is None:
            continue
        seeds = result.measured.n_seeds
        if (
            seeds is None
            or result.self_reported
            or "seed" not in random_factors(rule.measure.design, rule.generalize_over)
            # Of a part of the seeds nothing follows for the training of all.
            or any(note.startswith(PAIRED_ON) for note in result.notes)
        ):
            continue
        found = excluded_failure_rate(seeds, rule.judged_confidence), seeds
        least = found if least is None else max(least, found)
    if least is None:
        return None
    return f"{least[1]} {EXCLUDED} {least[0]:.0%}"
