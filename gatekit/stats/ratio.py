"""A ratio of two means over the same observations, bounded by inverting the bound on a difference (Fieller 1954)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from gatekit.errors import GatekitError
from gatekit.stats.columns import checked_values, mean
from gatekit.stats.interval import Interval
from gatekit.stats.roots import root_of_decreasing

Bound = Callable[[Sequence[float]], Interval]
"""From one value per observation to the bounds of their mean."""


def ratio_of_means(numerator: Sequence[float], denominator: Sequence[float], bound: Bound) -> Interval:
    """Return mean(numerator) / mean(denominator) with the bounds that a design's own bound implies.

    A ratio r is consistent with the observations as long as the mean of numerator - r * denominator may be 0. The upper
    bound is the largest r at which the upper bound of that mean is not below 0, the lower bound mirrors it. So whatever
    the design's bound covers, the ratio's covers: P(upper < true ratio) is P(the mean's upper bound at the true ratio
    is below its true mean, 0). Student's t over seeds makes it Fieller's interval. No expansion is involved, so it
    holds where the denominator varies much, and it ends where the denominator may be 0: there no ratio is excluded.

    Args:
        numerator: one per observation.
        denominator: one per observation, in the same order.
        bound: of the mean of one value per observation.

    Returns:
        The ratio; no bounds where the denominator's own lower bound is not above 0. `standard_error` is that of
        numerator - ratio * denominator over the mean denominator (the delta method), for planning only.

    Raises:
        GatekitError: a value is not finite, the columns differ in length, or the mean denominator is not above 0.
    """
    above, below = checked_values("numerator", numerator), checked_values("denominator", denominator)
    if len(above) != len(below):
        raise GatekitError("stats.length", f"{len(above)} numerators for {len(below)} denominators")
    divisor = mean(below)
    if divisor <= 0.0:
        raise GatekitError(
            "stats.denominator", f"the mean of what is divided by is {divisor:.4g}, which is not above 0"
        )
    ratio = mean(above) / divisor

    def rest(at: float) -> Interval:
        return bound([n - at * d for n, d in zip(above, below, strict=True)])

    found, alone = rest(ratio), bound(below)
    method = f"ratio of means, {found.method}"
    if found.upper is None or found.lower is None or alone.lower is None or alone.upper is None:
        return replace(found, estimate=ratio, lower=None, upper=None, standard_error=None, df=None, method=method)
    if alone.lower <= 0.0:
        method = f"what is divided by may be 0: its lower bound is {alone.lower:.4g}"
        return replace(found, estimate=ratio, lower=None, upper=None, standard_error=None, df=None, method=method)

    def upper(at: float) -> float:
        return rest(at).upper or 0.0

    def lower(at: float) -> float:
        # Mirrored, so that it falls as `at` does.
        return -(rest(-at).lower or 0.0)

    high = _crossing(upper, ratio, (found.upper or 0.0) / alone.lower)
    low = -_crossing(lower, -ratio, -(found.lower or 0.0) / alone.lower)
    error = None if found.standard_error is None else found.standard_error / divisor
    return replace(
        found, estimate=ratio, lower=min(low, ratio), upper=max(high, ratio), standard_error=error, method=method
    )


def _crossing(function: Callable[[float], float], start: float, step: float) -> float:
    """Return where a function that is not negative at `start` falls below 0 for good."""
    step = max(step, 1e-12 * max(1.0, abs(start)))
    end = start + step
    for _ in range(200):
        if function(end) < 0.0:
            return root_of_decreasing(function, start, end, tolerance=1e-13)
        start, end = end, end + step
        step *= 2.0
    raise GatekitError("stats.overflow", "the ratio has no bound that a number could hold")
