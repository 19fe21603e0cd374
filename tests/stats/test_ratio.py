"""Ratios of means: Fieller's interval in closed form, and what holds near a denominator of 0."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from gatekit.errors import GatekitError
from gatekit.stats import Interval, crossed, per_seed, ratio_of_means

SEEDS = [0, 1, 2, 3, 4]
ABOVE = [0.11, 0.08, 0.14, 0.09, 0.10]
BELOW = [0.31, 0.24, 0.35, 0.30, 0.26]


def by_seed(values: list[float]) -> Interval:
    return per_seed(SEEDS, values, 0.95)


def test_over_seeds_the_bounds_are_fiellers_in_closed_form() -> None:
    t = scipy_stats.t.ppf(0.95, 4)
    cov = np.cov(ABOVE, BELOW, ddof=1) / 5
    x, y = np.mean(ABOVE), np.mean(BELOW)
    # (x - r y)^2 = t^2 (v_x - 2 r c + r^2 v_y), solved for r.
    squared = [y**2 - t**2 * cov[1, 1], -2 * (x * y - t**2 * cov[0, 1]), x**2 - t**2 * cov[0, 0]]
    low, high = sorted(np.roots(squared))
    found = ratio_of_means(ABOVE, BELOW, by_seed)
    assert found.estimate == pytest.approx(sum(ABOVE) / sum(BELOW))
    assert (found.lower, found.upper) == (pytest.approx(low), pytest.approx(high))
    assert found.method == "ratio of means, Student t over 5 seeds"


def test_it_is_the_ratio_of_the_means_and_not_the_mean_of_the_ratios() -> None:
    found = ratio_of_means([0.1, 0.1, 0.1, 0.1, 0.1], [0.001, 0.3, 0.4, 0.35, 0.45], by_seed)
    assert found.estimate == pytest.approx(0.5 / 1.501)


def test_one_observation_near_nothing_moves_it_a_little_where_a_mean_of_ratios_jumps() -> None:
    before = ratio_of_means(ABOVE, [*BELOW[:4], 0.051], by_seed).estimate
    after = ratio_of_means(ABOVE, [*BELOW[:4], 0.049], by_seed).estimate
    assert after - before == pytest.approx(sum(ABOVE) * (1 / 1.249 - 1 / 1.251))
    assert abs(after - before) < 0.001


def test_a_constant_denominator_only_scales_the_bounds_of_the_numerator() -> None:
    found, alone = ratio_of_means(ABOVE, [0.5] * 5, by_seed), by_seed(ABOVE)
    assert alone.lower is not None and alone.upper is not None
    assert (found.lower, found.upper) == (pytest.approx(alone.lower / 0.5), pytest.approx(alone.upper / 0.5))


def test_where_the_denominator_may_be_0_there_is_no_bound() -> None:
    found = ratio_of_means(ABOVE, [0.3, -0.2, 0.4, -0.1, 0.1], by_seed)
    assert (found.lower, found.upper, found.standard_error) == (None, None, None)
    assert found.method.startswith("what is divided by may be 0: its lower bound is -")


def test_a_denominator_that_is_not_above_0_is_an_error() -> None:
    with pytest.raises(GatekitError, match="not above 0"):
        ratio_of_means(ABOVE, [-0.1] * 5, by_seed)


def test_its_bounds_cover_over_new_seeds_and_datasets() -> None:
    random, covered, repetitions = np.random.default_rng(7), [0, 0], 300
    seeds, levels = [s for s in range(5) for _ in range(9)], [j for _ in range(5) for j in range(9)]
    for _ in range(repetitions):
        advantage = 0.3 + random.normal(0, 0.1, 9) + random.normal(0, 0.02, (5, 1)) + random.normal(0, 0.02, (5, 9))
        drop = 0.05 + 0.3 * (advantage - 0.3) + random.normal(0, 0.05, 9) + random.normal(0, 0.02, (5, 1))
        found = ratio_of_means(
            drop.ravel().tolist(),
            advantage.ravel().tolist(),
            lambda values: crossed(seeds, levels, values, 0.95, ("seed", "level")),
        )
        assert found.lower is not None and found.upper is not None
        covered[0] += found.lower <= 0.05 / 0.3
        covered[1] += found.upper >= 0.05 / 0.3
    # 95 % less four standard errors of 300 repetitions.
    assert min(covered) >= repetitions * (0.95 - 4 * math.sqrt(0.95 * 0.05 / repetitions))
