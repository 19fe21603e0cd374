"""Power with looks, and how uncertain a stated power is, against scipy and the measured table."""

from __future__ import annotations

import pytest
from scipy.optimize import brentq
from scipy.stats import chi2, nct, t

from gatekit.errors import GatekitError
from gatekit.stats import true_power_range
from gatekit.stats.chi_square import chi_square_quantile
from gatekit.stats.planned_looks import fewest_with_looks, plan_looks


@pytest.mark.parametrize("df", [1.0, 2.5, 4.0, 30.0, 399.0, 1000.0])
@pytest.mark.parametrize("p", [0.025, 0.1, 0.5, 0.9, 0.975])
def test_quantiles_are_scipys(p: float, df: float) -> None:
    assert chi_square_quantile(p, df) == pytest.approx(float(chi2.ppf(p, df)), rel=1e-9 if df <= 400 else 1e-5)


@pytest.mark.parametrize(("seeds", "low", "high"), [(5, 0.37, 0.96), (10, 0.52, 0.94)])
def test_the_true_power_where_0_8_is_stated_is_far_from_known(seeds: int, low: float, high: float) -> None:
    df = seeds - 1.0
    critical = t.ppf(0.95, df)
    planned = brentq(lambda nc: nct.sf(critical, df, nc) - 0.8, 0.1, 20.0)
    by_scipy = [float(nct.sf(critical, df, planned * (chi2.ppf(q, df) / df) ** 0.5)) for q in (0.1, 0.9)]
    assert true_power_range(0.95, df) == pytest.approx(by_scipy, abs=1e-6)
    assert true_power_range(0.95, df) == pytest.approx((low, high), abs=0.005)


@pytest.mark.parametrize(
    ("rule", "effect", "power"),
    [("obrien_fleming", 0.8, 0.86), ("obrien_fleming", 1.0, 0.97), ("equal", 0.8, 0.80), ("equal", 1.0, 0.94)],
)
def test_power_with_looks_at_5_10_and_15_seeds_is_the_measured_one(rule: str, effect: float, power: float) -> None:
    # Measured by an independent simulation of 4,000 repetitions.
    planned = plan_looks(effect, 1.0, 0.95, (5, 10, 15), rule)  # type: ignore[arg-type]
    assert planned.power[-1] == pytest.approx(power, abs=0.015)
    assert planned.power == tuple(sorted(planned.power))


def test_one_look_has_the_power_of_a_fixed_number_of_seeds() -> None:
    exact = float(nct.sf(t.ppf(0.95, 14), 14, 0.8 * 15**0.5))
    assert plan_looks(0.8, 1.0, 0.95, (15,)).power[-1] == pytest.approx(exact, abs=0.01)


def test_looks_are_scaled_until_the_power_suffices() -> None:
    found = fewest_with_looks(1.0, 1.0, 0.95, 0.8, (5, 10, 15))
    assert found is not None
    assert plan_looks(1.0, 1.0, 0.95, found).power[-1] >= 0.8
    assert 8 <= found[-1] <= 12


@pytest.mark.parametrize(("effect", "sd", "looks"), [(0.0, 1.0, (5,)), (1.0, 0.0, (5,)), (1.0, 1.0, (1, 5))])
def test_what_cannot_be_planned_is_refused(effect: float, sd: float, looks: tuple[int, ...]) -> None:
    with pytest.raises(GatekitError):
        plan_looks(effect, sd, 0.95, looks)
