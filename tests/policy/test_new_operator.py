"""An operator that is one entry of the table works from YAML to every report: nothing else has to know it."""

from __future__ import annotations

from typing import Any

import builders
import jsonschema
import pytest
from judging import HEAD, NOW, outcomes, read

from gatekit.errors import GatekitError
from gatekit.evidence.schemas import schema
from gatekit.gates.evaluate import evaluate
from gatekit.policy import diff_policy, fields, lint, loading, operators, parse_policy
from gatekit.policy.limits import Between, Limits
from gatekit.policy.operators import Operator, OperatorValue
from gatekit.policy.publishing import with_operators
from gatekit.report import FORMATS, render


def _equals(given: OperatorValue) -> Limits:
    """`equals: [0.5, 0.1]`: the value is 0.5, give or take 0.1."""
    items = fields.sequence(given.document, given.node, "equals")
    value, tolerance = (fields.number(given.document, item, "equals") for item in items)
    return Between(value - tolerance, value + tolerance)


ENTRIES = {
    "equals": Operator("equals", "nothing", _equals, {"type": "array", "items": {"type": "number"}}),
    "same_as_base": Operator("same_as_base", "base", _equals, {"type": "array", "items": {"type": "number"}}),
}


@pytest.fixture(autouse=True)
def _with_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {**operators.OPERATORS, **ENTRIES}
    for module in (operators, loading):
        monkeypatch.setattr(module, "OPERATORS", table)
    monkeypatch.setattr("gatekit.policy.publishing.OPERATORS", table)
    monkeypatch.setattr(loading, "THRESHOLD_KEYS", (*loading.THRESHOLD_KEYS, *ENTRIES))


def policy(rule: str) -> Any:
    return parse_policy(f"{HEAD}gates:\n  g: {{from: random_model, measure: r2, {rule}}}\n".encode(), "p.yaml")


SUMMARIES = read({"e.json": builders.summary("random_model", {"r2": [0.5, 0.51, 0.52, 0.53, 0.54]})})[0]


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ("equals: [0.5, 0.1]", "pass"),
        ("equals: [0.5, 0.01]", "fail"),
        ("same_as_base: [0, 0.1]", "pass"),
        ("same_as_base: [0.5, 0.1]", "fail"),
    ],
)
def test_it_is_judged_and_reported(rule: str, outcome: str) -> None:
    verdict = evaluate([policy(rule)], SUMMARIES, NOW, base=SUMMARIES)
    assert outcomes(verdict) == {"g": outcome}
    for format in FORMATS:
        assert render(format, verdict)


def test_a_change_of_its_numbers_is_tighter_or_looser() -> None:
    wide, narrow = policy("equals: [0.5, 0.25]"), policy("equals: [0.5, 0.125]")
    assert str(diff_policy(wide, narrow).change) == "tightened"
    assert str(diff_policy(narrow, wide).change) == "loosened"
    assert diff_policy(wide, policy("at_least: 0.25")).needs_approval


def test_it_is_linted() -> None:
    assert [error.error_id for error in lint(policy("equals: [0.5, 1e9]"), NOW)] == ["policy.out_of_range"]
    with pytest.raises(GatekitError, match="compares both bounds"):
        policy("equals: [0.5, 0.1], bound: lower")


def test_it_is_in_the_published_schema() -> None:
    published = with_operators(schema("policy"))
    rule = {"from": "random_model", "measure": "r2", "equals": [0.5, 0.1]}
    document = {"schema": "gatekit.policy/1", "id": "p", "gates": {"g": rule}}
    assert jsonschema.Draft202012Validator(published).is_valid(document)
    rule["at_least"] = 0.5
    assert not jsonschema.Draft202012Validator(published).is_valid(document)
