"""Power: the effect a design can detect, and the seeds an effect needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from gatekit.errors import GatekitError
from gatekit.stats.chi_square import chi_square_quantile
from gatekit.stats.columns import checked_confidence
from gatekit.stats.interval import Interval
from gatekit.stats.noncentral_t import noncentral_t_cdf, noncentrality
from gatekit.stats.student_t import t_quantile

MOST_SEEDS = 10_000


@dataclass(frozen=True)
class SeedsNeeded:
    """The smallest number of seeds that reaches the power asked for."""

    n: int | None
    """None when even 10,000 seeds do not, for instance because the datasets are too few."""
    power: float
    """Reached with n seeds; with 10,000 when n is None."""


def minimum_detectable(interval: Interval, power: float = 0.8) -> float | None:
    """Return how far from the threshold the truth must be for this design to pass with probability `power`.

    Passing is (estimate - threshold) / SE >= t(confidence, df), and that ratio is noncentral t when the truth is nc
    standard errors beyond the threshold. The observed standard error stands in for the true one; at three seeds it
    is between 0.23 and 1.73 times that in nine of ten cases, and so is the answer.

    Returns:
        A distance in the unit of the measurement, for either bound; None when there is no bound.

    Raises:
        GatekitError: power is not between 0 and 1.
    """
    _check_power(power)
    if interval.standard_error is None or interval.df is None:
        return None
    return _detectable_in_errors(interval.confidence, interval.df, power) * interval.standard_error


@cache
def _detectable_in_errors(confidence: float, df: float, power: float) -> float:
    """Return the distance in standard errors; gates of one policy share seeds and confidence, and so this."""
    # The noncentral t that exceeds the critical value with probability `power` has 1 - power below it.
    return noncentrality(t_quantile(confidence, df), df, 1.0 - power)


@cache
def true_power_range(confidence: float, df: float, power: float = 0.8, share: float = 0.8) -> tuple[float, float]:
    """Return between which values the true power lies at the distance that `minimum_detectable` states.

    That distance is a number of observed standard errors. The true one is off by a factor s = sqrt(chi2(df) / df), so
    the noncentrality there is s times the planned one.

    Args:
        confidence: one-sided.
        df: degrees of freedom of the standard error.
        power: what the distance was stated for.
        share: of all experiments in which the true power is inside.

    Raises:
        GatekitError: power or share is not between 0 and 1.
    """
    _check_power(power)
    _check_power(share)
    planned, critical = _detectable_in_errors(confidence, df, power), t_quantile(confidence, df)
    tails = ((1.0 - share) / 2.0, (1.0 + share) / 2.0)
    low, high = (
        noncentral_t_cdf(-critical, df, -planned * math.sqrt(chi_square_quantile(tail, df) / df)) for tail in tails
    )
    return low, high


def seeds_needed(
    effect: float,
    sd: float,
    confidence: float,
    power: float,
    design: str = "per_seed",
    *,
    sd_pair: float = 0.0,
    sd_dataset: float = 0.0,
    sd_residual: float = 0.0,
    n_datasets: float | None = None,
) -> SeedsNeeded:
    """Return the fewest seeds whose bound passes with probability `power` when the truth is `effect` off the threshold.

    per_seed is exact for normal observations. The other two replace the estimated variance by a multiple of chi-square
    with the same mean and (for per_seed_dataset) variance; simulated power differs by 1 point (pairs) and up to 3.5
    points (tables at 3 seeds without seed effects, which fall short of the plan) at most.

    Args:
        effect: distance between truth and threshold, > 0, in the unit of the measurement.
        sd: of the observations (per_seed; of the differences when paired), or of the seed effect (other designs).
        confidence: one-sided, of the gate.
        power: wanted probability of passing.
        design: "per_seed", "per_seed_pair" or "per_seed_dataset" (generalised over seeds and datasets).
        sd_pair: per_seed_pair: noise of a pair beyond its two seed effects.
        sd_dataset: per_seed_dataset: of the dataset effects.
        sd_residual: per_seed_dataset: of a single (seed, dataset) beyond both effects.
        n_datasets: per_seed_dataset: how many independent datasets there are, more than 1; of datasets in families,
            J^2 / sum n_g^2, which is no whole number.

    Raises:
        GatekitError: an argument is out of range or the design is unknown.
    """
    _check_power(power)
    power_of, fewest = _power_function(design, effect, sd, confidence, sd_pair, sd_dataset, sd_residual, n_datasets)
    return _smallest(power_of, power, fewest)


def power_with(
    n: int,
    effect: float,
    sd: float,
    confidence: float,
    design: str = "per_seed",
    *,
    sd_pair: float = 0.0,
    sd_dataset: float = 0.0,
    sd_residual: float = 0.0,
    n_datasets: float | None = None,
) -> float:
    """Return the probability that n seeds pass when the truth is `effect` off the threshold; 0 where there is no bound.

    The arguments are those of `seeds_needed`.

    Raises:
        GatekitError: an argument is out of range or the design is unknown.
    """
    power_of, fewest = _power_function(design, effect, sd, confidence, sd_pair, sd_dataset, sd_residual, n_datasets)
    return power_of(n) if n >= fewest else 0.0


def _power_function(
    design: str,
    effect: float,
    sd: float,
    confidence: float,
    sd_pair: float,
    sd_dataset: float,
    sd_residual: float,
    n_datasets: float | None,
) -> tuple[Callable[[int], float], int]:
    """Return the power as a function of the number of seeds, and the fewest seeds that have a bound."""
    checked_confidence(confidence)
    if not (math.isfinite(effect) and effect > 0.0):
        raise GatekitError("stats.effect", f"the effect must be a positive number, not {effect!r}")
    for name, value in (("sd", sd), ("sd_pair", sd_pair), ("sd_dataset", sd_dataset), ("sd_residual", sd_residual)):
        if not (math.isfinite(value) and value >= 0.0):
            raise GatekitError("stats.sd", f"{name} must be a number >= 0, not {value!r}")

    def per_seed(n: int) -> float:
        variance = sd * sd / n
        return _power(effect, variance, t_quantile(confidence, n - 1.0) ** 2 * variance, n - 1.0)

    def per_seed_pair(n: int) -> float:
        of_seeds = 4.0 * sd * sd / n
        # The mean's true variance, and what the jackknife estimates on average: see `per_seed_pair`.
        variance = of_seeds + 2.0 * sd_pair**2 / (n * (n - 1))
        jackknife = of_seeds + 4.0 * sd_pair**2 / (n * (n - 2))
        return _power(effect, variance, t_quantile(confidence, n - 1.0) ** 2 * jackknife, n - 1.0)

    def per_seed_dataset(n: int) -> float:
        assert n_datasets is not None
        # Each mean square of the table estimates its own factor's variance and the residual's.
        of_seeds, of_datasets, residual = sd**2 / n, sd_dataset**2 / n_datasets, sd_residual**2 / (n * n_datasets)
        dfs = (n - 1.0, n_datasets - 1.0)
        parts = [
            t_quantile(confidence, df) ** 2 * (v + residual) for v, df in zip((of_seeds, of_datasets), dfs, strict=True)
        ]
        margin = sum(parts)
        # Satterthwaite: the chi-square with the mean and the variance of the sum of both parts.
        df = 1.0 / sum((part / margin) ** 2 / df for part, df in zip(parts, dfs, strict=True)) if margin else dfs[0]
        return _power(effect, of_seeds + of_datasets + residual, margin, df)

    if design == "per_seed":
        return per_seed, 2
    if design == "per_seed_pair":
        return per_seed_pair, 3
    if design == "per_seed_dataset":
        if n_datasets is None or isinstance(n_datasets, bool) or not 1.0 < n_datasets < math.inf:
            raise GatekitError("stats.n_datasets", f"per_seed_dataset needs at least two datasets, not {n_datasets!r}")
        return per_seed_dataset, 2
    raise GatekitError(
        "stats.design", f"unknown design '{design}'", remedy="use per_seed, per_seed_pair or per_seed_dataset"
    )


def _power(effect: float, variance: float, squared_margin: float, df: float) -> float:
    """Return P(estimate - threshold >= margin) for a normal estimate and margin^2 ~ squared_margin * chi2(df) / df."""
    if variance == 0.0:
        return 1.0
    error = math.sqrt(variance)
    # The upper tail, written as a lower one so that it keeps its precision.
    return noncentral_t_cdf(-math.sqrt(squared_margin) / error, df, -effect / error)


def _smallest(power_of: Callable[[int], float], power: float, fewest: int) -> SeedsNeeded:
    """Return the smallest n whose power suffices; the power grows with n."""
    # Doubled until the power suffices, then halved in between: few evaluations, each of which costs an integral.
    low, high = fewest - 1, fewest
    while (reached := power_of(high)) < power:
        if high == MOST_SEEDS:
            return SeedsNeeded(None, reached)
        low, high = high, min(2 * high, MOST_SEEDS)
    while high - low > 1:
        middle = (low + high) // 2
        at_middle = power_of(middle)
        if at_middle >= power:
            high, reached = middle, at_middle
        else:
            low = middle
    return SeedsNeeded(high, reached)


def _check_power(power: float) -> None:
    if not 0.0 < power < 1.0:
        raise GatekitError("stats.power", f"power must be between 0 and 1, not {power!r}", remedy="use 0.8")
