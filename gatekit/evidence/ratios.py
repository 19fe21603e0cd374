"""Ratios of means: computed from their parts, since the mean of ratios is another quantity."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gatekit.evidence.summary import Measurement
from gatekit.kinds import Kind, MeasureSpec


def with_ratios(kind: Kind, measurements: Mapping[str, Measurement]) -> dict[str, Measurement]:
    """Return the measurements with every ratio of means that can be computed from them.

    What a file itself says of such a measure counts only where it is another tool's own number: observations of a ratio
    are ratios of observations, whose mean is another quantity.
    """
    found = dict(measurements)
    for spec in kind.measures:
        if spec.ratio_of is None:
            continue
        given = found.pop(spec.name, None)
        computed = _ratio(spec, measurements)
        if computed is not None:
            found[spec.name] = computed
        elif given is not None and given.reported is not None:
            found[spec.name] = given
    return dict(sorted(found.items()))


def _ratio(spec: MeasureSpec, measurements: Mapping[str, Measurement]) -> Measurement | None:
    parts = spec.ratio_of
    if parts is None or parts.numerator not in measurements or parts.denominator not in measurements:
        return None
    above, below = measurements[parts.numerator], measurements[parts.denominator]
    column = below.baseline if parts.of_baseline else below.candidate
    if above.design != spec.design or above.design != below.design or column is None:
        return None
    of_key = dict(zip(below.keys, column, strict=True))
    denominator = tuple(of_key.get(key, math.nan) - parts.less for key in above.keys)
    # Written so that a key that one of the two lacks, NaN here, is no ratio either. Where the mean is 0 or below there
    # is nothing of which a share could be meant.
    if not math.fsum(denominator) > 0.0:
        return None
    return Measurement(
        name=spec.name,
        unit=spec.unit,
        direction=spec.direction,
        low=spec.low,
        high=spec.high,
        design=spec.design,
        keys=above.keys,
        candidate=above.effects,
        baseline=None,
        baseline_keys=None,
        baseline_values=None,
        reported=None,
        families=above.families,
        denominator=denominator,
    )
