"""A slider reaches every bound, in steps that people would write, and stands on the policy's own number."""

from __future__ import annotations

import math
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gatekit.report.policy_page.slider import slider

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 6))


def test_an_auc_is_moved_in_thousandths() -> None:
    found = slider("0.50", [0.7, 0.81], 0.0, 1.0)
    assert found is not None
    assert (found.low, found.high, found.step) == ("0.423", "0.887", "0.001")


def test_it_ends_where_a_threshold_makes_no_sense() -> None:
    found = slider("0.9", [0.2, 0.99], 0.0, 1.0)
    assert found is not None
    assert Decimal(found.low) >= 0
    assert Decimal(found.high) <= 1


@given(NUMBERS, st.lists(NUMBERS, max_size=5))
def test_the_number_of_the_policy_is_on_a_step_and_every_value_within_reach(limit: float, values: list[float]) -> None:
    found = slider(repr(limit), values, -math.inf, math.inf)
    assert found is not None
    low, high, step = Decimal(found.low), Decimal(found.high), Decimal(found.step)
    assert (Decimal(repr(limit)) - low) % step == 0
    assert step.normalize().as_tuple().digits == (1,)
    assert 150 <= (high - low) / step <= 2100
    assert all(low <= Decimal(value) <= high for value in values)


def test_numbers_beyond_all_measure_have_no_slider_or_one_that_works() -> None:
    for limit, values in (("1e300", [-1e300]), ("1e-300", []), ("0", [])):
        found = slider(limit, values, -math.inf, math.inf)
        assert found is None or Decimal(found.low) <= Decimal(limit) <= Decimal(found.high)
    assert slider("2", [2.5], 0.0, 1.0) is None
