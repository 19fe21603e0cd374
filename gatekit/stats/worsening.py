"""What worsening an observation can do to a bound: it can raise it, and no useful bound at few seeds is free of that.

The lower bound L = mean - t s / sqrt(n) subtracts a spread, and lowering an observation far above the others shrinks
the spread: (0.1, 0.1, 0.9) has no positive 95% bound, (0.1, 0.1, 0.1) has. Exactly: L is concave in the observations,
and lowering x_i by any amount never raises it if and only if (x_i - mean) / s <= (n - 1) / (t sqrt(n)), which is
`largest_safe_deviation`: 0.39 at 3 seeds, 0.84 at 5, 1.55 at 10 (95%), always positive.

A monotone bound instead? The smallest one above L is max of L(y) over y <= x, `lower_after_worsening`. At 3 seeds and
95% it is the smallest observation, and it covers 87.5% (92% at 4 seeds, 93.7% at 5, 94.9% at 10; at 99% confidence
96.7% at 5). No critical value repairs that: a monotone bound that follows shifts and changes of unit, and is finite for
equal observations, is at least the smallest observation, so for symmetric noise it covers at most 1 - 2^-n. Hence the t
bound is kept, and what holds exactly for every design is:

* worsening all observations (of a group) by the same amount lowers the bound by that amount;
* worsening an observation never raises the estimate, so a gate whose estimate misses its threshold cannot come to pass;
* worsening an observation none of whose random factors stands above the estimate never raises the bound: its seed, both
  seeds of a pair, its dataset where datasets are random too, each by the mean of its observations. Two unpaired groups
  are the exception: Welch's degrees of freedom move with the data (seen from 97.5% confidence on). So are ten levels or
  more, whose skewness moves too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gatekit.errors import GatekitError
from gatekit.stats.columns import checked_confidence, checked_values, mean, sum_of_squares
from gatekit.stats.student_t import t_quantile


def largest_safe_deviation(n: int, confidence: float) -> float:
    """Return (n - 1) / (t(confidence, n - 1) sqrt(n)): how far above the mean, in sample standard deviations, is safe.

    An observation of `per_seed` at most this far above the mean can be lowered by any amount without raising the lower
    bound, because dL/dx_i = 1/n - t (x_i - mean) / ((n - 1) s sqrt(n)) is not negative there and grows as x_i falls.
    One further above raises the bound when it is lowered a little. The same holds for the upper bound, mirrored.

    Raises:
        GatekitError: fewer than two observations, or the confidence is out of range.
    """
    checked_confidence(confidence)
    if n < 2:
        raise GatekitError("stats.too_few", f"a bound needs at least two seeds, not {n}")
    critical = t_quantile(confidence, n - 1.0)
    return (n - 1) / (critical * math.sqrt(n)) if critical > 0.0 else math.inf


def lower_after_worsening(values: Sequence[float], confidence: float) -> float:
    """Return the highest `per_seed` lower bound that lowering observations, by any amounts, could reach.

    It is at least the lower bound itself. A gate whose threshold lies between the two fails on spread rather than on
    level: its best observations stand out too far for this number of seeds. For an upper bound give negated values
    and negate the result.

    By concavity and symmetry the best y <= x caps the largest observations at one value c, the one that is exactly
    `largest_safe_deviation` above the mean of min(x, c).

    Raises:
        GatekitError: fewer than two observations, one that is not a finite number, or the confidence is out of range.
    """
    column = checked_values("value", values)
    n = len(column)
    safe = largest_safe_deviation(n, confidence)
    critical = t_quantile(confidence, n - 1.0)

    def capped(cap: float) -> tuple[float, bool]:
        """Return the bound of the observations capped at `cap`, and whether lowering the cap would not raise it."""
        lowered = [min(value, cap) for value in column]
        centre = mean(lowered)
        variance = sum_of_squares(lowered, centre) / (n - 1)
        return centre - critical * math.sqrt(variance / n), cap - centre <= safe * math.sqrt(variance)

    low, high = min(column), max(column)
    # Caps closer than this differ by rounding only.
    nearest = 1e-15 * (high - low)
    best, safe_already = capped(high)
    while not safe_already and high - low > nearest:
        middle = 0.5 * (low + high)
        # No double lies between the two any more.
        if not low < middle < high:
            break
        reached, stop = capped(middle)
        best = max(best, reached)
        # The bound rises while the cap falls to the best one and falls after it, so the search can halve.
        low, high = (middle, high) if stop else (low, middle)
    # With every observation capped at the smallest nothing varies, and the bound is that smallest one.
    return max(best, min(column))
