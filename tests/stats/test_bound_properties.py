from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gatekit.stats import (
    crossed,
    largest_safe_deviation,
    lower_after_worsening,
    per_seed,
    per_seed_pair,
    per_seed_pair_two_groups,
    per_seed_two_groups,
)

PAIRS = list(combinations(range(5), 2))
CELLS = [(seed, level) for seed in range(4) for level in "abc"]


def bound_seeds(keys, values, confidence=0.95):
    return per_seed(keys, values, confidence)


def bound_pairs(keys, values, confidence=0.95):
    return per_seed_pair([a for a, _ in keys], [b for _, b in keys], values, confidence)


def bound_table(keys, values, confidence=0.95):
    return crossed([a for a, _ in keys], [b for _, b in keys], values, confidence, ["seed", "level"])


def bound_seeds_of_table(keys, values, confidence=0.95):
    return crossed([a for a, _ in keys], [b for _, b in keys], values, confidence, ["seed"])


# Each with its keys and, per observation, the keys of its random factors.
DESIGNS = {
    "per_seed": (bound_seeds, list(range(6)), [(("seed", s),) for s in range(6)]),
    "per_seed_pair": (bound_pairs, PAIRS, [(("seed", a), ("seed", b)) for a, b in PAIRS]),
    "crossed": (bound_table, CELLS, [(("seed", a), ("level", b)) for a, b in CELLS]),
    "crossed, seeds only": (bound_seeds_of_table, CELLS, [(("seed", a),) for a, _ in CELLS]),
}
numbers = st.floats(-100, 100).map(lambda x: round(x, 3))
falls_of_at_most_200 = st.integers(0, 200_000).map(lambda x: x / 1000)
# All digits in use and scales from 1e-12 to 1e6, but nothing so small that its square is zero.
spread_numbers = st.floats(-1e6, 1e6).map(lambda x: 0.0 if abs(x) < 1e-12 else x)


def two_groups(a, b):
    return per_seed_two_groups(range(len(a)), a, range(len(b)), b, 0.95)


def two_groups_of_pairs(a, b):
    first, second = [p for p, _ in PAIRS], [q for _, q in PAIRS]
    return per_seed_pair_two_groups(first, second, a, first, second, b, 0.95)


@pytest.mark.parametrize("design", DESIGNS)
@given(st.data())
@settings(deadline=None, max_examples=40)
def test_the_order_of_observations_changes_no_bit(design, data):
    bound, keys, _ = DESIGNS[design]
    values = data.draw(st.lists(spread_numbers, min_size=len(keys), max_size=len(keys)))
    order = data.draw(st.permutations(range(len(keys))))
    assert bound([keys[i] for i in order], [values[i] for i in order]) == bound(keys, values)


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_the_order_of_two_groups_changes_no_bit(data):
    a = data.draw(st.lists(spread_numbers, min_size=10, max_size=10))
    b = data.draw(st.lists(spread_numbers, min_size=10, max_size=10))
    assert two_groups(data.draw(st.permutations(a)), data.draw(st.permutations(b))) == two_groups(a, b)
    order = data.draw(st.permutations(range(10)))
    shuffled = per_seed_pair_two_groups(
        [PAIRS[i][1] for i in order],
        [PAIRS[i][0] for i in order],
        [a[i] for i in order],
        [p for p, _ in PAIRS],
        [q for _, q in PAIRS],
        b,
        0.95,
    )
    assert shuffled == two_groups_of_pairs(a, b)


@pytest.mark.parametrize("design", DESIGNS)
@given(st.data())
@settings(deadline=None, max_examples=40)
def test_bounds_follow_shifts_and_changes_of_unit(design, data):
    bound, keys, _ = DESIGNS[design]
    values = data.draw(st.lists(numbers, min_size=len(keys), max_size=len(keys)))
    shift, unit = data.draw(numbers), data.draw(st.floats(0.01, 100))
    plain, moved = bound(keys, values), bound(keys, [unit * v + shift for v in values])
    assert plain.lower <= plain.estimate <= plain.upper
    for name in ("estimate", "lower", "upper"):
        assert getattr(moved, name) == pytest.approx(unit * getattr(plain, name) + shift, abs=1e-9 * (1 + unit))
    mirrored = bound(keys, [-v for v in values])
    assert (mirrored.lower, mirrored.upper) == (-plain.upper, -plain.lower)


@given(st.lists(numbers, min_size=10, max_size=10), st.lists(numbers, min_size=10, max_size=10), numbers)
@settings(deadline=None, max_examples=40)
def test_bounds_of_two_groups_follow_a_shift_of_the_first(a, b, shift):
    for bound in (two_groups, two_groups_of_pairs):
        plain, moved = bound(a, b), bound([value + shift for value in a], b)
        assert plain.lower <= plain.estimate <= plain.upper
        assert moved.lower == pytest.approx(plain.lower + shift, abs=1e-9)
        assert moved.upper == pytest.approx(plain.upper + shift, abs=1e-9)


