"""What a folded report may only name, and what it shows whatever passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import builders
import pytest
from gates.judging import outcomes, verdict

from gatekit.gates.verdict import GateResult, ThresholdResult
from gatekit.report.verdict.folding import told_apart
from gatekit.report.verdict.terminal import render
from tests.report.report_verdicts import VERDICTS


def passing(**changes: Any) -> GateResult:
    """A plain gate of the recorded verdict, with its threshold changed."""
    (gate, *_) = told_apart(VERDICTS["pass"].policies[0].gates)[1]
    assert isinstance(gate.result, ThresholdResult)
    return replace(gate, result=replace(gate.result, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"bound": "optimistic"},
        {"notes": ("equal by construction: the control is the subject itself",)},
        {"notes": ("compared across subjects: architecture relu against topk",)},
        {"notes": ("paired on the 5 seeds that both measured, of 10 here and 5 in the base",)},
    ],
)
def test_a_weaker_pass_is_shown(changes: dict[str, Any]) -> None:
    gate = passing(**changes)
    assert told_apart([gate]) == ([gate], [])


@pytest.mark.parametrize("notes", [(), ("measured with uncommitted changes in the repository",)])
def test_a_plain_pass_is_named(notes: tuple[str, ...]) -> None:
    gate = passing(notes=notes)
    assert told_apart([gate]) == ([], [gate])


def test_a_choice_by_layer_that_is_its_own_control_is_shown_in_the_folded_report() -> None:
    values = [0.8, 0.82, 0.78, 0.81, 0.79]
    of = builders.subject()
    protocol = {"baseline": {"kind": "matched_sae", "subject": of}, "settings": {"equal_by_construction": True}}
    document = builders.summary(
        "layer_routing", {"r2_above_uniform": (values, values)}, of=of, protocol_changes=protocol
    )
    judged = verdict("g: {from: layer_routing, measure: r2_above_uniform, at_least: 0}", {"a.json": document})
    assert outcomes(judged) == {"g": "pass"}
    assert "equal by construction" in render(judged)
