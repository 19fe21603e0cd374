from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from gatekit.errors import GatekitError
from gatekit.stats import (
    per_seed,
    per_seed_pair,
    per_seed_pair_two_groups,
    per_seed_two_groups,
    reported,
    selection_confidence,
    t_quantile,
)

FIVE = [0.31, -0.12, 0.05, 0.44, 0.2]
OTHER_SIX = [0.1, 0.7, -1.3, 0.25, 0.0, 2.0]


def all_pairs(n):
    pairs = list(combinations(range(n), 2))
    return [a for a, _ in pairs], [b for _, b in pairs]


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.995])
@pytest.mark.parametrize("values", [FIVE, OTHER_SIX, [1.0, 2.0]])
def test_per_seed_agrees_with_the_one_sample_t_interval_of_scipy(values, confidence):
    ours = per_seed(range(len(values)), values, confidence)
    lower = stats.ttest_1samp(values, 0, alternative="greater").confidence_interval(confidence).low
    upper = stats.ttest_1samp(values, 0, alternative="less").confidence_interval(confidence).high
    assert ours.estimate == pytest.approx(np.mean(values), rel=1e-14)
    assert ours.lower == pytest.approx(lower, rel=1e-10)
    assert ours.upper == pytest.approx(upper, rel=1e-10)
    assert ours.standard_error == pytest.approx(stats.sem(values), rel=1e-12)
    assert ours.n_seeds == ours.n_observations == len(values)


def test_per_seed_of_differences_agrees_with_the_paired_t_interval_of_scipy():
    candidate, baseline = FIVE, OTHER_SIX[:5]
    ours = per_seed(range(5), [c - b for c, b in zip(candidate, baseline, strict=True)], 0.95)
    interval = stats.ttest_rel(candidate, baseline, alternative="greater").confidence_interval(0.95)
    assert ours.lower == pytest.approx(interval.low, rel=1e-10)


def test_two_groups_agree_with_the_welch_interval_of_scipy():
    ours = per_seed_two_groups(range(5), FIVE, range(6), OTHER_SIX, 0.95)
    greater = stats.ttest_ind(FIVE, OTHER_SIX, equal_var=False, alternative="greater")
    less = stats.ttest_ind(FIVE, OTHER_SIX, equal_var=False, alternative="less")
    assert ours.lower == pytest.approx(greater.confidence_interval(0.95).low, rel=1e-10)
    assert ours.upper == pytest.approx(less.confidence_interval(0.95).high, rel=1e-10)
    assert ours.df == pytest.approx(greater.df, rel=1e-12)
    assert (ours.n_seeds, ours.n_observations) == (5, 11)


def test_a_group_of_two_seeds_has_the_margin_of_banerjee():
    ours = per_seed_two_groups([1, 2], [1.0, 3.0], range(6), OTHER_SIX, 0.95)
    first = special_t(0.95, 1) ** 2 * np.var([1.0, 3.0], ddof=1) / 2
    second = special_t(0.95, 5) ** 2 * np.var(OTHER_SIX, ddof=1) / 6
    assert ours.upper - ours.estimate == pytest.approx(math.sqrt(first + second), rel=1e-12)
    # The df is the one at which Student's t gives the same margin.
    assert ours.estimate + special_t(0.95, ours.df) * ours.standard_error == pytest.approx(ours.upper, rel=1e-10)
    assert 1.0 < ours.df < 5.0


def special_t(p, df):
    return float(stats.t.ppf(p, df))