@pytest.mark.parametrize("design", DESIGNS)
@given(st.data())
@settings(deadline=None, max_examples=60)
def test_worsening_an_observation_never_raises_the_estimate(design, data):
    bound, keys, _ = DESIGNS[design]
    values = data.draw(st.lists(spread_numbers, min_size=len(keys), max_size=len(keys)))
    index = data.draw(st.integers(0, len(keys) - 1))
    worse = list(values)
    worse[index] -= data.draw(st.integers(0, 10**6)) / 1000
    assert bound(keys, worse).estimate <= bound(keys, values).estimate


@pytest.mark.parametrize("design", DESIGNS)
@given(st.data())
@settings(deadline=None, max_examples=100)
def test_worsening_what_does_not_stand_above_the_estimate_never_raises_the_bound(design, data):
    bound, keys, factors = DESIGNS[design]
    values = data.draw(st.lists(numbers, min_size=len(keys), max_size=len(keys)))
    plain = bound(keys, values)

    def factor_mean(factor):
        own = [value for value, of in zip(values, factors, strict=True) if factor in of]
        return sum(own) / len(own)

    low = [i for i, of in enumerate(factors) if all(factor_mean(factor) <= plain.estimate for factor in of)]
    assume(low)
    index = data.draw(st.sampled_from(low))
    worse = list(values)
    worse[index] -= data.draw(st.integers(0, 10**6)) / 1000
    assert bound(keys, worse).lower <= plain.lower + 1e-9


def test_worsening_the_best_observation_can_raise_the_bound():
    # Not a wish but a fact about t bounds, which the gate's promise has to respect.
    assert per_seed([1, 2, 3], [0.1, 0.1, 0.9], 0.95).lower < 0.0
    assert per_seed([1, 2, 3], [0.1, 0.1, 0.1], 0.95).lower > 0.0


def test_worsening_the_worst_observation_of_one_of_two_groups_can_raise_the_bound():
    # The second group has three seeds and most of the variance; noise in the first one buys degrees of freedom.
    second = [-(3**0.5), 0.0, 3**0.5]
    before = per_seed_two_groups(range(5), [0.0, 0.0, 0.0, 0.0, -0.13], range(3), second, 0.99)
    after = per_seed_two_groups(range(5), [0.0, 0.0, 0.0, 0.0, -0.2], range(3), second, 0.99)
    assert after.estimate < before.estimate
    assert after.lower > before.lower


@pytest.mark.parametrize("design", DESIGNS)
@given(st.data())
@settings(deadline=None, max_examples=30)
def test_more_confidence_never_brings_a_bound_nearer(design, data):
    bound, keys, _ = DESIGNS[design]
    values = data.draw(st.lists(numbers, min_size=len(keys), max_size=len(keys)))
    at_90, at_95, at_99 = (bound(keys, values, confidence) for confidence in (0.9, 0.95, 0.99))
    assert at_99.lower <= at_95.lower <= at_90.lower <= at_90.estimate
    assert at_99.upper >= at_95.upper >= at_90.upper >= at_90.estimate


@given(st.lists(numbers, min_size=3, max_size=10), st.integers(0, 10**6), st.sampled_from([0.8, 0.95, 0.99]), st.data())
@settings(deadline=None, max_examples=150)
def test_an_observation_is_safe_to_worsen_exactly_up_to_the_largest_safe_deviation(values, fall, confidence, data):
    n = len(values)
    plain = per_seed(range(n), values, confidence)
    assume(plain.standard_error > 1e-3)
    index = data.draw(st.integers(0, n - 1))
    deviation = (values[index] - plain.estimate) / (plain.standard_error * n**0.5)
    safe = largest_safe_deviation(n, confidence)
    assume(abs(deviation - safe) > 1e-3)
    if deviation < safe:
        worse = [*values[:index], values[index] - fall / 1000, *values[index + 1 :]]
        assert per_seed(range(n), worse, confidence).lower <= plain.lower + 1e-9
    else:
        worse = [*values[:index], values[index] - 1e-5 * plain.standard_error, *values[index + 1 :]]
        assert per_seed(range(n), worse, confidence).lower > plain.lower


@given(st.lists(numbers, min_size=3, max_size=8), st.data())
@settings(deadline=None, max_examples=150)
def test_no_worsening_reaches_more_than_the_bound_after_worsening(values, data):
    best = lower_after_worsening(values, 0.95)
    worse = [value - data.draw(falls_of_at_most_200) for value in values]
    assert per_seed(range(len(values)), worse, 0.95).lower <= best + 1e-9
    assert best >= per_seed(range(len(values)), values, 0.95).lower
    assert best >= min(values)


def test_at_three_seeds_the_bound_after_worsening_is_the_smallest_observation():
    assert lower_after_worsening([0.3, 0.5, 0.9], 0.95) == 0.3
    assert lower_after_worsening([5.0, -1.0, 2.0], 0.95) == -1.0
