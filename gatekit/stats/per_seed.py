"""One number per seed: Student's t, paired when the values are differences, Welch's when two groups share no seeds."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.stats.columns import Key, checked_keys, checked_values, mean, refuse_duplicates, sum_of_squares
from gatekit.stats.interval import Interval, bounded, bounded_two_sources


def per_seed(seeds: Sequence[Key], values: Sequence[float], confidence: float) -> Interval:
    """Return the mean over seeds with Student t bounds.

    Args:
        seeds: (n,) distinct.
        values: (n,) one per seed; the differences candidate minus baseline when the design is paired.
        confidence: one-sided.

    Returns:
        mean -/+ t(confidence, n - 1) * s / sqrt(n); no bounds for one seed.

    Raises:
        GatekitError: a value is not a finite number, or the seeds are repeated or not as many as the values.
    """
    column = _one_per_seed("seed", seeds, "value", values)
    n = len(column)
    estimate = mean(column)
    if n == 1:
        return bounded(estimate, None, None, confidence, n_seeds=1, n_observations=1, method="one seed, no bound")
    # The sample variance, divided once more by n: the variance of the mean.
    variance = sum_of_squares(column, estimate) / (n - 1) / n
    return bounded(
        estimate, variance, n - 1.0, confidence, n_seeds=n, n_observations=n, method=f"Student t over {n} seeds"
    )


def per_seed_two_groups(
    seeds_a: Sequence[Key], a: Sequence[float], seeds_b: Sequence[Key], b: Sequence[float], confidence: float
) -> Interval:
    """Return mean(a) - mean(b) of two groups of unpaired seeds, with Welch-Satterthwaite bounds.

    Seeds that happen to have the same name in both groups are not paired; for pairs give differences to `per_seed`.

    Raises:
        GatekitError: as for `per_seed`.
    """
    column_a = _one_per_seed("seed of a", seeds_a, "a", a)
    column_b = _one_per_seed("seed of b", seeds_b, "b", b)
    n_a, n_b = len(column_a), len(column_b)
    mean_a, mean_b = mean(column_a), mean(column_b)
    if min(n_a, n_b) == 1:
        variances = None
    else:
        variances = (
            sum_of_squares(column_a, mean_a) / (n_a - 1) / n_a,
            sum_of_squares(column_b, mean_b) / (n_b - 1) / n_b,
        )
    return welch(mean_a - mean_b, variances, (n_a, n_b), (n_a, n_b), "Welch t", confidence)


def welch(
    estimate: float,
    variances: tuple[float, float] | None,
    seeds: tuple[int, int],
    observations: tuple[int, int],
    name: str,
    confidence: float,
) -> Interval:
    """Return the bounds of a difference of two independent means with Satterthwaite's degrees of freedom.

    Args:
        estimate: the difference.
        variances: of the two means, each with (seeds - 1) degrees of freedom; None when one of them has none.
        seeds: distinct seeds of the two groups.
        observations: numbers behind the two means.
        name: of the method, for reports.
        confidence: one-sided.
    """
    n_seeds, n_observations = min(seeds), sum(observations)
    if variances is None:
        method = f"too few seeds for a bound ({seeds[0]} and {seeds[1]}, unpaired)"
        return bounded(estimate, None, None, confidence, n_seeds=n_seeds, n_observations=n_observations, method=method)
    if n_seeds == 2:
        # Satterthwaite covers 92% at 2 and 10 seeds when the two seeds vary most.
        return bounded_two_sources(
            estimate,
            variances,
            (seeds[0] - 1.0, seeds[1] - 1.0),
            confidence,
            n_seeds=n_seeds,
            n_observations=n_observations,
            method=f"Banerjee t over {seeds[0]} and {seeds[1]} seeds, unpaired",
        )
    total = variances[0] + variances[1]
    if total > 0.0:
        # Shares instead of squares of variances, which could underflow.
        df = 1.0 / sum((v / total) ** 2 / (n - 1) for v, n in zip(variances, seeds, strict=True))
    else:
        # Nothing varies: the ratio of the variances is unknown, and the smaller group's df is the cautious one.
        df = n_seeds - 1.0
    method = f"{name} over {seeds[0]} and {seeds[1]} seeds, unpaired"
    return bounded(estimate, total, df, confidence, n_seeds=n_seeds, n_observations=n_observations, method=method)


def _one_per_seed(
    seeds_name: str, seeds: Sequence[Key], values_name: str, values: Sequence[float]
) -> tuple[float, ...]:
    column = checked_values(values_name, values)
    refuse_duplicates(seeds_name, checked_keys(seeds_name, seeds, len(column)))
    return column
