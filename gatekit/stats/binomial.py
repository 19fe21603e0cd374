"""Fractions of few trials: what counting alone leaves uncertain, however alike a few seeds happen to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gatekit.stats.interval import Interval
from gatekit.stats.roots import root_of_decreasing
from gatekit.stats.student_t import t_quantile

MOST_TRIALS = 100
"""Per seed. Beyond, what counting leaves uncertain is small beside how seeds differ."""


def with_counting_error(interval: Interval, values: Sequence[float], trials: int) -> Interval:
    """Return the bounds of a mean over seeds of fractions, at least as far out as counting alone puts them.

    Five seeds with 5 of 5 each have no spread, and a sample variance of 0: at a true share of 0.95 that happens in 28 %
    of all cases. So the variance of a seed's fraction is taken to be at least p (1 - p) / trials, with p shrunk to one
    half by z^2 more trials of which half succeed (Wilson 1927; Agresti and Coull 1998), which is never 0. Where the
    exact binomial bound on all trials together (Clopper and Pearson 1934) is further out than t with that variance, as
    at shares near 0 or 1, it is the bound.

    Args:
        interval: Student's t over the seeds.
        values: (n,) one fraction per seed.
        trials: behind each of them.
    """
    if interval.standard_error is None or interval.df is None or interval.lower is None or interval.upper is None:
        return interval
    from statistics import NormalDist  # only where fractions of few trials are bounded: it takes a while to import

    count, successes = len(values) * trials, round(math.fsum(values) * trials)
    confidence = interval.confidence
    squared = NormalDist().inv_cdf(confidence) ** 2
    shrunk = (successes + squared / 2.0) / (count + squared)
    error = max(interval.standard_error, math.sqrt(shrunk * (1.0 - shrunk) / count))
    margin = t_quantile(confidence, interval.df) * error
    low, high = exact_bounds(successes, count, confidence)
    return replace(
        interval,
        lower=min(interval.estimate - margin, low),
        upper=max(interval.estimate + margin, high),
        standard_error=error,
        method=f"{interval.method.removesuffix(', no variation at all')}, of {trials} trials each",
    )


def exact_bounds(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Return the one-sided lower and upper Clopper-Pearson bounds of a share."""
    return _lower(successes, trials, confidence), 1.0 - _lower(trials - successes, trials, confidence)


def _lower(successes: int, trials: int, confidence: float) -> float:
    """Return the share at which so many successes or more have probability 1 - confidence."""
    if successes == 0:
        return 0.0
    # What is left to 1 - confidence falls as the share grows.
    return root_of_decreasing(lambda p: (1.0 - confidence) - _at_least(successes, trials, p), 0.0, 1.0)


def _at_least(successes: int, trials: int, share: float) -> float:
    if share <= 0.0:
        return 0.0
    if share >= 1.0:
        return 1.0
    log_p, log_q, of_all = math.log(share), math.log1p(-share), math.lgamma(trials + 1)
    return math.fsum(
        math.exp(of_all - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * log_p + (trials - k) * log_q)
        for k in range(successes, trials + 1)
    )
