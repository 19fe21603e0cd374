from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from gatekit.errors import GatekitError
from gatekit.stats import noncentral_t_cdf, noncentrality, t_cdf, t_quantile

DEGREES = [1, 1.3, 2, 2.5, 3, 4.7, 9, 30, 59.9, 60.1, 123.4, 1e4, 1e5, 1e6]
PROBABILITIES = [1e-6, 1e-4, 0.01, 0.05, 0.2499, 0.25, 0.3, 0.49, 0.6, 0.75, 0.95, 0.975, 0.99, 1 - 1e-4, 1 - 1e-6]


@pytest.mark.parametrize("df", DEGREES)
def test_quantiles_agree_with_scipy(df):
    for p in PROBABILITIES:
        assert t_quantile(p, df) == pytest.approx(float(special.stdtrit(df, p)), rel=1e-10)


@pytest.mark.parametrize("df", DEGREES)
def test_the_distribution_function_agrees_with_scipy(df):
    for t in [-300.0, -20.0, -5.0, -2.0, -1.0, -0.1, 0.0, 1e-3, 0.5, 1.0, 1.9, 2.1, 6.0, 30.0, 1e4]:
        assert t_cdf(t, df) == pytest.approx(float(special.stdtr(df, t)), rel=1e-10, abs=1e-280)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(1.0, 1e6))
@settings(deadline=None, max_examples=200)
def test_the_distribution_function_undoes_the_quantile(p, df):
    assert t_cdf(t_quantile(p, df), df) == pytest.approx(p, rel=1e-11)


def test_one_degree_of_freedom_is_the_cauchy_distribution():
    for p in (1e-9, 0.2, 0.5000001, 0.7, 0.999):
        # The quantile of the Cauchy distribution in closed form, written so that small p lose no digits.
        expected = math.tan(math.pi * (p - 0.5)) if p > 0.25 else -1.0 / math.tan(math.pi * p)
        assert t_quantile(p, 1.0) == pytest.approx(expected, rel=1e-12)
    assert t_cdf(-1e-8, 1.0) == pytest.approx(0.5 - 1e-8 / math.pi, rel=1e-15)


def test_quantiles_match_a_printed_table():
    # One-sided 95% and 97.5% points as printed in any textbook.
    printed = {1: (6.314, 12.706), 2: (2.920, 4.303), 4: (2.132, 2.776), 9: (1.833, 2.262), 30: (1.697, 2.042)}
    for df, (at_95, at_975) in printed.items():
        assert round(t_quantile(0.95, df), 3) == at_95
        assert round(t_quantile(0.975, df), 3) == at_975


def test_infinite_degrees_of_freedom_are_the_normal_distribution():
    assert t_quantile(0.975, math.inf) == pytest.approx(float(special.ndtri(0.975)), rel=1e-12)
    assert t_cdf(1.0, math.inf) == pytest.approx(float(special.ndtr(1.0)), rel=1e-12)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_a_probability_outside_the_open_unit_interval_is_refused(p):
    with pytest.raises(GatekitError, match="probability"):
        t_quantile(p, 3.0)
    with pytest.raises(GatekitError, match="probability"):
        noncentrality(2.0, 3.0, p)


@pytest.mark.parametrize("df", [0.0, -1.0, math.nan])
def test_degrees_of_freedom_must_be_positive(df):
    with pytest.raises(GatekitError):
        t_quantile(0.9, df)
    with pytest.raises(GatekitError):
        t_cdf(1.0, df)
    with pytest.raises(GatekitError):
        noncentral_t_cdf(1.0, df, 0.0)


def test_nan_is_refused():
    for call in (lambda: t_cdf(math.nan, 3.0), lambda: noncentral_t_cdf(1.0, 3.0, math.nan)):
        with pytest.raises(GatekitError) as caught:
            call()
        assert caught.value.error_id == "stats.non_finite"


@pytest.mark.parametrize("df", [1, 2, 3, 4.5, 9, 100, 1e4, 1e6])
def test_the_noncentral_distribution_agrees_with_scipy(df):
    for t in (-5.0, 0.0, 0.5, 2.0, 2.92, 6.3, 20.0, 101.0):
        for nc in (-3.0, 0.0, 0.5, 2.0, 5.0, 40.0):
            theirs = float(stats.nct.cdf(t, df, nc))
            if math.isnan(theirs):  # scipy gives up on some tails far below the precision asked for
                assert noncentral_t_cdf(t, df, nc) < 1e-20
            else:
                assert noncentral_t_cdf(t, df, nc) == pytest.approx(theirs, abs=1e-10)


@pytest.mark.parametrize("df", [1.0, 4.5, 1e4])
def test_a_noncentral_tail_too_small_for_scipy_is_below_the_normal_tail(df):
    # T <= t < 0 needs Z < -nc, and with t = 0 exactly that.
    assert noncentral_t_cdf(-5.0, df, 30.0) < noncentral_t_cdf(0.0, df, 30.0)
    assert noncentral_t_cdf(0.0, df, 30.0) == pytest.approx(float(special.ndtr(-30.0)), rel=1e-9)


@pytest.mark.parametrize("df", [1.0, 4.0, 50.0, 1e6])
def test_the_noncentrality_puts_the_asked_probability_below_t(df):
    for t in (-3.0, 0.0, 2.1, 101.0):
        for p in (1e-6, 0.2, 0.9):
            assert float(stats.nct.cdf(t, df, noncentrality(t, df, p))) == pytest.approx(p, abs=1e-9)
