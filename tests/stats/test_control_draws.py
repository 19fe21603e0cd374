"""A control drawn several times is a random factor beside the seeds, as datasets are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gatekit.stats import crossed, per_seed, with_control_draws

SEEDS = range(5)


def bounds(candidate, controls):
    """(n,) of the candidate and (R, n) of its controls."""
    differences = (np.array(candidate) - np.array(controls).mean(axis=0)).tolist()
    found = per_seed(SEEDS, differences, 0.95)
    return with_control_draws(found, [float(np.mean(own)) for own in controls], "re-initialised model")


def test_it_is_the_two_way_bound_over_seeds_and_controls() -> None:
    rng = np.random.default_rng(2)
    candidate, controls = 0.6 + 0.02 * rng.normal(size=5), 0.4 + 0.03 * rng.normal(size=(4, 5))
    ours = bounds(candidate, controls)
    table = (candidate[None, :] - controls).T
    cells = [(seed, r) for seed in SEEDS for r in range(4)]
    two_way = crossed([s for s, _ in cells], [r for _, r in cells], table.ravel().tolist(), 0.95, ("seed", "level"))
    assert (ours.lower, ours.upper) == (pytest.approx(two_way.lower), pytest.approx(two_way.upper))
    assert ours.method == "Student t over 5 seeds, and 4 re-initialised models"


def test_its_margin_is_that_over_seeds_and_that_over_controls_at_a_right_angle() -> None:
    controls = [[0.40, 0.41, 0.42, 0.40, 0.41], [0.50, 0.51, 0.49, 0.50, 0.52]]
    candidate = [0.70, 0.72, 0.69, 0.71, 0.70]
    ours = bounds(candidate, controls)
    means = [np.mean(own) for own in controls]
    of_seeds = stats.sem(np.array(candidate) - np.mean(controls, axis=0)) * stats.t.ppf(0.95, 4)
    of_controls = stats.sem(means) * stats.t.ppf(0.95, 1)
    assert ours.estimate - ours.lower == pytest.approx(math.hypot(of_seeds, of_controls))


def test_one_control_has_no_bound_for_others() -> None:
    ours = bounds([0.6, 0.61, 0.62, 0.6, 0.59], [[0.4, 0.41, 0.42, 0.4, 0.41]])
    assert (ours.lower, ours.method) == (None, "one re-initialised model, no bound")


def test_it_covers_where_controls_differ_and_the_bound_over_seeds_alone_does_not() -> None:
    rng = np.random.default_rng(4)
    covered = {"alone": 0, "models": 0}
    for _ in range(1000):
        controls = rng.normal(size=(4, 1)) + 0.3 * rng.normal(size=(4, 5))
        candidate = 0.3 * rng.normal(size=5)
        covered["models"] += bounds(candidate, controls).lower <= 0.0
        covered["alone"] += per_seed(SEEDS, (candidate - controls.mean(axis=0)).tolist(), 0.95).lower <= 0.0
    assert covered["models"] >= 935
    assert covered["alone"] < 750


def test_the_margin_over_datasets_with_a_long_tail_stays_as_wide_as_it_is() -> None:
    rng = np.random.default_rng(6)
    values = 1.0 - rng.exponential(size=(1, 16)) + 0.05 * rng.normal(size=(5, 16))
    keys = [(seed, dataset) for seed in SEEDS for dataset in range(16)]
    of_both = crossed([s for s, _ in keys], [d for _, d in keys], values.ravel().tolist(), 0.95, ("seed", "level"))
    assert of_both.method.endswith("Johnson's shift")
    ours = with_control_draws(of_both, [0.1, 0.2, 0.4], "re-initialised model")
    of_models = stats.sem([0.1, 0.2, 0.4]) * stats.t.ppf(0.95, 2)
    assert ours.estimate - ours.lower == pytest.approx(math.hypot(of_both.estimate - of_both.lower, of_models))
    assert ours.upper - ours.estimate == pytest.approx(math.hypot(of_both.upper - of_both.estimate, of_models))


def test_controls_that_hardly_differ_leave_every_bound_at_least_as_wide() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        values = (0.3 * rng.normal(size=(1, 12)) ** 3 + 0.1 * rng.normal(size=(4, 12))).ravel().tolist()
        found = crossed([s for s in range(4) for _ in range(12)], list(range(12)) * 4, values, 0.95, ("seed", "level"))
        ours = with_control_draws(found, [0.0, 1e-6, 3e-6], "re-initialised model")
        assert ours.lower <= found.lower
        assert ours.upper >= found.upper
