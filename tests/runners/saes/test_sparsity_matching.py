from __future__ import annotations

import math

import pytest

from gatekit.errors import GatekitError
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.sparsity_matching import match_l0

RELU = ArchitecturePlan("relu", d_sae=64, l1_coefficient=1.0)


def power_law(plan: ArchitecturePlan) -> float:
    return 100.0 * float(plan.l1_coefficient or 0) ** -1.5


def test_the_price_at_which_a_power_law_meets_the_target_is_found():
    # 100 p^-1.5 = 20 at p = 5^(2/3).
    found = match_l0(RELU, 20.0, 0.01, 10, power_law)
    assert found.plan.l1_coefficient == pytest.approx(5 ** (2 / 3), rel=0.01)
    assert found.trials[-1].l0 == pytest.approx(20.0, rel=0.01)


def test_a_first_price_that_is_near_enough_is_taken():
    found = match_l0(RELU, 95.0, 0.1, 5, power_law)
    assert found.plan == RELU
    assert len(found.trials) == 1


def test_a_collapse_to_nothing_is_come_back_from():
    def cliff(plan: ArchitecturePlan) -> float:
        price = float(plan.l1_coefficient or 0)
        return 60.0 / price if price < 4 else 0.0

    found = match_l0(ArchitecturePlan("relu", d_sae=64, l1_coefficient=8.0), 30.0, 0.1, 12, cliff)
    assert found.plan.l1_coefficient == pytest.approx(2.0, rel=0.12)


def test_an_architecture_with_k_is_left_as_it_is():
    plan = ArchitecturePlan("topk", d_sae=64, k=8, auxiliary_k=0)

    def never(_: ArchitecturePlan) -> float:
        raise AssertionError("trained")

    assert match_l0(plan, 8.0, 0.1, 3, never).plan == plan


def test_a_target_out_of_reach_is_refused_with_every_trial():
    with pytest.raises(GatekitError, match="no l1_coefficient gave 'relu' an L0 within 10% of 20: 50 at 1") as caught:
        match_l0(RELU, 20.0, 0.1, 3, lambda _: 50.0)
    assert str(caught.value).count("50 at") == 3


def test_a_plan_without_a_first_price_is_refused():
    with pytest.raises(GatekitError, match="no first price 'l0_coefficient'"):
        match_l0(ArchitecturePlan("jump_relu", d_sae=8), 4.0, 0.1, 3, lambda _: math.nan)
