"""Evidence whose control was made on several re-initialised models: read, checked and bounded for other ones."""

from __future__ import annotations

import copy

import builders
import numpy as np
import pytest
from judging import outcomes, read, verdict, why
from scipy import stats

from gatekit.evidence.summary import Summary

GATE = "g: {from: random_model, measure: pw_mcc_above_control, at_least: %s}"
CANDIDATE = builders.around(0.62, 0.02, 10)
MODELS = (7, 8, 9)
VALUES = [builders.around(centre, 0.01, 10) for centre in (0.38, 0.41, 0.44)]


def document(values=VALUES, models=MODELS, baseline=None):
    mean = np.mean(values, axis=0).tolist() if baseline is None else baseline
    found = builders.summary("random_model", {"pw_mcc_above_control": (CANDIDATE, mean)})
    entry = found["measurements"]["pw_mcc_above_control"]
    entry["baseline_models"] = {"random_model_seed": list(models), "values": copy.deepcopy(values)}
    return found


def refused(changed) -> str:
    _, errors = read({"a.json": changed})
    assert len(errors) == 1
    return f"{errors[0].error_id} {errors[0].location.pointer}"


def test_the_bound_speaks_for_other_re_initialised_models_and_says_so() -> None:
    several = verdict(GATE % 0.0, {"a.json": document()}).policies[0].gates[0].result.measured
    plain = document()
    del plain["measurements"]["pw_mcc_above_control"]["baseline_models"]
    one = verdict(GATE % 0.0, {"a.json": plain}).policies[0].gates[0].result.measured
    of_models = stats.sem([np.mean(own) for own in VALUES]) * stats.t.ppf(0.95, 2)
    expected = np.hypot(one.estimate - one.lower, of_models)
    assert several.estimate == one.estimate
    assert several.estimate - several.lower == pytest.approx(expected)
    assert several.method.endswith("and 3 re-initialised models")


def test_what_one_draw_of_the_control_passes_several_that_differ_may_not() -> None:
    assert outcomes(verdict(GATE % 0.17, {"a.json": document()})) == {"g": "fail"}
    plain = document()
    del plain["measurements"]["pw_mcc_above_control"]["baseline_models"]
    assert outcomes(verdict(GATE % 0.17, {"a.json": plain})) == {"g": "pass"}


def test_models_that_all_agree_are_no_draws() -> None:
    shifted = [[value + step for value in VALUES[0]] for step in (0.0, 1e-9, 2e-9)]
    result = verdict(GATE % 0.0, {"a.json": document(shifted)}).policies[0].gates[0].result
    assert (str(result.outcome), str(result.why)) == ("inconclusive", "no_spread")
    assert "3 re-initialised models" in result.reason


def one_draw():
    plain = document()
    del plain["measurements"]["pw_mcc_above_control"]["baseline_models"]
    return plain


ASKED = "g: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0, min_random_models: %d}"


@pytest.mark.parametrize(("asked", "expected"), [(1, "pass"), (3, "pass"), (4, "inconclusive")])
def test_a_policy_may_ask_for_so_many_re_initialised_models(asked: int, expected: str) -> None:
    judged = verdict(ASKED % asked, {"a.json": document()})
    assert outcomes(judged) == {"g": expected}
    assert why(judged, "g") == ("measured" if expected == "pass" else "too_few_models")


def test_one_draw_of_the_control_is_one_model_and_asked_for_two_decides_nothing() -> None:
    judged = verdict(ASKED % 2, {"a.json": one_draw()})
    result = judged.policies[0].gates[0].result
    assert (judged.code, str(result.why), result.measured) == (3, "too_few_models", None)
    assert result.reason == (
        "its control was measured on 1 re-initialised model; the policy needs 2 re-initialised models"
    )


def test_a_control_that_is_no_re_initialised_model_is_none_of_those_asked_for() -> None:
    rows = builders.summary("cebench", {"interpretability_delta": (builders.around(2, 0.1, 20), [1.0] * 19 + [1.1])})
    judged = verdict(
        "g: {from: cebench, measure: interpretability_delta, at_least: 0, min_random_models: 2}", {"a.json": rows}
    )
    assert why(judged, "g") == "too_few_models"
    assert "the control of interpretability_delta is public_sae" in judged.policies[0].gates[0].result.reason


def test_reports_say_of_one_draw_that_the_bound_speaks_of_no_other_and_of_several_nothing() -> None:
    said = "one re-initialised model: the bound says nothing of another draw of its weights"

    def notes(policy, shown):
        return verdict(policy, {"a.json": shown}).policies[0].gates[0].result.notes

    assert said in notes(GATE % 0.0, one_draw())
    assert said not in notes(GATE % 0.0, document())
    # A point estimate claims no bound, and a Gaussian dictionary is on no model.
    assert said not in notes((GATE % 0.0).replace("}", ", bound: point}"), one_draw())
    gaussian = builders.summary("random_model", {"pw_mcc_above_gaussian": (CANDIDATE, VALUES[0])})
    assert said not in notes((GATE % 0.0).replace("above_control", "above_gaussian"), gaussian)


def test_evidence_with_one_draw_reads_as_before() -> None:
    plain = builders.summary("random_model", {"pw_mcc_above_control": (CANDIDATE, VALUES[0])})
    (summary,), errors = read({"a.json": plain})
    assert isinstance(summary, Summary)
    assert (errors, summary.measurements["pw_mcc_above_control"].control_models) == ([], None)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (document(models=(7, 8, 8)), "summary.duplicate_model {}/random_model_seed/2"),
        (document(models=(7, 8)), "summary.column_length {}"),
        (document([*VALUES[:2], VALUES[2][:9]], baseline=VALUES[0]), "summary.column_length {}/values/2"),
        (document([*VALUES[:2], [1.5, *VALUES[2][1:]]]), "summary.out_of_range {}/values/2/0"),
        (document([VALUES[0], VALUES[1], VALUES[0]]), "summary.model_repeated {}/values/2"),
        (document(baseline=VALUES[0]), "summary.model_mean {}/values/0/0"),
    ],
)
def test_models_that_do_not_fit_their_baseline_are_refused_with_their_place(changed, says: str) -> None:
    assert refused(changed) == says.format("/measurements/pw_mcc_above_control/baseline_models")


def test_one_model_is_no_several() -> None:
    assert refused(document(VALUES[:1], (7,))).startswith("schema.")


def test_a_measure_without_a_control_has_no_models() -> None:
    alone = builders.summary("random_model", {"r2": [0.8, 0.81, 0.82, 0.83, 0.8]})
    alone["measurements"]["r2"]["baseline_models"] = {"random_model_seed": [1, 2], "values": [[0.1] * 5, [0.2] * 5]}
    assert refused(alone).startswith("schema.")
