"""not_worse_than on measures with a control: its draws cancel only where head and base have the same one."""

from __future__ import annotations

from typing import Any

import builders
import numpy as np
import pytest
from judging import HEAD, NOW, read
from scipy import stats

from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import ThresholdResult
from gatekit.policy import parse_policy

MEASURE = "pw_mcc_above_control"
HEADS = builders.around(0.60, 0.02, 10)
BASES = [0.61, 0.60, 0.62, 0.585, 0.605, 0.61, 0.59, 0.615, 0.60, 0.62]
CONTROLS = [builders.around(centre, 0.01, 10) for centre in (0.38, 0.41, 0.44)]
LOWER = [[value - 0.05 for value in values] for values in CONTROLS]
RANDOM = {"model": "random-0"}


def judged(head: dict[str, Any], base: dict[str, Any], margin: float = 0.05, more: str = "") -> ThresholdResult:
    rule = f"{{from: random_model, measure: {MEASURE}, not_worse_than: {{base: {margin!r}{more}}}}}"
    policy = parse_policy(f"{HEAD}gates:\n  g: {rule}\n".encode(), "p.yaml")
    summaries, errors = read({"head.json": head})
    others, refused = read({"base.json": base})
    assert not refused
    return evaluate([policy], summaries, NOW, errors, base=others).policies[0].gates[0].result


def several(candidate: list[float], values: list[list[float]], models: tuple[int, ...] = (7, 8, 9)) -> dict[str, Any]:
    document = builders.summary("random_model", {MEASURE: (candidate, np.mean(values, axis=0).tolist())})
    entry = {"random_model_seed": list(models), "values": values}
    document["measurements"][MEASURE]["baseline_models"] = entry
    return document


def one(candidate: list[float], control: list[float], on: dict[str, Any] | None = None, **changes: Any) -> dict:
    """Evidence with one draw of the control, on the model `on` names; `changes` go to the subject."""
    document = builders.summary("random_model", {MEASURE: (candidate, control)}, of=builders.subject(**changes))
    if on is not None:
        document["protocol"]["baseline"]["subject"] = builders.subject(**on)
    return document


def test_other_re_initialised_models_do_not_cancel() -> None:
    found = judged(several(HEADS, LOWER, (11, 57, 103)), several(BASES, CONTROLS))
    assert (found.outcome, found.why) == ("inconclusive", "no_base")
    assert "another control" in found.reason and "11, 57, 103, the base has 7, 8, 9" in found.reason


def test_the_same_models_cancel_in_whatever_order_they_stand() -> None:
    turned = several(HEADS, CONTROLS[::-1], (9, 8, 7))
    found = judged(turned, several(BASES, CONTROLS))
    assert found.outcome == "pass"
    assert found.measured.estimate == pytest.approx(np.mean(HEADS) - np.mean(BASES))
    assert "re-initialised" not in found.measured.method


def test_what_the_same_models_do_to_one_side_only_stays_a_draw() -> None:
    shifts = (0.01, -0.012, 0.003)
    moved = [[value + shift for value in values] for shift, values in zip(shifts, CONTROLS, strict=True)]
    found = judged(several(HEADS, moved), several(BASES, CONTROLS), margin=0.5)
    cancels = judged(several(HEADS, CONTROLS), several(BASES, CONTROLS), margin=0.5)
    of_models = stats.sem(shifts) * stats.t.ppf(0.95, 2)
    of_seeds = cancels.measured.estimate - cancels.measured.lower
    assert found.measured.estimate - found.measured.lower == pytest.approx(np.hypot(of_seeds, of_models))
    assert found.measured.method.endswith("and 3 re-initialised models")


@pytest.mark.parametrize("turned", [False, True])
def test_one_draw_on_one_side_and_several_on_the_other_do_not_cancel(turned: bool) -> None:
    sides = [several(HEADS, CONTROLS), one(HEADS, CONTROLS[0])]
    found = judged(*(sides[::-1] if turned else sides))
    assert (found.why, "another control" in found.reason, "unnamed" in found.reason) == ("no_base", True, True)


def test_a_control_on_another_model_is_named_with_both() -> None:
    found = judged(one(HEADS, LOWER[0], RANDOM), one(BASES, CONTROLS[0], {"model": "random-1"}))
    assert found.why == "no_base"
    assert "another control" in found.reason
    assert "model random-0 [" in found.reason and "the base has random-1 [" in found.reason


def test_controls_that_were_trained_again_on_the_same_model_are_compared() -> None:
    assert judged(one(HEADS, LOWER[0], RANDOM), one(BASES, CONTROLS[0], RANDOM)).outcome == "pass"


def test_a_control_of_another_shape_is_another_one_for_a_subject_of_the_same() -> None:
    found = judged(one(HEADS, LOWER[0], RANDOM | {"k": 4}), one(BASES, CONTROLS[0], RANDOM))
    assert (found.why, "k 4, the base has 32" in found.reason) == ("no_base", True)


def test_a_control_that_only_one_side_names_is_another_one() -> None:
    found = judged(one(HEADS, LOWER[0]), one(BASES, CONTROLS[0], RANDOM))
    assert (found.why, "named only in the base" in found.reason) == ("no_base", True)


def test_one_draw_that_nobody_names_must_have_the_same_values() -> None:
    assert judged(one(HEADS, LOWER[0]), one(BASES, CONTROLS[0])).why == "no_base"
    assert judged(one(HEADS, CONTROLS[0]), one(BASES, CONTROLS[0])).outcome == "pass"


def test_across_subjects_the_control_may_have_its_subjects_shape_and_not_another_model() -> None:
    wide = one(BASES, CONTROLS[0], RANDOM | {"d_sae": 8192}, d_sae=8192)
    assert judged(one(HEADS, LOWER[0], RANDOM), wide, more=", across_subjects: true").outcome == "pass"
    other = judged(one(HEADS, LOWER[0], {"model": "random-1"}), wide, more=", across_subjects: true")
    assert (other.why, "another control" in other.reason) == ("no_base", True)


def test_a_measure_without_a_control_asks_for_none() -> None:
    rule = "{from: random_model, measure: pw_mcc, not_worse_than: {base: 0.05}}"
    policy = parse_policy(f"{HEAD}gates:\n  g: {rule}\n".encode(), "p.yaml")
    documents = [builders.summary("random_model", {"pw_mcc": values}) for values in (HEADS, BASES)]
    documents[0]["protocol"]["baseline"]["subject"] = builders.subject(**RANDOM)
    (summaries, errors), (others, _) = (read({"x.json": document}) for document in documents)
    assert evaluate([policy], summaries, NOW, errors, base=others).policies[0].gates[0].result.outcome == "pass"
