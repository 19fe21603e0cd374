"""The Interval: an estimate with its one-sided bounds, and what is common to all designs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gatekit.errors import GatekitError
from gatekit.stats.columns import checked_confidence, checked_values
from gatekit.stats.roots import root_of_decreasing
from gatekit.stats.student_t import t_cdf, t_quantile


@dataclass(frozen=True)
class Interval:
    """An estimate with two one-sided bounds, each of which holds at `confidence` (not both at once)."""

    estimate: float
    lower: float | None
    """One-sided lower bound; None when the design has none (one seed), never a bound of zero width by default."""
    upper: float | None
    """One-sided upper bound."""
    standard_error: float | None
    df: float | None
    """Degrees of freedom of the standard error."""
    confidence: float
    """One-sided: 0.95 here is the bound that a two-sided 90% interval ends at."""
    n_seeds: int
    """Distinct seeds; for two unpaired groups those of the smaller group."""
    n_observations: int
    method: str
    """Short words for reports, e.g. "Student t over 5 seeds"."""


def bounded(
    estimate: float,
    variance: float | None,
    df: float | None,
    confidence: float,
    *,
    n_seeds: int,
    n_observations: int,
    method: str,
) -> Interval:
    """Return estimate -/+ t(confidence, df) * sqrt(variance); without a variance there are no bounds.

    A variance of exactly zero is real for some measurements (a TopK SAE has L0 = k for every seed), so it gives bounds
    equal to the estimate; `method` says so, because it is also what one checkpoint copied under several seeds gives.

    Raises:
        GatekitError: the confidence is out of range or the bounds overflow.
    """
    confidence = checked_confidence(confidence)
    if variance is None or df is None:
        return Interval(estimate, None, None, None, None, confidence, n_seeds, n_observations, method)
    margin = t_quantile(confidence, df) * math.sqrt(variance)
    return _around(estimate, margin, variance, df, confidence, n_seeds, n_observations, method)


def bounded_two_sources(
    estimate: float,
    variances: tuple[float, float],
    dfs: tuple[float, float],
    confidence: float,
    *,
    n_seeds: int,
    n_observations: int,
    method: str,
) -> Interval:
    """Return estimate -/+ sqrt(t1^2 v1 + t2^2 v2): Banerjee's (1960) bound where two variances add up.

    For normal observations it covers at least `confidence` whatever the ratio of the two variances, which
    Satterthwaite's approximation does not when either has one or two degrees of freedom. The df of the result is the
    one at which Student's t over the whole standard error gives the same margin; it lies between the two given.

    Args:
        estimate: what is bounded.
        variances: two independent estimates; their sum is (or exceeds) the variance of the estimate.
        dfs: their degrees of freedom.
        confidence: one-sided.
        n_seeds: as in Interval.
        n_observations: as in Interval.
        method: as in Interval.
    """
    confidence = checked_confidence(confidence)
    total = variances[0] + variances[1]
    # Each source has a margin at its own degrees of freedom; independent margins add like the sides of a right angle.
    margins = [t_quantile(confidence, df) * math.sqrt(v) for v, df in zip(variances, dfs, strict=True)]
    margin = math.hypot(*margins)
    # Without variance there is no ratio to invert; the smaller df promises least.
    df = _effective_df(margin / math.sqrt(total), confidence, min(dfs), max(dfs)) if total > 0.0 else min(dfs)
    return _around(estimate, margin, total, df, confidence, n_seeds, n_observations, method)


def _effective_df(multiplier: float, confidence: float, low: float, high: float) -> float:
    """Return the df in [low, high] with t(confidence, df) = multiplier."""
    # t falls as df rises, so the df lies between the two given; solved in log df, because df spans decades.
    log_df = root_of_decreasing(
        lambda u: confidence - t_cdf(multiplier, math.exp(u)), math.log(low), math.log(high), tolerance=1e-13
    )
    # The root is found to a tolerance, and exp rounds: neither may leave the range.
    return min(max(math.exp(log_df), low), high)


def _around(
    estimate: float,
    margin: float,
    variance: float,
    df: float,
    confidence: float,
    n_seeds: int,
    n_observations: int,
    method: str,
) -> Interval:
    lower, upper = estimate - margin, estimate + margin
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise GatekitError("stats.overflow", "the observations are too large to be bounded", remedy="check their unit")
    if variance == 0.0:
        # One checkpoint copied under several seeds looks like this, so the report says it.
        method += ", no variation at all"
    return Interval(estimate, lower, upper, math.sqrt(variance), df, confidence, n_seeds, n_observations, method)


def reported(estimate: float, lower: float | None, upper: float | None, confidence: float, n: int) -> Interval:
    """Return another tool's own numbers as an Interval; nothing is recomputed, because no observations came along.

    Args:
        estimate: the producer's point estimate.
        lower: its one-sided lower bound at `confidence`, or None.
        upper: its one-sided upper bound at `confidence`, or None.
        confidence: one-sided; the ends of a two-sided 95% interval are bounds at 0.975.
        n: seeds behind the numbers.

    Raises:
        GatekitError: a number is not finite, the estimate is outside its own bounds, or n is not a positive integer.
    """
    confidence = checked_confidence(confidence)
    (estimate,) = checked_values("estimate", [estimate])
    if lower is not None:
        (lower,) = checked_values("lower", [lower])
    if upper is not None:
        (upper,) = checked_values("upper", [upper])
    if (lower is not None and lower > estimate) or (upper is not None and upper < estimate):
        raise GatekitError("stats.reported_order", f"the estimate {estimate} is outside its bounds [{lower}, {upper}]")
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise GatekitError("stats.reported_n", f"the number of seeds must be a positive integer, not {n!r}")
    return Interval(estimate, lower, upper, None, None, confidence, n, n, "reported by the producer")


def selection_confidence(confidence: float, candidates: int) -> float:
    """Return 1 - (1 - confidence) / candidates: what the best of several candidates is bounded at (Bonferroni).

    It holds however the candidates depend on each other, and whatever rule picked the best on these observations.

    Raises:
        GatekitError: candidates is not a positive integer.
    """
    if isinstance(candidates, bool) or not isinstance(candidates, int) or candidates < 1:
        raise GatekitError("stats.candidates", f"the number of candidates must be a positive integer: {candidates!r}")
    return 1.0 - (1.0 - checked_confidence(confidence)) / candidates
