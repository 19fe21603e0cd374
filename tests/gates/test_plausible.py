"""Evidence that cannot be what it says is inconclusive, each with its words."""

from __future__ import annotations

from typing import Any

import builders
import pytest
from judging import HEAD, NOW, read

from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import thresholds_in
from gatekit.policy import parse_policy

ABOVE = HEAD + "gates:\n  g: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}\n"
GOOD = {"pw_mcc_above_control": (builders.around(0.62, 0.02, 10), builders.around(0.41, 0.01, 10))}


def judged(document: dict[str, Any]) -> tuple[str, str]:
    verdict = evaluate([parse_policy(ABOVE.encode(), "p.yaml")], read({"a.json": document})[0], NOW)
    (result,) = thresholds_in(verdict.policies[0].gates[0].result)
    return str(result.outcome), result.reason


def test_a_measured_control_is_compared_with() -> None:
    assert judged(builders.summary("random_model", GOOD))[0] == "pass"


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_a_control_of_one_constant_carries_no_pass(value: float) -> None:
    constant = {"pw_mcc_above_control": (GOOD["pw_mcc_above_control"][0], [value] * 10)}
    outcome, reason = judged(builders.summary("random_model", constant))
    assert (outcome, reason) == (
        "inconclusive",
        f"the 10 values of the control of pw_mcc_above_control in a.json are all {value:g}",
    )


@pytest.mark.parametrize("jitter", [0.0, 1e-9])
def test_a_candidate_of_one_constant_carries_no_pass_beside_a_measured_control(jitter: float) -> None:
    candidate = [0.62 + jitter * (index % 2) for index in range(10)]
    constant = {"pw_mcc_above_control": (candidate, GOOD["pw_mcc_above_control"][1])}
    assert judged(builders.summary("random_model", constant)) == (
        "inconclusive",
        "the 10 values of the candidate of pw_mcc_above_control in a.json are all 0.62",
    )


R2 = HEAD + "gates:\n  g: {from: random_model, measure: r2_above_control, at_least: 0.0}\n"
AUC = HEAD + "gates:\n  g: {from: saebench, measure: auc_delta, at_least: 0.0}\n"


def judged_by(policy: str, document: dict[str, Any]) -> tuple[str, str]:
    verdict = evaluate([parse_policy(policy.encode(), "p.yaml")], read({"a.json": document})[0], NOW)
    (result,) = thresholds_in(verdict.policies[0].gates[0].result)
    return str(result.outcome), result.reason


def test_one_candidate_under_five_seeds_carries_no_pass_beside_a_control_that_was_measured() -> None:
    copied = {"r2_above_control": ([0.9] * 5, builders.around(0.5, 0.02, 5))}
    assert judged_by(R2, builders.summary("random_model", copied)) == (
        "inconclusive",
        "the 5 values of the candidate of r2_above_control in a.json are all 0.9",
    )
    measured = {"r2_above_control": (builders.around(0.9, 0.01, 5), builders.around(0.5, 0.02, 5))}
    assert judged_by(R2, builders.summary("random_model", measured))[0] == "pass"


def test_one_candidate_under_five_seeds_carries_no_pass_on_any_number_of_datasets() -> None:
    control = builders.around(0.70, 0.02, 25)
    copied_values = [0.81, 0.84, 0.87, 0.9, 0.93]
    copied = {"auc_delta": (copied_values * 5, control)}
    document = builders.summary("saebench", copied)
    outcome, reason = judged_by(AUC, document)
    assert (outcome, reason) == (
        "inconclusive",
        "the 25 values of the candidate of auc_delta in a.json are all the same for every seed",
    )
    measured = {"auc_delta": ([value + 0.01 * seed for seed in (-2, 1, 0, -1, 2) for value in copied_values], control)}
    assert judged_by(AUC, builders.summary("saebench", measured))[0] == "pass"


@pytest.mark.parametrize("jitter", [0.0, 1e-9])
def test_a_side_that_takes_two_values_under_all_seeds_carries_no_pass(jitter: float) -> None:
    two = [0.3 + 0.01 * (index % 2) + jitter * (index % 3) for index in range(10)]
    said = "of pw_mcc_above_control in a.json are all 0.3 or 0.31"
    control = {"pw_mcc_above_control": (GOOD["pw_mcc_above_control"][0], two)}
    assert judged(builders.summary("random_model", control)) == ("inconclusive", f"the 10 values of the control {said}")
    candidate = {"pw_mcc_above_control": (two, [value - 0.25 for value in GOOD["pw_mcc_above_control"][1]])}
    assert judged(builders.summary("random_model", candidate)) == (
        "inconclusive",
        f"the 10 values of the candidate {said}",
    )


