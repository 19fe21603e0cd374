"""Johnson's shift over datasets and rows: only ever wider, on the side of the long tail, from ten draws on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gatekit.stats import crossed
from gatekit.stats.skewness import FEWEST, johnson_shift

SKEWED = [0.98, 0.99, 0.985, 0.97, 0.992, 0.988, 0.978, 0.991, 0.6, 0.983]
"""AUCs of ten datasets, one of which is hard."""


def parts(values):
    return [(value - np.mean(values)) / len(values) for value in values]


def variance(values):
    return float(np.var(values, ddof=1)) / len(values)


def table(levels, seeds=1):
    return [s for s in range(seeds) for _ in levels], list(range(len(levels))) * seeds, list(levels) * seeds


def test_it_is_johnsons_formula_with_the_unbiased_third_moment() -> None:
    n, t = len(SKEWED), 1.833
    s2 = np.var(SKEWED, ddof=1)
    # kstat(3) is the unbiased third central moment.
    expected = stats.kstat(SKEWED, 3) * (1 + 2 * t**2) / (6 * n * s2)
    below, above = johnson_shift(parts(SKEWED), variance(SKEWED), t)
    assert (below, above) == (pytest.approx(-expected), 0.0)
    assert below > 0


def test_a_long_tail_below_moves_the_lower_bound_and_not_the_upper() -> None:
    found = crossed(*table(SKEWED), 0.95, ("level",))
    margin = stats.t.ppf(0.95, 9) * math.sqrt(variance(SKEWED))
    below, _ = johnson_shift(parts(SKEWED), variance(SKEWED), stats.t.ppf(0.95, 9))
    assert found.upper == pytest.approx(np.mean(SKEWED) + margin)
    assert found.lower == pytest.approx(np.mean(SKEWED) - margin - below)
    assert found.method.endswith("Johnson's shift")


def test_beside_seeds_it_is_part_of_the_margin_over_levels_alone() -> None:
    effects = np.add.outer([0.0, 0.01, -0.01], SKEWED)
    seeds, levels = [s for s in range(3) for _ in SKEWED], list(range(len(SKEWED))) * 3
    found = crossed(seeds, levels, effects.ravel().tolist(), 0.95, ("seed", "level"))
    of_seeds = stats.t.ppf(0.95, 2) * 0.01 / math.sqrt(3)
    t = stats.t.ppf(0.95, 9)
    below, _ = johnson_shift(parts(SKEWED), variance(SKEWED), t)
    of_levels = t * math.sqrt(variance(SKEWED)) + below
    assert found.estimate - found.lower == pytest.approx(math.hypot(of_seeds, of_levels))


def test_a_bound_for_the_datasets_measured_has_no_shift() -> None:
    effects = np.add.outer([0.0, 0.01, -0.01], SKEWED)
    seeds, levels = [s for s in range(3) for _ in SKEWED], list(range(len(SKEWED))) * 3
    found = crossed(seeds, levels, effects.ravel().tolist(), 0.95, ("seed",))
    assert "Johnson" not in found.method
    assert found.upper - found.estimate == pytest.approx(found.estimate - found.lower)


def test_of_fewer_draws_than_ten_the_skewness_is_not_believed() -> None:
    few = SKEWED[-(FEWEST - 1) :]
    assert johnson_shift(parts(few), variance(few), 1.9) == (0.0, 0.0)
    assert "Johnson" not in crossed(*table(few), 0.95, ("level",)).method


def test_what_does_not_vary_is_not_skewed() -> None:
    assert johnson_shift([0.0] * 12, 0.0, 1.9) == (0.0, 0.0)


def test_large_numbers_do_not_overflow() -> None:
    found = crossed(*table([1e140 * value for value in SKEWED]), 0.95, ("level",))
    assert found.lower == pytest.approx(1e140 * crossed(*table(SKEWED), 0.95, ("level",)).lower)


@given(st.lists(st.integers(-50, 50), min_size=10, max_size=16), st.integers(2, 12))
@settings(deadline=None, max_examples=60)
def test_families_never_narrow_a_bound_skewed_or_not(values, families) -> None:
    seeds, levels, column = table([float(value) for value in values])
    labels = [str(level % families) for level in levels]
    apart = crossed(seeds, levels, column, 0.95, ("level",))
    together = crossed(seeds, levels, column, 0.95, ("level",), families=labels)
    assert together.lower <= apart.lower
    assert together.upper >= apart.upper


def test_over_skewed_datasets_it_covers_more() -> None:
    rng = np.random.default_rng(5)
    covered = {"t": 0, "shift": 0}
    t = stats.t.ppf(0.95, 15)
    for _ in range(600):
        values = rng.beta(0.985 * 20, 0.015 * 20, 16)
        plain = values.mean() - t * values.std(ddof=1) / 4
        covered["t"] += plain <= 0.985
        covered["shift"] += crossed(*table(values.tolist()), 0.95, ("level",)).lower <= 0.985
    # Over 20,000 repetitions 80 and 86 % at these sizes.
    assert covered["t"] < 0.84 * 600 < covered["shift"]
