from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gatekit.errors import GatekitError
from gatekit.stats import (
    crossed,
    minimum_detectable,
    noncentral_t_cdf,
    per_seed,
    per_seed_pair,
    power_with,
    reported,
    seeds_needed,
    t_quantile,
)


@pytest.mark.parametrize(("n", "power"), [(3, 0.32), (5, 0.58), (10, 0.89)])
def test_the_power_at_one_standard_deviation_is_the_recorded_one(n, power):
    assert 1 - noncentral_t_cdf(t_quantile(0.95, n - 1), n - 1, math.sqrt(n)) == pytest.approx(power, abs=0.01)


@pytest.mark.parametrize(("effect", "power"), [(1.0, 0.8), (0.5, 0.9), (2.0, 0.8), (0.1, 0.8)])
def test_the_seeds_needed_are_the_fewest_that_reach_the_power_by_scipy(effect, power):
    def scipy_power(n):
        return stats.nct.sf(stats.t.ppf(0.95, n - 1), n - 1, effect * math.sqrt(n))

    found = seeds_needed(effect, 1.0, 0.95, power)
    assert found.power == pytest.approx(scipy_power(found.n), abs=1e-9)
    assert scipy_power(found.n) >= power > scipy_power(found.n - 1)


def test_the_power_of_a_given_number_of_seeds_agrees_with_scipy_and_is_zero_without_a_bound():
    expected = stats.nct.sf(stats.t.ppf(0.95, 4), 4, math.sqrt(5))
    assert power_with(5, 1.0, 1.0, 0.95) == pytest.approx(expected, abs=1e-10)
    assert power_with(1, 1.0, 1.0, 0.95) == 0.0
    assert power_with(2, 1.0, 1.0, 0.95, "per_seed_pair") == 0.0


def simulated_power(bound, draw, effect, repetitions=3000):
    rng = np.random.default_rng(5)
    return np.mean([bound((draw(rng) + effect).ravel().tolist()).lower >= 0 for _ in range(repetitions)])


@pytest.mark.parametrize(("sd", "sd_pair"), [(1.0, 0.5), (0.3, 1.0)])
def test_the_power_of_pairs_is_what_simulation_gives(sd, sd_pair):
    effect = 1.2 * math.hypot(sd, sd_pair)
    found = seeds_needed(effect, sd, 0.95, 0.8, "per_seed_pair", sd_pair=sd_pair)
    first, second = np.triu_indices(found.n, 1)

    def draw(rng):
        seeds = sd * rng.normal(size=found.n)
        return seeds[first] + seeds[second] + sd_pair * rng.normal(size=len(first))

    power = simulated_power(lambda v: per_seed_pair(first.tolist(), second.tolist(), v, 0.95), draw, effect)
    assert power == pytest.approx(found.power, abs=0.03)


def test_the_power_of_a_table_is_what_simulation_gives():
    found = seeds_needed(0.9, 0.8, 0.95, 0.8, "per_seed_dataset", sd_dataset=0.8, sd_residual=0.5, n_datasets=8)
    seeds = [i for i in range(found.n) for _ in range(8)]
    levels = [j for _ in range(found.n) for j in range(8)]

    def draw(rng):
        effects = 0.8 * rng.normal(size=(found.n, 1)) + 0.8 * rng.normal(size=(1, 8))
        return effects + 0.5 * rng.normal(size=(found.n, 8))

    power = simulated_power(lambda v: crossed(seeds, levels, v, 0.95, ["seed", "level"]), draw, 0.9, 2000)
    assert power == pytest.approx(found.power, abs=0.03)


def test_no_number_of_seeds_makes_up_for_too_few_datasets():
    found = seeds_needed(0.5, 0.3, 0.95, 0.8, "per_seed_dataset", sd_dataset=1.0, n_datasets=8)
    assert found.n is None
    # With ten thousand seeds what is left is a t bound over eight datasets.
    assert found.power == pytest.approx(stats.nct.sf(stats.t.ppf(0.95, 7), 7, 0.5 * math.sqrt(8)), abs=1e-3)


def test_without_noise_the_fewest_seeds_that_have_a_bound_suffice():
    assert seeds_needed(0.1, 0.0, 0.95, 0.8).n == 2
    assert seeds_needed(0.1, 0.0, 0.95, 0.8, "per_seed_pair").n == 3


def test_the_minimum_detectable_effect_passes_with_the_asked_power():
    interval = per_seed(range(5), [0.31, -0.12, 0.05, 0.44, 0.2], 0.95)
    distance = minimum_detectable(interval, 0.8)
    noncentrality = distance / interval.standard_error
    assert stats.nct.sf(stats.t.ppf(0.95, 4), 4, noncentrality) == pytest.approx(0.8, abs=1e-9)


def test_nothing_is_detectable_without_a_bound():
    assert minimum_detectable(per_seed([1], [0.5], 0.95)) is None
    assert minimum_detectable(reported(0.5, 0.4, 0.6, 0.95, 5)) is None


@pytest.mark.parametrize(
    "arguments",
    [
        {"effect": 0.0},
        {"effect": math.nan},
        {"sd": -1.0},
        {"power": 1.0},
        {"confidence": 0.3},
        {"design": "per_galaxy"},
        {"design": "per_seed_dataset"},
        {"design": "per_seed_dataset", "n_datasets": 1},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(arguments):
    with pytest.raises(GatekitError):
        seeds_needed(**{"effect": 1.0, "sd": 1.0, "confidence": 0.95, "power": 0.8, **arguments})