def test_values_that_meet_by_rounding_are_no_two_values() -> None:
    three = [0.3, 0.31, 0.305, 0.31, 0.3, 0.305, 0.31, 0.3, 0.31, 0.3]
    rounded = {"pw_mcc_above_control": (GOOD["pw_mcc_above_control"][0], three)}
    assert judged(builders.summary("random_model", rounded))[0] == "pass"


def test_two_values_of_four_seeds_and_values_of_datasets_say_nothing() -> None:
    four = {"r2_above_control": (builders.around(0.9, 0.01, 4), [0.5, 0.51, 0.5, 0.51])}
    policy = R2.replace("at_least: 0.0", "at_least: 0.0, min_seeds: 4")
    assert judged_by(policy, builders.summary("random_model", four, seeds=range(4)))[0] == "pass"
    values = builders.around(0.9, 0.02, 15)
    counts = {"auc_delta": (values, [0.7, 0.72, 0.71, 0.72, 0.7, 0.71] * 2 + [0.7, 0.72, 0.71])}
    assert judged_by(AUC, builders.summary("saebench", counts))[0] == "pass"


def test_one_transformer_is_compared_with_many() -> None:
    policy = HEAD + "gates:\n  g: {from: known_circuit, measure: embedding_r2_above_control, at_least: 0.0}\n"
    values = {"embedding_r2_above_control": ([0.87] * 5, builders.around(0.2, 0.02, 5))}
    assert judged_by(policy, builders.summary("known_circuit", values))[0] == "pass"


def test_a_candidate_that_differs_by_more_than_rounding_does() -> None:
    near = {"pw_mcc_above_control": (builders.around(0.62, 1e-5, 10), GOOD["pw_mcc_above_control"][1])}
    assert judged(builders.summary("random_model", near))[0] == "pass"


def test_what_fails_against_a_constant_fails() -> None:
    constant = {"pw_mcc_above_control": (GOOD["pw_mcc_above_control"][0], [0.9] * 10)}
    assert judged(builders.summary("random_model", constant))[0] == "fail"


def test_a_baseline_that_is_not_said_is_none() -> None:
    document = builders.summary("random_model", GOOD)
    document["protocol"]["baseline"] = {"kind": "unknown", "subject": None}
    outcome, reason = judged(document)
    assert outcome == "inconclusive"
    assert "does not say what its baseline is" in reason


def test_a_comparison_with_no_baseline_is_none() -> None:
    document = builders.summary("random_model", GOOD)
    document["protocol"]["baseline"] = {"kind": "none", "subject": None}
    outcome, reason = judged(document)
    assert outcome == "inconclusive"
    assert "says that it has no baseline, so pw_mcc_above_control compares with nothing" in reason


@pytest.mark.parametrize(("rows", "said"), [(0, "0 rows"), (1, "1 row")])
def test_values_of_no_rows_or_of_one_are_none(rows: int, said: str) -> None:
    document = builders.summary("random_model", GOOD)
    document["protocol"]["rows"] = rows
    outcome, reason = judged(document)
    assert outcome == "inconclusive"
    assert reason.endswith(f"computed on {said}")


def test_a_run_of_years_is_none() -> None:
    document = builders.summary("random_model", GOOD)
    document["producer"]["started"] = "2020-01-01T00:00:00Z"
    outcome, reason = judged(document)
    assert outcome == "inconclusive"
    assert "days before it finished; the longest run is 180 days" in reason


@pytest.mark.parametrize("jitter", [0.0, 1e-9])
def test_a_control_of_one_constant_to_rounding_carries_no_pass_of_every_seed_either(jitter: float) -> None:
    control = [0.3 + jitter * (index % 2) for index in range(10)]
    document = builders.summary("random_model", {"pw_mcc_above_control": (GOOD["pw_mcc_above_control"][0], control)})
    policy = ABOVE.replace("at_least: 0.0", "every_seed: {at_least: 0.0}")
    verdict = evaluate([parse_policy(policy.encode(), "p.yaml")], read({"a.json": document})[0], NOW)
    (result,) = thresholds_in(verdict.policies[0].gates[0].result)
    assert (result.outcome, result.why) == ("inconclusive", "implausible")
