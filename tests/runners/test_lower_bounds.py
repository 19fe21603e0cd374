from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from gatekit.stats import per_seed, per_seed_pair
from runners.metrics.lower_bounds import lower_bound_over_pairs, lower_bound_over_seeds

pytestmark = pytest.mark.runners


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.995])
@pytest.mark.parametrize("n", [3, 5, 8])
def test_bounds_are_those_that_the_gate_computes(n, confidence):
    draws = np.random.default_rng(n)
    pairs = list(combinations(range(10, 10 + n), 2))
    effects = draws.normal(size=n)
    values = [effects[a - 10] + effects[b - 10] + draws.normal() for a, b in pairs]
    expected = per_seed_pair([a for a, _ in pairs], [b for _, b in pairs], values, confidence).lower
    assert lower_bound_over_pairs(pairs, values, confidence) == pytest.approx(expected, rel=1e-9)
    expected = per_seed(list(range(n)), list(effects), confidence).lower
    assert lower_bound_over_seeds(list(effects), confidence) == pytest.approx(expected, rel=1e-9)


def test_too_few_seeds_have_no_bound_rather_than_a_narrow_one():
    assert lower_bound_over_pairs([(0, 1)], [0.9], 0.95) == -math.inf
    assert lower_bound_over_seeds([0.9], 0.95) == -math.inf


@pytest.mark.parametrize("pairs", [[(0, 1), (0, 2)], [(0, 1), (1, 0), (1, 2)]])
def test_a_missing_or_repeated_pair_is_an_error(pairs):
    with pytest.raises(ValueError, match="one for each pair of 3 seeds"):
        lower_bound_over_pairs(pairs, [0.5] * len(pairs), 0.95)
