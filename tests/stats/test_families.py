"""The bound over datasets in families, against cluster formulas worked by hand and by numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gatekit.errors import GatekitError
from gatekit.stats import crossed, minimum_detectable
from gatekit.stats.families import family_variance

# Four datasets, two of them one family. Their means over seeds are 1, 3, 5 and 7 with mean 4; the sums of deviations
# are -3 - 1 = -4, 1 and 3; so V = 3/2 (16 + 1 + 9) / 16 = 39/16, and df = 16 / (4 + 1 + 1) - 1 = 5/3.
BY_HAND = {"a": 1.0, "b": 3.0, "c": 5.0, "d": 7.0}
FAMILIES = {"a": "x", "b": "x", "c": "y", "d": "z"}


def columns(table):
    rows, levels = table.shape
    seeds = [i for i in range(rows) for _ in range(levels)]
    return seeds, [f"level {j}" for _ in range(rows) for j in range(levels)], table.ravel().tolist()


def of_levels(labels, seeds):
    return list(labels) * seeds


def by_numpy(table, labels, confidence=0.95):
    """Return the margin of Banerjee's bound with the cluster-robust variance over families."""
    means, n_seeds = table.mean(axis=0), table.shape[0]
    one_hot = np.array([[label == family for family in sorted(set(labels))] for label in labels], dtype=float)
    sums = (means - means.mean()) @ one_hot
    g, j = one_hot.shape[1], len(means)
    variance = g / (g - 1) * (sums**2).sum() / j**2
    df = j**2 / (one_hot.sum(axis=0) ** 2).sum() - 1
    of_seeds = stats.sem(table.mean(axis=1)) * stats.t.ppf(confidence, n_seeds - 1)
    return math.hypot(of_seeds, stats.t.ppf(confidence, df) * math.sqrt(variance))


def test_the_variance_and_its_degrees_of_freedom_are_those_worked_by_hand():
    found = family_variance(BY_HAND, FAMILIES, 4.0)
    assert found.variance == pytest.approx(39 / 16, rel=1e-14)
    assert found.df == pytest.approx(5 / 3, rel=1e-14)


def test_one_seed_is_bounded_over_families_by_the_example_worked_by_hand():
    labels = list(FAMILIES.values())
    ours = crossed(*columns(np.array([list(BY_HAND.values())])), 0.95, ["level"], families=labels)
    assert ours.lower == pytest.approx(4 - stats.t.ppf(0.95, 5 / 3) * math.sqrt(39 / 16), rel=1e-9)
    assert ours.df == pytest.approx(5 / 3)
    assert ours.method == "Student t over 4 levels in 3 families, for the 1 seed measured"


def test_both_factors_have_the_margin_of_banerjee_with_the_variance_over_families():
    generator = np.random.default_rng(4)
    labels = ["a"] * 5 + ["b"] * 4 + ["c"] * 2 + ["d", "e", "f"]
    effects = {label: generator.normal() for label in set(labels)}
    table = generator.normal(scale=0.5, size=(5, len(labels))) + np.array([effects[label] for label in labels])
    ours = crossed(*columns(table), 0.95, ["seed", "level"], families=of_levels(labels, 5))
    assert ours.upper - ours.estimate == pytest.approx(by_numpy(table, labels), rel=1e-9)
    assert ours.lower < crossed(*columns(table), 0.95, ["seed", "level"]).lower
    assert ours.method == "two-way t over 5 seeds and 14 levels in 6 families"
    # The power statement is that of the wider standard error.
    assert minimum_detectable(ours) > minimum_detectable(crossed(*columns(table), 0.95, ["seed", "level"]))


def test_families_of_one_level_each_change_no_bit_of_the_bound():
    table = np.random.default_rng(5).normal(size=(5, 9))
    labels = [f"family {i}" for i in range(9)]
    for factors in (["level"], ["seed", "level"]):
        plain, ours = (
            crossed(*columns(table), 0.95, factors),
            crossed(*columns(table), 0.95, factors, families=of_levels(labels, 5)),
        )
        assert (ours.lower, ours.upper, ours.df) == (plain.lower, plain.upper, plain.df)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_no_division_into_families_narrows_a_bound(data):
    table = np.array(data.draw(st.lists(st.lists(st.floats(-9, 9), min_size=6, max_size=6), min_size=3, max_size=3)))
    table = np.round(table, 3)
    labels = data.draw(st.lists(st.sampled_from("abc"), min_size=6, max_size=6))
    plain = crossed(*columns(table), 0.95, ["seed", "level"])
    ours = crossed(*columns(table), 0.95, ["seed", "level"], families=of_levels(labels, 3))
    assert ours.estimate == plain.estimate
    if ours.lower is not None:
        assert ours.lower <= plain.lower + 1e-12
        assert ours.upper >= plain.upper - 1e-12


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_the_order_of_observations_and_the_names_of_families_change_no_bit(data):
    table = np.array(data.draw(st.lists(st.lists(st.floats(-9, 9), min_size=5, max_size=5), min_size=3, max_size=3)))
    seeds, levels, values = columns(np.round(table, 3))
    labels = of_levels(["x", "x", "y", "y", "z"], 3)
    order = data.draw(st.permutations(range(15)))
    first = crossed(seeds, levels, values, 0.95, ["seed", "level"], families=labels)
    other = crossed(
        *([column[i] for i in order] for column in (seeds, levels, values)),
        0.95,
        ["seed", "level"],
        families=[{"x": 3, "y": 1, "z": 2}[labels[i]] for i in order],
    )
    assert other == first


def test_one_family_has_no_bound_over_datasets_and_still_one_over_seeds():
    table = np.random.default_rng(6).normal(size=(5, 4))
    ours = crossed(*columns(table), 0.95, ["seed", "level"], level_name="dataset", families=["x"] * 20)
    assert (ours.lower, ours.upper) == (None, None)
    assert ours.method == "4 datasets in 1 family, no bound for other datasets"
    over_seeds = crossed(*columns(table), 0.95, ["seed"], families=["x"] * 20)
    assert over_seeds == crossed(*columns(table), 0.95, ["seed"])


def test_nearly_all_levels_in_one_family_have_no_bound():
    table = np.random.default_rng(7).normal(size=(1, 200))
    labels = ["x"] * 199 + ["y"]
    assert crossed(*columns(table), 0.95, ["level"], families=labels).lower is None


def test_a_level_in_two_families_is_refused():
    table = np.random.default_rng(8).normal(size=(2, 2))
    with pytest.raises(GatekitError, match="the dataset 'level 0' is in two families"):
        crossed(*columns(table), 0.95, ["level"], level_name="dataset", families=["x", "y", "z", "y"])
