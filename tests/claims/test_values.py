"""What a binding must show: the number as the gates take it, rounded once and correctly."""

from __future__ import annotations

import math
from fractions import Fraction

import builders
import numpy as np
import pytest
import scipy.stats
from claims.registered import FILE, evidence, readme, summaries, summary, value
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.claims.statistic import StatisticError, parse_format, parse_statistic, render
from gatekit.claims.values import shown
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode

R2 = [0.8, 0.81, 0.83, 0.84, 0.87]


def text(arguments: str, evidence_by_path=None) -> str:
    (binding,) = readme(value(arguments)).values
    return shown(binding, evidence_by_path if evidence_by_path is not None else summaries(r2=R2)).text


def refusal(arguments: str, evidence_by_path=None) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        text(arguments, evidence_by_path)
    return caught.value


def test_the_estimate_is_the_mean_effect() -> None:
    assert text(f"{FILE} r2 estimate .4f") == "0.8300"
    assert text(f"{FILE} pw_mcc_above_control estimate +.3f") == "+0.210"


def test_candidate_and_baseline_are_means_of_their_columns() -> None:
    assert text(f"{FILE} pw_mcc_above_control candidate .3f") == "0.620"
    assert text(f"{FILE} pw_mcc_above_control baseline .3f") == "0.410"
    assert text(f"{FILE} r2 candidate .4f") == "0.8300"


@pytest.mark.parametrize(("at", "confidence"), [("", 0.95), ("@0.99", 0.99), ("@0.9", 0.9)])
def test_a_bound_is_students_at_the_confidence_given(at: str, confidence: float) -> None:
    margin = scipy.stats.t.ppf(confidence, 4) * np.std(R2, ddof=1) / math.sqrt(5)
    assert text(f"{FILE} r2 lower{at} .6f") == f"{0.83 - margin:.6f}"
    assert text(f"{FILE} r2 upper{at} .6f") == f"{0.83 + margin:.6f}"


def test_the_bound_of_a_selected_candidate_pays_for_the_selection() -> None:
    document = evidence(r2=R2)
    document["protocol"]["selection"] = {"candidates": 10, "seeds": [0, 1]}
    margin = scipy.stats.t.ppf(1 - 0.05 / 10, 4) * np.std(R2, ddof=1) / math.sqrt(5)
    assert text(f"{FILE} r2 lower .6f", {FILE: summary(document)}) == f"{0.83 - margin:.6f}"


def test_n_is_the_number_of_seeds_also_where_pairs_were_observed() -> None:
    assert text(f"{FILE} r2 n d") == "5"
    assert text(f"{FILE} pw_mcc_above_control n d") == "5"


def test_one_observation_is_found_by_its_keys_in_any_order() -> None:
    assert text(f"{FILE} r2 obs[seed=3] .2f") == "0.84"
    candidate = builders.around(0.62, 0.02, 10)
    baseline = builders.around(0.41, 0.01, 10)
    for key in ("seed_a=0,seed_b=2", "seed_b=2,seed_a=0"):  # the second pair: (0, 1), (0, 2), ...
        assert text(f"{FILE} pw_mcc_above_control obs[{key}] .6f") == f"{candidate[1]:.6f}"
        assert text(f"{FILE} pw_mcc_above_control baseline[{key}] .6f") == f"{baseline[1]:.6f}"
    ood = summary(builders.summary("ood", {"auc_drop": [i / 100 for i in range(15)]}), "evidence/ood.json")
    assert text("evidence/ood.json auc_drop obs[seed=1,dataset=imdb] .2f", {ood.path: ood}) == "0.04"


def test_another_tools_bound_is_shown_only_at_its_own_confidence() -> None:
    measures = {"auc": builders.reported(0.7, 0.65, 0.75, 0.975, 3), "auc_delta": builders.reported(0.1, 0.05)}
    saebench = summary(builders.summary("saebench", measures), "s.json")
    given_evidence = {"s.json": saebench}
    assert text("s.json auc estimate .2f", given_evidence) == "0.70"
    assert text("s.json auc n d", given_evidence) == "3"
    assert text("s.json auc lower@0.975 .2f", given_evidence) == "0.65"
    error = refusal("s.json auc lower .2f", given_evidence)
    assert (error.error_id, error.exit_code) == ("claims.no_bound", ExitCode.INCONCLUSIVE)
    assert "bounds it at 0.975, not at 0.95" in error.message
    assert "does not say at which confidence" in refusal("s.json auc_delta lower .2f", given_evidence).message
    assert refusal("s.json auc_delta n d", given_evidence).error_id == "claims.not_measured"
    assert refusal("s.json auc obs[seed=0,dataset=x] .2f", given_evidence).error_id == "claims.not_measured"


