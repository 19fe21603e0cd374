"""Every report says of a rule what it is about and what it asks in the same words, whatever its operator."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import builders
import pytest
from judging import HEAD, NOW, read

import gatekit
from gatekit.dossier.conclusion import conclude
from gatekit.gates.effect import effect_of
from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import Outcome, Verdict, thresholds_in
from gatekit.github.judgement import read_report
from gatekit.policy import Policy, Threshold, parse_policy
from gatekit.policy.operators import OPERATORS
from gatekit.report import FORMATS, render

RULES = {
    "at_least": ("at_least: 0.9", "random_model.r2", ">= 0.9", "at least 0.9"),
    "at_most": ("at_most: 0.1, measure: dead_fraction", "random_model.dead_fraction", "<= 0.1", "at most 0.1"),
    "between": ("between: [0.1, 0.2]", "random_model.r2", "0.1 to 0.2", "between 0.1 and 0.2"),
    "every_seed": (
        "every_seed: {at_least: 0.9}",
        "random_model.r2",
        "every seed >= 0.9",
        "at least 0.9 for every seed",
    ),
    "not_worse_than": ("not_worse_than: {base: 0.02}", "random_model.r2 - base", ">= -0.02", "at least -0.02"),
}
SUMMARY = builders.summary("random_model", {"r2": [0.5, 0.51, 0.52, 0.53, 0.54], "dead_fraction": [0.5] * 5})
BASE = builders.summary("random_model", {"r2": [0.8, 0.81, 0.82, 0.83, 0.85], "dead_fraction": [0.1] * 5})


def policy_with(operator: str) -> Policy:
    asked = RULES[operator][0]
    measure = "" if "measure" in asked else ", measure: r2"
    return parse_policy(f"{HEAD}gates:\n  g: {{from: random_model{measure}, {asked}}}\n".encode(), "policies/p.yaml")


def judged(operator: str) -> Verdict:
    return evaluate([policy_with(operator)], read({"head.json": SUMMARY})[0], NOW, base=read({"base.json": BASE})[0])


def plain(report: str) -> str:
    """The text of a report as its reader sees it."""
    text = html.unescape(re.sub(r"<br/?>|</?(code|span)[^>]*>", "", report))
    return text.replace("≥", ">=").replace("≤", "<=").replace("\u200b", "").replace("\\_", "_")


def test_every_operator_is_tried() -> None:
    assert list(RULES) == list(OPERATORS)


@pytest.mark.parametrize("operator", RULES)
@pytest.mark.parametrize("format", FORMATS)
def test_a_report_names_the_effect_and_its_threshold(format: str, operator: str) -> None:
    _, name, asks, _ = RULES[operator]
    verdict = judged(operator)
    assert verdict.policies[0].gates[0].outcome is Outcome.FAIL
    text = plain(render(format, verdict))
    assert re.search(rf"(?<![\w.]){re.escape(name)}(?! - base)(?![\w.]\w)", text), text
    assert re.search(rf"(?<!\S){re.escape(asks)}(?![\w.]\w)", text.replace('"', " ").replace(">>", "> >")), text


@pytest.mark.parametrize("operator", RULES)
def test_the_words_of_a_policy_and_of_its_verdict_are_one(operator: str) -> None:
    _, name, asks, clause = RULES[operator]
    rule = policy_with(operator).gates[0].rule
    assert isinstance(rule, Threshold)
    (result,) = thresholds_in(judged(operator).policies[0].gates[0].result)
    assert effect_of(rule) == result.effect
    assert (result.effect.name, result.effect.asks, result.effect.clause) == (name, asks, clause)


@pytest.mark.parametrize("operator", RULES)
def test_a_dossier_says_the_name_and_the_clause(operator: str) -> None:
    _, name, _, clause = RULES[operator]
    (conclusion,) = conclude(judged(operator))
    (said,) = conclusion.gates[0].measurements
    assert said.name == name
    assert said.may_not == (f"that {name} is {clause}.",)


@pytest.mark.parametrize("operator", RULES)
def test_an_annotation_names_both(operator: str, tmp_path: Path) -> None:
    _, name, asks, _ = RULES[operator]
    (tmp_path / "report.json").write_text(render("json", judged(operator)))
    (remark,) = read_report(tmp_path / "report.json").annotations
    assert remark.message.startswith(f"{name} {asks}: ")


def test_json_has_them_as_fields_of_their_own() -> None:
    (policy,) = json.loads(render("json", judged("not_worse_than")))["policies"]
    result = policy["gates"][0]["result"]
    assert (result["effect"], result["asks"]) == ("random_model.r2 - base", ">= -0.02")


def test_inside_a_gate_that_is_called_like_the_kind_the_kind_is_left_out() -> None:
    (result,) = thresholds_in(judged("not_worse_than").policies[0].gates[0].result)
    assert result.effect.name_in("random_model") == "r2 - base"
    assert replace(result.effect, about="value").name_in("g") == "random_model.r2"


def test_one_function_puts_the_name_of_an_effect_together() -> None:
    package = Path(gatekit.__file__).parent
    by_hand = re.compile(r"kind\}[. ]\{[a-z_.]*(measure|name)\b")
    found = [path.relative_to(package).as_posix() for path in package.rglob("*.py") if by_hand.search(path.read_text())]
    assert found == ["policy/limits.py"]
