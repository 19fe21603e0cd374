"""One-sided lower confidence bounds that a search ranks by: the gate's own formulas, for use while a run is going on.

The gate computes every bound of evidence again from the observations; nothing here ends up in a verdict. A search that
ranked by estimates instead would prefer whatever varies most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean


def lower_bound_over_seeds(values: Sequence[float], confidence: float) -> float:
    """Return mean - t s / sqrt(n) over one value per seed (Student); minus infinity for fewer than two seeds."""
    n = len(values)
    if n < 2:
        return -math.inf
    mean = fmean(values)
    # The sample variance, divided once more by n: the squared standard error of the mean.
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n
    return mean - _t_quantile(n - 1, confidence) * math.sqrt(variance)


def lower_bound_over_pairs(pairs: Sequence[tuple[int, int]], values: Sequence[float], confidence: float) -> float:
    """Return the bound of the mean over all pairs of seeds, by the jackknife that leaves one seed out.

    The pairs are not independent: the seeds are the sample. Leaving seed i out moves the mean of all pairs by
    2 (mean - mean of the pairs of i) / (n - 2); t has n - 1 degrees of freedom.

    Args:
        pairs: every pair of n seeds once.
        values: one per pair.
        confidence: one-sided.

    Returns:
        Minus infinity for two seeds, whose one pair says nothing about how seeds vary.

    Raises:
        ValueError: a pair is missing or repeated.
    """
    seeds = sorted({seed for pair in pairs for seed in pair})
    n = len(seeds)
    if len({frozenset(pair) for pair in pairs}) != n * (n - 1) // 2 or len(pairs) != len(values):
        raise ValueError(f"{len(values)} values are not one for each pair of {n} seeds")
    if n < 3:
        return -math.inf
    mean = fmean(values)
    # The mean of the pairs that each seed takes part in: what leaving this seed out takes away.
    own = [fmean(value for pair, value in zip(pairs, values, strict=True) if seed in pair) for seed in seeds]
    moved = math.fsum((2 * (each - mean) / (n - 2)) ** 2 for each in own)
    # The jackknife's variance of a mean is (n - 1) / n times the sum of the squared moves.
    return mean - _t_quantile(n - 1, confidence) * math.sqrt((n - 1) / n * moved)


def _t_quantile(df: int, p: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, p))
