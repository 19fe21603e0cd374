from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.evidence.schemas import schema
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import WORDS, Outcome, ThresholdResult, Why
from gatekit.report import render
from tests.report.report_verdicts import RANDOM_MODEL, VERDICTS, hostile, policy, verdict

SCHEMA = schema("verdict")


def complaints(document: Any) -> list[str]:
    """What two independent validators say; a document is good when both say nothing."""
    slow = [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)]
    quick = [error.message for error in jsonschema_rs.Draft202012Validator(SCHEMA).iter_errors(document)]
    assert bool(slow) == bool(quick)
    return slow


@pytest.fixture
def blocked() -> Any:
    return json.loads(render("json", VERDICTS["blocked"]))


@pytest.mark.parametrize("name", VERDICTS)
def test_every_verdict_follows_the_published_schema(name: str) -> None:
    assert complaints(json.loads(render("json", VERDICTS[name]))) == []


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(), max_size=30))
def test_whatever_text_a_verdict_carries_the_report_is_schema_valid_printable_ascii(text: str) -> None:
    rendered = render("json", hostile(text))
    assert all(character == "\n" or " " <= character <= "~" for character in rendered)
    assert "##[" not in rendered
    assert complaints(json.loads(rendered)) == []


def test_text_survives_unchanged() -> None:
    text = "a\u202eb ##[set-output]x ::y \u00e9 \n \x1b[31m |`<b>"
    assert json.loads(render("json", hostile(text)))["policies"][0]["id"] == text


def test_text_longer_than_the_schema_allows_is_shortened_visibly() -> None:
    document = json.loads(render("json", hostile("x" * 5000)))
    assert document["policies"][0]["id"] == "x" * 4093 + "..."
    assert complaints(document) == []


def test_a_number_that_is_not_finite_is_never_written() -> None:
    rule = RANDOM_MODEL.result
    assert isinstance(rule, ThresholdResult) and rule.measured is not None
    for number in (math.nan, math.inf, -math.inf):
        broken = replace(RANDOM_MODEL, result=replace(rule, measured=replace(rule.measured, estimate=number)))
        with pytest.raises(ValueError, match="not JSON compliant"):
            render("json", verdict(policy(broken)))


def test_the_schema_names_the_same_outcomes_reasons_words_and_exit_codes_as_the_code() -> None:
    defs = SCHEMA["$defs"]
    assert defs["outcome"]["enum"] == [outcome.value for outcome in Outcome]
    assert defs["why"]["enum"] == [why.value for why in Why]
    assert defs["exit_code"]["enum"] == [int(code) for code in ExitCode]
    assert SCHEMA["properties"]["verdict"]["enum"] == [WORDS[code] for code in ExitCode]


def test_every_object_of_the_schema_is_closed_and_every_string_and_array_is_bounded() -> None:
    def walk(node: Any, where: str) -> None:
        if isinstance(node, list):
            for index, item in enumerate(node):
                walk(item, f"{where}/{index}")
        elif isinstance(node, dict):
            kind = node.get("type")
            if kind == "object":
                assert node["additionalProperties"] is False, where
                assert node["required"] == list(node["properties"]), where
            if kind == "array":
                assert "maxItems" in node, where
            if kind == "string":
                assert "maxLength" in node or (node["pattern"].startswith("^") and node["pattern"].endswith("$")), where
            if kind in ("number", "integer"):
                assert "maximum" in node or "exclusiveMaximum" in node, where
            for key, value in node.items():
                walk(value, f"{where}/{key}")

    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    walk(SCHEMA, "")


@pytest.mark.parametrize(
    "change",
    [
        {"exit_code": 0},
        {"verdict": "pass"},
        {"code": 0},
        {"verdict": "pass", "code": 0, "exit_code": 0, "policies": []},
        {"extra": 1},
        {"schema": "gatekit.verdict/2"},
        {"now": "2026-11-21 08:00"},
        {"advisory": 1},
    ],
    ids=str,
)
def test_a_report_that_contradicts_itself_is_not_valid(blocked: Any, change: dict[str, Any]) -> None:
    assert complaints(blocked) == []
    assert complaints({**blocked, **change}) != []


def test_a_pass_with_errors_is_not_valid(blocked: Any) -> None:
    refused = json.loads(render("json", VERDICTS["refused"]))
    document = {**blocked, "verdict": "pass", "code": 0, "exit_code": 0}
    assert complaints(document) == []
    assert complaints({**document, "errors": refused["errors"]}) != []


def test_a_key_missing_or_unknown_deep_in_the_tree_is_not_valid(blocked: Any) -> None:
    for change in ("drop", "add"):
        document = copy.deepcopy(blocked)
        child = document["policies"][0]["gates"][1]["result"]["children"][0]
        if change == "drop":
            del child["measured"]["margin"]
        else:
            child["tolerance"] = 0.1
        assert complaints(document) != []


def test_advisory_is_the_only_way_from_blocked_to_exit_0() -> None:
    document = json.loads(render("json", VERDICTS["advisory"]))
    assert (document["verdict"], document["code"], document["exit_code"]) == ("blocked", 2, 0)
    assert complaints({**document, "advisory": False}) != []


def test_the_json_of_a_blocked_verdict_reads_as_recorded(file_regression: Any) -> None:
    file_regression.check(render("json", VERDICTS["blocked"]), extension=".json")


def test_the_json_of_a_refused_verdict_reads_as_recorded(file_regression: Any) -> None:
    file_regression.check(render("json", VERDICTS["refused"]), extension=".json")


def test_a_gate_that_is_waived_warned_or_optional_is_not_enforced() -> None:
    gates = json.loads(render("json", VERDICTS["waived"]))["policies"][0]["gates"]
    assert {gate["name"]: gate["enforced"] for gate in gates} == {
        "random_model": False,
        "health": True,
        "stability": False,
        "extra": False,
    }
    assert gates[0]["waiver"]["expires"] == "2026-12-31"


def test_keys_are_sorted_and_two_renderings_are_the_same_bytes() -> None:
    for name in VERDICTS:
        rendered = render("json", VERDICTS[name])
        assert rendered == render("json", VERDICTS[name])
        assert rendered == json.dumps(json.loads(rendered), indent=2, sort_keys=True) + "\n"
