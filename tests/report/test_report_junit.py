from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from gatekit.exit_codes import ExitCode
from gatekit.report import render
from tests.report.report_verdicts import RANDOM_MODEL, VERDICTS, WAIVED, hostile, hostile_text, policy, verdict

RESULTS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def parsed(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(render("junit", VERDICTS[name]))


def outcomes(root: ElementTree.Element) -> dict[str, str]:
    """What a reader of JUnit files concludes about each test case."""
    return {
        case.attrib["name"]: next((child.tag for child in case if child.tag in RESULTS), "passed")
        for case in root.iter("testcase")
    }


@pytest.mark.parametrize("name", VERDICTS)
def test_the_junit_report_reads_as_recorded(name: str, file_regression: Any) -> None:
    file_regression.check(render("junit", VERDICTS[name]), extension=".xml", encoding="utf-8")


def test_a_fail_is_a_failure_and_an_inconclusive_gate_an_error() -> None:
    assert outcomes(parsed("blocked")) == {
        "random_model": "passed",
        "ood": "failure",
        "external": "error",
        "health": "passed",
    }


def test_waived_warned_and_optional_gates_that_do_not_pass_are_skipped_with_the_reason() -> None:
    root = parsed("waived")
    assert outcomes(root) == {"random_model": "skipped", "health": "passed", "stability": "skipped", "extra": "skipped"}
    messages = [skipped.attrib["message"] for skipped in root.iter("skipped")]
    assert messages[0].startswith("waived until 2026-12-31 by alice: the control run is repeated with more text; FAIL")
    assert messages[1].startswith("level warn")
    assert messages[2].startswith("not required")


def test_the_message_of_a_composite_gate_names_the_threshold_that_decided() -> None:
    failure = next(parsed("blocked").iter("failure"))
    assert "ood.auc_drop: the estimate meets the threshold" in failure.attrib["message"]
    assert "(bound 0.1234, threshold <= 0.1)" in failure.attrib["message"]
    assert "relative_drop" not in failure.attrib["message"]


def test_each_error_is_an_errored_case_named_by_its_id_and_place() -> None:
    names = list(outcomes(parsed("refused")).items())
    assert names == [
        ("policy.unknown_measure at policies/release.yaml:14:33", "error"),
        ("summary.aggregate at evidence/minilm/ood.json#/measurements/auc_drop/aggregates/mean", "error"),
        ("evidence.none", "error"),
    ]


@pytest.mark.parametrize("name", VERDICTS)
def test_the_counts_agree_with_the_cases(name: str) -> None:
    root = parsed(name)
    for node in [root, *root.iter("testsuite")]:
        assert int(node.attrib["tests"]) == len(list(node.iter("testcase")))
        for tag, attribute in RESULTS.items():
            assert int(node.attrib[attribute]) == len(list(node.iter(tag)))


@pytest.mark.parametrize(
    "made",
    [
        *VERDICTS.values(),
        verdict(policy(WAIVED, code=ExitCode.INCONCLUSIVE), code=ExitCode.INCONCLUSIVE),
        verdict(policy(RANDOM_MODEL), code=ExitCode.APPROVAL_NEEDED),
        verdict(policy(RANDOM_MODEL), code=ExitCode.INTERNAL),
    ],
)
def test_the_file_is_green_exactly_when_the_verdict_is_a_pass(made: Any) -> None:
    root = ElementTree.fromstring(render("junit", made))
    green = root.attrib["failures"] == root.attrib["errors"] == "0"
    assert green == (made.code is ExitCode.PASS)


@settings(deadline=None, max_examples=150)
@given(text=hostile_text())
def test_any_text_gives_xml_that_parses_to_the_same_cases(text: str) -> None:
    root = ElementTree.fromstring(render("junit", hostile(text)).encode("utf-8"))
    assert [case.tag for case in root.iter() if case.tag not in ("property", "properties")] == [
        *("testsuites", "testsuite"),
        *("testcase", "failure"),
        *("testcase", "skipped", "system-out"),
        *("testcase", "skipped", "system-out"),
        *("testcase", "system-out"),
        "testsuite",
        *("testcase", "error"),
        *("testcase", "error"),
    ]


def test_a_policy_that_says_when_work_is_given_up_is_marked_as_weaker_where_readers_look() -> None:
    optimistic = replace(RANDOM_MODEL, result=replace(RANDOM_MODEL.result, bound="optimistic"))
    root = ElementTree.fromstring(render("junit", verdict(policy(optimistic, purpose="stop"))))
    (suite,) = root.iter("testsuite")
    assert "purpose stop: its passes are weaker" in suite.attrib["name"]
    properties = {each.attrib["name"]: each.attrib["value"] for each in suite.iter("property")}
    assert properties["policy.purpose"] == "stop"
    assert properties["policy.weaker"].startswith("purpose stop: its passes are weaker")
    assert "optimistic bound: weaker" in (next(root.iter("system-out")).text or "")


def test_a_policy_for_release_is_not_marked() -> None:
    assert "weaker" not in render("junit", VERDICTS["pass"])
