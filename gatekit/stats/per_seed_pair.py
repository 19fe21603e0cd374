"""One number per pair of seeds (a consistency score): the seeds are the sample, the pairs are not.

n seeds give n (n - 1) / 2 pairs that share seeds, so pairs are dependent: a two-sided 95% interval from resampling them
as if they were not covers the truth in about half of all cases where seeds matter (benchmarks/results/coverage.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.errors import GatekitError
from gatekit.stats.columns import Key, checked_keys, checked_values, mean, refuse_duplicates, sum_of_squares
from gatekit.stats.interval import Interval, bounded
from gatekit.stats.per_seed import welch


def per_seed_pair(
    seeds_a: Sequence[Key], seeds_b: Sequence[Key], values: Sequence[float], confidence: float
) -> Interval:
    """Return the mean over all pairs with bounds from the delete-one-seed jackknife, n - 1 degrees of freedom.

    Under v_ab = mu + s_a + s_b + e_ab the mean has variance 4 V(s) / n + 2 V(e) / (n (n - 1)), and the jackknife has
    expectation 4 V(s) / n + 4 V(e) / (n (n - 2)): right where seeds dominate, too large where pair noise does (there
    the bound covers 98.7% at five seeds instead of 95%). Taking the excess off by the residual of the pairs would be
    14% narrower there, but covers 94.0% where both are equal, so it is left on.

    Args:
        seeds_a: (n (n - 1) / 2,) one seed of each pair.
        seeds_b: the other one; the order within a pair has no meaning.
        values: one per unordered pair of distinct seeds, each pair exactly once.
        confidence: one-sided.

    Returns:
        mean -/+ t(confidence, n - 1) * jackknife standard error; no bounds for two seeds, whose one pair says nothing
        about how seeds vary.

    Raises:
        GatekitError: a pair is missing, repeated or of a seed with itself, or a value is not a finite number.
    """
    pairs = _complete_pairs(seeds_a, seeds_b, values)
    if pairs.variance is None:
        method = "two seeds, one pair, no bound"
    else:
        method = f"jackknife t over {pairs.seeds} seeds, {pairs.count} pairs"
    return bounded(
        pairs.estimate,
        pairs.variance,
        pairs.seeds - 1.0,
        confidence,
        n_seeds=pairs.seeds,
        n_observations=pairs.count,
        method=method,
    )


def per_seed_pair_two_groups(
    seeds_a1: Sequence[Key],
    seeds_a2: Sequence[Key],
    a: Sequence[float],
    seeds_b1: Sequence[Key],
    seeds_b2: Sequence[Key],
    b: Sequence[float],
    confidence: float,
) -> Interval:
    """Return mean(a) - mean(b) over the pairs of two groups of different seeds; Welch-Satterthwaite on jackknives.

    Args:
        seeds_a1: one seed of each pair of group a.
        seeds_a2: the other one.
        a: one value per unordered pair of group a, complete.
        seeds_b1: as seeds_a1, for group b.
        seeds_b2: as seeds_a2, for group b.
        b: as a, for group b.
        confidence: one-sided.

    Returns:
        The difference; no bounds when a group has two seeds.

    Raises:
        GatekitError: as for `per_seed_pair`.
    """
    group_a = _complete_pairs(seeds_a1, seeds_a2, a)
    group_b = _complete_pairs(seeds_b1, seeds_b2, b)
    known = group_a.variance is not None and group_b.variance is not None
    return welch(
        group_a.estimate - group_b.estimate,
        (group_a.variance or 0.0, group_b.variance or 0.0) if known else None,
        (group_a.seeds, group_b.seeds),
        (group_a.count, group_b.count),
        "jackknife Welch t",
        confidence,
    )


@dataclass(frozen=True)
class _SeedPairs:
    estimate: float
    variance: float | None
    seeds: int
    count: int


def _complete_pairs(seeds_a: Sequence[Key], seeds_b: Sequence[Key], values: Sequence[float]) -> _SeedPairs:
    column = checked_values("value", values)
    first, second = checked_keys("seed_a", seeds_a, len(column)), checked_keys("seed_b", seeds_b, len(column))
    # Every pair's value belongs to both of its seeds.
    of_seed: dict[Key, list[float]] = {}
    for a, b, value in zip(first, second, column, strict=True):
        if a == b:
            raise GatekitError("stats.self_pair", f"seed {a!r} is paired with itself", remedy="leave such pairs out")
        of_seed.setdefault(a, []).append(value)
        of_seed.setdefault(b, []).append(value)
    refuse_duplicates("seed pair", [frozenset(pair) for pair in zip(first, second, strict=True)])
    n = len(of_seed)
    missing = n * (n - 1) // 2 - len(column)
    if missing:
        raise GatekitError(
            "stats.incomplete",
            f"{n} seeds have {n * (n - 1) // 2} pairs, but {missing} of them are not among the observations",
            remedy="measure every pair of seeds once",
        )
    estimate = mean(column)
    if n == 2:
        return _SeedPairs(estimate, None, n, 1)
    # Delete-one-seed jackknife, in closed form. Seed i has n - 1 pairs with mean m_i. Without them the mean of the rest
    # is (n estimate - 2 m_i) / (n - 2), which differs from the estimate by 2 (estimate - m_i) / (n - 2). The jackknife
    # variance is (n - 1) / n times the sum of the squares of these differences; the m_i average to the estimate.
    spread = sum_of_squares([mean(own) for own in of_seed.values()], estimate)
    return _SeedPairs(estimate, 4.0 * (n - 1) / (n * (n - 2) ** 2) * spread, n, len(column))
