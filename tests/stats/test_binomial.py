"""Fractions of few trials are as uncertain as counting leaves them, however alike the seeds are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gatekit.stats import Interval, exact_bounds, per_seed, with_counting_error


def bounds(counts: list[int], trials: int, confidence: float = 0.95) -> Interval:
    values = [count / trials for count in counts]
    return with_counting_error(per_seed(list(range(len(counts))), values, confidence), values, trials)


@pytest.mark.parametrize(("successes", "trials"), [(25, 25), (0, 10), (7, 50), (49, 50), (1, 3)])
def test_exact_bounds_are_those_of_the_beta_distribution(successes: int, trials: int) -> None:
    low, high = exact_bounds(successes, trials, 0.95)
    expected_low = stats.beta.ppf(0.05, successes, trials - successes + 1) if successes else 0.0
    expected_high = stats.beta.ppf(0.95, successes + 1, trials - successes) if successes < trials else 1.0
    assert (low, high) == (pytest.approx(expected_low), pytest.approx(expected_high))


def test_five_seeds_that_all_succeed_do_not_exclude_what_they_may_well_come_from() -> None:
    # All 25 trials succeed with probability 0.05 at a share of 0.05^(1/25).
    assert bounds([5] * 5, 5).lower == pytest.approx(0.05 ** (1 / 25))


def test_the_variance_is_at_least_the_binomials_at_a_shrunk_share() -> None:
    # 15 of 25, alike: p = (15 + z^2 / 2) / (25 + z^2), standard error sqrt(p (1 - p) / 25), 4 degrees of freedom.
    squared = stats.norm.ppf(0.95) ** 2
    share = (15 + squared / 2) / (25 + squared)
    error = (share * (1 - share) / 25) ** 0.5
    found = bounds([3] * 5, 5)
    assert found.standard_error == pytest.approx(error)
    assert found.lower == pytest.approx(0.6 - stats.t.ppf(0.95, 4) * error)
    assert found.method == "Student t over 5 seeds, of 5 trials each"


def test_seeds_that_differ_by_more_than_counting_are_bounded_as_they_were() -> None:
    counts = [0, 5, 0, 5, 3]
    plain = per_seed(list(range(5)), [count / 5 for count in counts], 0.95)
    found = bounds(counts, 5)
    assert (found.lower, found.upper) == (plain.lower, plain.upper)


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize(("trials", "share"), [(5, 0.95), (2, 0.9), (1, 0.9)])
def test_it_covers_where_t_alone_does_not(n: int, trials: int, share: float) -> None:
    random, covered, repetitions = np.random.default_rng(3), 0, 400
    seen: dict[tuple[int, ...], bool] = {}
    for _ in range(repetitions):
        counts = tuple(sorted(random.binomial(trials, share, n).tolist()))
        if counts not in seen:
            low = bounds(list(counts), trials).lower
            seen[counts] = low is not None and low <= share
        covered += seen[counts]
    assert covered >= 0.935 * repetitions