@pytest.mark.parametrize("n", [3, 4, 7])
def test_the_pair_variance_is_the_delete_one_seed_jackknife(n):
    a, b = all_pairs(n)
    values = np.random.default_rng(n).normal(size=len(a))
    ours = per_seed_pair(a, b, values.tolist(), 0.95)
    first, second = np.array(a), np.array(b)
    left_out = np.array([values[(first != seed) & (second != seed)].mean() for seed in range(n)])
    variance = (n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()
    assert ours.estimate == pytest.approx(values.mean(), rel=1e-12)
    assert ours.standard_error == pytest.approx(math.sqrt(variance), rel=1e-10)
    assert ours.lower == pytest.approx(values.mean() - special_t(0.95, n - 1) * math.sqrt(variance), rel=1e-10)
    assert (ours.n_seeds, ours.n_observations, ours.df) == (n, n * (n - 1) // 2, n - 1)


def test_without_pair_noise_the_pair_bound_is_the_t_bound_of_twice_the_seed_effects():
    effects = np.array(FIVE)
    a, b = all_pairs(5)
    ours = per_seed_pair(a, b, (effects[a] + effects[b]).tolist(), 0.95)
    expected = stats.ttest_1samp(2 * effects, 0, alternative="greater").confidence_interval(0.95).low
    assert ours.lower == pytest.approx(expected, rel=1e-10)


def test_two_groups_of_pairs_without_pair_noise_agree_with_the_welch_interval_of_scipy():
    x, y = np.array(FIVE), np.array(OTHER_SIX)
    (a1, a2), (b1, b2) = all_pairs(5), all_pairs(6)
    ours = per_seed_pair_two_groups(a1, a2, (x[a1] + x[a2]).tolist(), b1, b2, (y[b1] + y[b2]).tolist(), 0.95)
    test = stats.ttest_ind(2 * x, 2 * y, equal_var=False, alternative="greater")
    assert ours.lower == pytest.approx(test.confidence_interval(0.95).low, rel=1e-10)
    assert ours.n_seeds == 5
    assert ours.n_observations == 10 + 15


def test_one_seed_has_an_estimate_and_no_bound():
    ours = per_seed([42], [0.7], 0.95)
    assert ours.estimate == 0.7
    assert (ours.lower, ours.upper, ours.standard_error, ours.df) == (None, None, None, None)


def test_two_seeds_have_one_pair_and_no_bound():
    ours = per_seed_pair([1], [2], [0.7], 0.95)
    assert (ours.estimate, ours.lower, ours.upper, ours.n_seeds) == (0.7, None, None, 2)


def test_a_group_of_one_seed_leaves_the_difference_without_bounds():
    ours = per_seed_two_groups([1], [0.7], range(5), FIVE, 0.95)
    assert (ours.lower, ours.upper, ours.n_seeds) == (None, None, 1)
    a, b = all_pairs(4)
    pairs = per_seed_pair_two_groups([1], [2], [0.5], a, b, [0.1] * 6, 0.95)
    assert (pairs.lower, pairs.upper, pairs.n_seeds) == (None, None, 2)


def test_equal_observations_give_their_own_value_as_bounds_and_the_method_says_so():
    # 0.1 + 0.1 + 0.1 is not 0.3 in floating point; a gate `at_most: 0.1` must pass all the same.
    ours = per_seed([1, 2, 3], [0.1, 0.1, 0.1], 0.95)
    assert ours.lower == ours.estimate == ours.upper == 0.1
    assert "no variation" in ours.method


def test_integers_are_numbers():
    assert per_seed([1, 2, 3], [64, 64, 65], 0.95).estimate == pytest.approx(193 / 3)


@pytest.mark.parametrize(
    ("seeds", "values", "error"),
    [
        ([1, 2, 3], [0.1, math.nan, 0.2], "stats.non_finite"),
        ([1, 2, 3], [0.1, math.inf, 0.2], "stats.non_finite"),
        ([1, 2, 3], [0.1, 10**400, 0.2], "stats.non_finite"),
        ([1, 2, 3], [0.1, True, 0.2], "stats.not_a_number"),
        ([1, 2, 3], [0.1, "0.3", 0.2], "stats.not_a_number"),
        ([1, 2, 3], [0.1, None, 0.2], "stats.not_a_number"),
        ([1, 2, 3], [0.1, 0.2], "stats.length"),
        ([1, 2, 2], [0.1, 0.2, 0.3], "stats.duplicate"),
        ([1, 2, True], [0.1, 0.2, 0.3], "stats.key"),
        ([1, 2, 3.0], [0.1, 0.2, 0.3], "stats.key"),
        ([], [], "stats.empty"),
        ([1, 2, 3], [1e308, 1e308, 1e308], "stats.overflow"),
        ([1, 2, 3], [1e200, -1e200, 0.0], "stats.overflow"),
        ([1, 2, 3], [1e-170, 2e-170, 3e-170], "stats.underflow"),
    ],
)
def test_a_column_that_is_not_one_finite_number_per_seed_is_refused(seeds, values, error):
    with pytest.raises(GatekitError) as caught:
        per_seed(seeds, values, 0.95)
    assert caught.value.error_id == error


@pytest.mark.parametrize(
    ("a", "b", "values", "error"),
    [
        ([1, 1], [2, 3], [0.1, 0.2], "stats.incomplete"),
        ([1, 1, 2, 2], [2, 3, 3, 1], [0.1, 0.2, 0.3, 0.4], "stats.duplicate"),
        ([1, 1, 2], [2, 3, 2], [0.1, 0.2, 0.3], "stats.self_pair"),
        ([1, 1, 2], [2, 3], [0.1, 0.2, 0.3], "stats.length"),
        ([1, 1, 2], [2, 3, 3], [0.1, 0.2, math.nan], "stats.non_finite"),
    ],
)
def test_an_incomplete_or_repeated_set_of_pairs_is_refused(a, b, values, error):
    with pytest.raises(GatekitError) as caught:
        per_seed_pair(a, b, values, 0.95)
    assert caught.value.error_id == error


@pytest.mark.parametrize("confidence", [0.4, 1.0, 95, math.nan, True, "0.95"])
def test_a_confidence_outside_its_range_is_refused(confidence):
    with pytest.raises(GatekitError) as caught:
        per_seed([1, 2, 3], [0.1, 0.2, 0.3], confidence)
    assert caught.value.error_id == "stats.confidence"


def test_reported_numbers_pass_through_and_are_named_as_such():
    ours = reported(0.5, 0.4, None, 0.975, 5)
    assert (ours.estimate, ours.lower, ours.upper, ours.n_seeds) == (0.5, 0.4, None, 5)
    assert ours.method == "reported by the producer"


def test_a_reported_estimate_outside_its_own_bounds_is_refused():
    with pytest.raises(GatekitError) as caught:
        reported(0.5, 0.6, 0.7, 0.95, 5)
    assert caught.value.error_id == "stats.reported_order"
    with pytest.raises(GatekitError):
        reported(0.5, 0.4, 0.7, 0.95, 0)


def test_the_best_of_k_is_bounded_at_a_kth_of_the_error():
    assert selection_confidence(0.95, 1) == 0.95
    assert selection_confidence(0.95, 10) == pytest.approx(0.995)
    for candidates in (0, -1, 2.0, True):
        with pytest.raises(GatekitError):
            selection_confidence(0.95, candidates)


def test_a_quantile_of_a_seed_count_is_computed_once():
    t_quantile.cache_clear()
    for _ in range(3):
        per_seed(range(5), FIVE, 0.95)
    assert t_quantile.cache_info().misses == 1
