from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gatekit.errors import GatekitError
from gatekit.stats import crossed, per_seed

# Shrout and Fleiss (1979), table 2: six targets rated by four judges. Published mean squares: 11.24 between targets,
# 32.49 between judges, 1.02 residual.
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)


def columns(table):
    rows, levels = table.shape
    return (
        [i for i in range(rows) for _ in range(levels)],
        [f"level {j}" for _ in range(rows) for j in range(levels)],
        table.ravel().tolist(),
    )


def test_the_variances_are_the_published_mean_squares_over_the_number_of_cells():
    seeds = crossed(*columns(RATINGS), 0.95, {"seed"})
    levels = crossed(*columns(RATINGS), 0.95, {"level"})
    both = crossed(*columns(RATINGS), 0.95, {"seed", "level"})
    assert round(24 * seeds.standard_error**2, 2) == 11.24
    assert round(24 * levels.standard_error**2, 2) == 32.49
    assert round(24 * both.standard_error**2, 1) == 43.7
    assert (seeds.df, levels.df) == (5, 3)


@pytest.mark.parametrize(("factor", "axis"), [("seed", 1), ("level", 0)])
def test_one_random_factor_is_the_t_interval_of_its_means(factor, axis):
    ours = crossed(*columns(RATINGS), 0.95, [factor])
    test = stats.ttest_1samp(RATINGS.mean(axis=axis), 0, alternative="greater")
    assert ours.lower == pytest.approx(test.confidence_interval(0.95).low, rel=1e-10)


def test_both_factors_have_the_margin_of_banerjee():
    # Of nine levels the skewness is not believed (test_skewness.py).
    table = np.random.default_rng(1).normal(size=(5, 9))
    ours = crossed(*columns(table), 0.95, ("seed", "level"))
    of_seeds = stats.sem(table.mean(axis=1)) * stats.t.ppf(0.95, 4)
    of_levels = stats.sem(table.mean(axis=0)) * stats.t.ppf(0.95, 8)
    margin = math.hypot(of_seeds, of_levels)
    assert ours.lower == pytest.approx(table.mean() - margin, rel=1e-10)
    assert ours.upper == pytest.approx(table.mean() + margin, rel=1e-10)
    assert stats.t.ppf(0.95, ours.df) * ours.standard_error == pytest.approx(margin, rel=1e-10)


def test_one_level_leaves_the_bound_over_seeds():
    table = RATINGS[:, :1]
    assert crossed(*columns(table), 0.95, ["seed"]).lower == per_seed(range(6), table.ravel().tolist(), 0.95).lower


@pytest.mark.parametrize("factors", [["seed"], ["seed", "level"]])
def test_one_seed_has_no_bound_where_seeds_are_random(factors):
    ours = crossed(*columns(RATINGS[:1]), 0.95, factors)
    assert (ours.estimate, ours.lower, ours.upper, ours.n_seeds) == (6.0, None, None, 1)


def test_one_seed_still_has_a_bound_over_datasets():
    ours = crossed(*columns(RATINGS[:1]), 0.95, ["level"])
    assert ours.lower == pytest.approx(per_seed(range(4), RATINGS[0].tolist(), 0.95).lower, rel=1e-12)
    assert "for the 1 seed measured" in ours.method


def test_one_dataset_has_no_bound_where_datasets_are_random():
    assert crossed(*columns(RATINGS[:, :1]), 0.95, ["seed", "level"]).lower is None


def test_seed_noise_is_ignored_only_when_seeds_are_not_generalised_over():
    table = np.array([[0.0, 0.01, -0.01], [1.0, 1.01, 0.99], [-1.0, -0.99, -1.01]])
    assert crossed(*columns(table), 0.95, ["level"]).lower > -0.02
    assert crossed(*columns(table), 0.95, ["seed"]).lower < -1.0
    assert crossed(*columns(table), 0.95, ["seed", "level"]).lower < -1.0


@pytest.mark.parametrize("factors", [[], ["dataset"], ["seed", "row"]])
def test_what_is_generalised_over_must_be_named(factors):
    with pytest.raises(GatekitError) as caught:
        crossed(*columns(RATINGS), 0.95, factors)
    assert caught.value.error_id == "stats.generalize_over"


def test_a_table_with_a_hole_is_refused():
    seeds, levels, values = columns(RATINGS)
    with pytest.raises(GatekitError) as caught:
        crossed(seeds[1:], levels[1:], values[1:], 0.95, ["seed"], level_name="dataset")
    assert caught.value.error_id == "stats.incomplete"
    assert "6 seeds x 4 datasets miss 1" in caught.value.message


def test_a_repeated_cell_is_refused():
    seeds, levels, values = columns(RATINGS)
    with pytest.raises(GatekitError) as caught:
        crossed([*seeds, 0], [*levels, "level 0"], [*values, 9.0], 0.95, ["seed"])
    assert caught.value.error_id == "stats.duplicate"
