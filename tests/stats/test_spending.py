"""What each look may spend, against scipy's normal distribution."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from gatekit.errors import GatekitError
from gatekit.stats.spending import extension_alpha, look_alphas, obrien_fleming_spent


def by_scipy(alpha: float, fraction: float) -> float:
    """Lan and DeMets (1983): 2 - 2 Phi(Phi^-1(1 - alpha / 2) / sqrt(t)), by scipy."""
    return float(2.0 * norm.sf(norm.isf(alpha / 2.0) / math.sqrt(fraction)))


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.2, 1e-6])
@pytest.mark.parametrize("fraction", [0.05, 1 / 3, 0.5, 2 / 3, 0.99, 1.0])
def test_obrien_flemings_share_is_scipys(alpha: float, fraction: float) -> None:
    assert obrien_fleming_spent(alpha, fraction) == pytest.approx(by_scipy(alpha, fraction), rel=1e-10)


def test_looks_at_5_10_and_15_seeds_spend_what_scipy_says() -> None:
    spent = [by_scipy(0.05, n / 15) for n in (5, 10, 15)]
    expected = [spent[0], spent[1] - spent[0], spent[2] - spent[1]]
    assert look_alphas(0.95, [5, 10, 15]) == pytest.approx(expected, rel=1e-9)


def test_equal_shares_are_equal() -> None:
    assert look_alphas(0.95, [5, 10, 15], "equal") == pytest.approx([0.05 / 3] * 3)


def test_one_look_spends_all() -> None:
    assert look_alphas(0.95, [15]) == pytest.approx([0.05])


@given(
    st.floats(0.51, 0.999),
    st.lists(st.integers(1, 500), min_size=1, max_size=8, unique=True).map(sorted),
    st.sampled_from(["obrien_fleming", "equal"]),
)
def test_the_shares_sum_to_the_error_that_is_allowed_and_none_is_negative(
    confidence: float, looks: list[int], rule: str
) -> None:
    alphas = look_alphas(confidence, looks, rule)  # type: ignore[arg-type]
    assert math.fsum(alphas) == pytest.approx(1.0 - confidence, rel=1e-12)
    assert min(alphas) >= 0.0


def test_an_extension_of_five_seeds_to_seven_pays_a_third() -> None:
    assert extension_alpha(0.95, 5, 7) == pytest.approx(0.05 / 3)


def test_the_second_extension_of_the_first_look_pays_twice_what_the_first_would() -> None:
    assert extension_alpha(0.95, 5, 8, step=2) == pytest.approx(0.05 / (2 * 4))


@given(st.integers(1, 20), st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_all_extensions_of_one_look_together_spend_no_more_than_the_error_that_is_allowed(
    first: int, added: list[int]
) -> None:
    seeds = [first + sum(added[: step + 1]) for step in range(len(added))]
    spent = [extension_alpha(0.95, first, now, step=step) for step, now in enumerate(seeds, 1)]
    assert math.fsum(spent) <= 0.05


@given(st.integers(1, 20), st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_nor_where_each_extension_takes_the_base_for_one_that_grew_seed_by_seed(first: int, added: list[int]) -> None:
    seeds = [first, *(first + sum(added[: step + 1]) for step in range(len(added)))]
    spent = [extension_alpha(0.95, first, now, step=base - first + 1) for base, now in pairwise(seeds)]
    assert math.fsum(spent) <= 0.05


def test_no_extension_comes_before_the_first() -> None:
    with pytest.raises(GatekitError):
        extension_alpha(0.95, 5, 7, step=0)


@pytest.mark.parametrize("looks", [[], [5, 5], [10, 5], [0, 5]])
def test_looks_that_do_not_increase_are_refused(looks: list[int]) -> None:
    with pytest.raises(GatekitError):
        look_alphas(0.95, looks)


@pytest.mark.parametrize(("before", "after"), [(0, 5), (6, 5)])
def test_an_extension_to_fewer_seeds_is_none(before: int, after: int) -> None:
    with pytest.raises(GatekitError):
        extension_alpha(0.95, before, after)


def test_five_seeds_in_the_place_of_five_others_pay_for_each_way_to_choose_five_of_ten_and_six_looks() -> None:
    assert extension_alpha(0.95, 5, 5, left_out=5) == pytest.approx(0.05 / (6 * 252))
    assert extension_alpha(0.95, 5, 9, left_out=1) == pytest.approx(0.05 / (6 * 10))


def test_seeds_of_which_none_is_left_out_pay_for_the_extension_alone() -> None:
    assert extension_alpha(0.95, 5, 7, left_out=0) == extension_alpha(0.95, 5, 7)
