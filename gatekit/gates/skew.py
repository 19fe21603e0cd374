"""Where the observations show that Student's t covers less than it says: a long tail away from an end of the range.

An AUC near 1 or a dead fraction near 0 cannot err by much on one side and can on the other. A few good draws then have
a small spread and a mean that is too good: in simulation lower bounds of AUC-like values covered 69 to 88 % at nominal
95 (docs/statistics.md). No formula mends that for draws that were not seen; the report says it where they were.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gatekit.evidence.summary import Measurement
from gatekit.gates.bounds import level_generalised
from gatekit.gates.spread import means_of_draws
from gatekit.policy.limits import sides
from gatekit.policy.model import Threshold

NEAR = 2.0
"""Standard deviations between the mean and the end of the range."""
SKEWED = 0.5
"""Sample skewness m3 / m2^1.5, in size; five draws cannot have more than 1.5."""
LEAST = 3
"""Two draws are never skewed."""


def skew_note(rule: Threshold, measurement: Measurement) -> str | None:
    """Say that a bound covers less than it says, where the draws that it generalises over show it; None elsewhere.

    Only a measure's own values have ends of a range to be near; differences and ratios have none.
    """
    compared = measurement.baseline is not None or measurement.baseline_keys is not None
    if rule.point or compared or measurement.reported is not None or measurement.denominator is not None:
        return None
    level = level_generalised(measurement, rule.generalize_over)
    draws = {"seed": _means(measurement, 0)} if measurement.design != "per_seed_pair" else {}
    if level is not None:
        draws[level] = _means(measurement, -1)
    for name, values in draws.items():
        for side in sides(rule.limits):
            end = measurement.low if side.upper else measurement.high
            if _long_tail(values, end, 1.0 if side.upper else -1.0):
                return (
                    f"the {name}s' values lie near {end:g}, the end of the range, with a long tail away from it: "
                    "a bound over few of them covers less than it says"
                )
    return None


def _means(measurement: Measurement, part: int) -> list[float]:
    return list(means_of_draws(measurement.keys, measurement.candidate, (part,)).values())


def _long_tail(values: Sequence[float], end: float, sign: float) -> bool:
    """Whether the mean is near an end of the range and the skewness has the sign that leads away from it."""
    if len(values) < LEAST:
        return False
    mean = math.fsum(values) / len(values)
    deviations = [value - mean for value in values]
    variance = math.fsum(d * d for d in deviations) / len(values)
    if variance <= 0.0 or abs(end - mean) > NEAR * math.sqrt(variance):
        return False
    third = math.fsum(d * d * d for d in deviations) / len(values)
    return sign * third > SKEWED * variance * math.sqrt(variance)