ONE_SEED = {"s.json": summary(builders.summary("random_model", {"r2": [0.8]}, seeds=(0,)), "s.json")}
FAILED = {"s.json": summary(builders.summary("random_model", {}, status="failed", reason="out of memory"), "s.json")}


@pytest.mark.parametrize(
    ("arguments", "given_evidence", "error_id", "code", "said"),
    [
        ("evidence/other.json r2 estimate .2f", None, "no_evidence", 3, "no evidence at 'evidence/other.json'"),
        ("s.json r2 lower .2f", ONE_SEED, "no_bound", 3, "has no bound"),
        ("s.json r2 estimate .2f", FAILED, "run_failed", 3, "failed: out of memory"),
        (f"{FILE} l0 estimate .2f", None, "not_measured", 3, "holds no l0"),
        (f"{FILE} r2 obs[seed=9] .2f", None, "not_measured", 3, "no observation at seed=9"),
        (f"{FILE} r2 baseline .2f", None, "not_measured", 3, "has no baseline"),
        (f"{FILE} r2 baseline[seed=0] .2f", None, "not_measured", 3, "no baseline at seed=0"),
        (f"{FILE} rr2 estimate .2f", None, "unknown_measure", 4, "did you mean 'r2'?"),
        (f"{FILE} r2 obs[dataset=x] .2f", None, "observation", 4, "named by seed, not by dataset"),
        (f"{FILE} r2 estimate d", None, "format", 4, "not a whole number"),
    ],
)
def test_what_the_evidence_does_not_hold_is_inconclusive_and_what_it_cannot_hold_is_refused(
    arguments: str, given_evidence, error_id: str, code: int, said: str
) -> None:
    error = refusal(arguments, given_evidence)
    assert (error.error_id, int(error.exit_code)) == (f"claims.{error_id}", code)
    assert said in str(error)
    assert str(error.location) == "README.md:1:1"


@pytest.mark.parametrize(
    ("number", "how", "printed"),
    [
        (-0.0513, "+.4f", "-0.0513"),
        (0.0513, "+.2f", "+0.05"),
        (0.125, ".2f", "0.12"),  # exact ties go to the even digit
        (0.375, ".2f", "0.38"),
        (2.675, ".2f", "2.67"),  # the double is below the tie
        (0.0512, ".1%", "5.1%"),
        (1.115, ".0%", "111%"),  # 1.115 * 100 as doubles would be above the tie
        (-0.5, "+.0%", "-50%"),
        (12345.678, ",.1f", "12,345.7"),
        (32.0, "d", "32"),
        (1234567.0, ",d", "1,234,567"),
        (-3.0, "+d", "-3"),
        (0.00012345, ".2e", "1.23e-04"),
        (-0.00001, "+.3f", "-0.000"),
        (-0.0, "+.1f", "+0.0"),
    ],
)
def test_a_format_prints_as_printf_does(number: float, how: str, printed: str) -> None:
    assert render(number, parse_format(how)) == printed


@settings(deadline=None, max_examples=300)
@given(number=st.floats(-1e6, 1e6), digits=st.integers(0, 8), percent=st.booleans())
def test_the_printed_number_is_the_nearest_to_the_exact_double(number: float, digits: int, percent: bool) -> None:
    kind = "%" if percent else "f"
    printed = render(number, parse_format(f".{digits}{kind}"))
    exact = Fraction(number) * (100 if percent else 1)
    shown_number = Fraction(printed.removesuffix("%"))
    unit = Fraction(1, 10**digits)
    assert abs(shown_number - exact) <= unit / 2
    if abs(shown_number - exact) == unit / 2:
        assert (shown_number / unit).numerator % 2 == 0


@pytest.mark.parametrize(
    "how", ["", "f", "3f", ".f", ".3", ".3g", "5.3f", " .3f", "0.3f", ".20f", ".3F", "x", "{.3f}", "d."]
)
def test_any_other_format_is_refused(how: str) -> None:
    with pytest.raises(StatisticError):
        parse_format(how)


@pytest.mark.parametrize(
    "statistic",
    [
        *("", "mean", "lower@", "lower@95", "lower@0.5", "lower@1.0", "estimate@0.95", "obs", "obs[]", "obs[seed]"),
        *("obs[seed=]", "obs[seed=-1]", "obs[seed=1,seed=1]", "obs[sed=1]", "obs[seed=1", "upper[seed=1]"),
        *("obs[seed=01]", "obs[seed=1.5]"),
    ],
)
def test_any_other_statistic_is_refused(statistic: str) -> None:
    with pytest.raises(StatisticError):
        parse_statistic(statistic)
