"""A policy that cannot be read says where, quotes the line and names the nearest valid name."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from gatekit.errors import GatekitError
from gatekit.policy import Combined, Threshold, parse_policy, thresholds

HEAD = "schema: gatekit.policy/1\nid: p\n"


def policy(text: str):
    return parse_policy((HEAD + text).encode(), "policies/p.yaml")


def refusal(text: str, whole: bool = False) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        parse_policy((text if whole else HEAD + text).encode(), "policies/p.yaml")
    return caught.value


ONE = "gates:\n  g: {from: random_model, measure: r2, at_least: 0.5}\n"
MODELS = "gates:\n  g: {from: random_model, measure: %s, at_least: 0.0, min_random_models: %s}\n"


def test_a_threshold_takes_the_defaults_of_the_policy() -> None:
    text = "defaults: {confidence: 0.9, min_seeds: 3, max_age: 2w, allow_reported: true, selected_from: 4}\n" + ONE
    (rule,) = thresholds(policy(text).gates[0].rule)
    assert (rule.confidence, rule.min_seeds, rule.max_age) == (0.9, 3, timedelta(days=14))
    assert (rule.allow_reported, rule.selected_from, rule.point) == (True, 4, False)


def test_without_defaults_a_threshold_asks_for_95_percent_and_five_seeds() -> None:
    (rule,) = thresholds(policy(ONE).gates[0].rule)
    assert (rule.confidence, rule.min_seeds, rule.max_age, rule.allow_reported) == (0.95, 5, None, False)


def test_a_threshold_overrides_the_defaults() -> None:
    text = "defaults: {confidence: 0.9}\n" + ONE.replace("0.5}", "0.5, confidence: 0.99, min_seeds: 7, max_age: 36h}")
    (rule,) = thresholds(policy(text).gates[0].rule)
    assert (rule.confidence, rule.min_seeds, rule.max_age) == (0.99, 7, timedelta(hours=36))


def test_rules_nest() -> None:
    text = """gates:
  g:
    all_of:
      - any_of:
          - {from: random_model, measure: r2, at_least: 0.5}
          - {from: random_model, measure: l0, at_most: 10}
      - {from: ood, measure: auc_drop, between: [-0.1, 0.1]}
"""
    rule = policy(text).gates[0].rule
    assert isinstance(rule, Combined)
    assert [type(part) for part in rule.rules] == [Combined, Threshold]
    assert [t.measure.name for t in thresholds(rule)] == ["r2", "l0", "auc_drop"]


def test_an_unknown_measure_names_the_nearest_and_the_place() -> None:
    error = refusal("gates:\n  g: {from: saebench, measure: auc_dleta, at_least: 0.0}\n")
    assert str(error.location) == "policies/p.yaml:4:32"
    assert "unknown measure 'auc_dleta' of saebench; did you mean 'auc_delta'?" in str(error)
    assert error.location.source_line == "  g: {from: saebench, measure: auc_dleta, at_least: 0.0}"


def test_an_unknown_key_names_the_nearest_and_the_place() -> None:
    error = refusal("gates:\n  g:\n    from: random_model\n    measure: r2\n    at_leats: 0.5\n")
    assert str(error.location) == "policies/p.yaml:7:5"
    assert "unknown key 'at_leats' in gate 'g'; did you mean 'at_least'?" in str(error)


@pytest.mark.parametrize(
    ("text", "error_id"),
    [
        ("gates: {}\n", "policy.no_gates"),
        ("", "policy.missing_key"),
        ("gates:\n  g: {from: random_model, measure: r2}\n", "policy.one_threshold"),
        ("gates:\n  g: {from: random_model, measure: r2, at_least: 0.1, at_most: 0.2}\n", "policy.one_threshold"),
        ("gates:\n  g: {from: random_model, at_least: 0.1}\n", "policy.missing_key"),
        ("gates:\n  g: {measure: r2, at_least: 0.1}\n", "policy.missing_key"),
        ("gates:\n  g: {from: random_modle, measure: r2, at_least: 0.1}\n", "policy.value"),
        ("gates:\n  g: {from: random_model, measure: r2, at_least: true}\n", "policy.type"),
        ('gates:\n  g: {from: random_model, measure: r2, at_least: "0.1"}\n', "policy.type"),
        ("gates:\n  g: {from: random_model, measure: r2, between: [0.2, 0.1]}\n", "policy.value"),
        ("gates:\n  g: {from: random_model, measure: r2, between: [0.1, 0.2, 0.3]}\n", "policy.value"),
        ("gates:\n  g: {from: random_model, measure: r2, at_least: 0.1, confidence: 95}\n", "policy.value"),
        ("gates:\n  g: {from: random_model, measure: r2, at_least: 0.1, confidence: 0.5}\n", "policy.value"),
        ("gates:\n  g: {from: random_model, measure: r2, at_least: 0.1, min_seeds: 0}\n", "policy.value"),
        (MODELS % ("pw_mcc_above_control", "0"), "policy.value"),
        (MODELS % ("pw_mcc_above_control", "1001"), "policy.value"),
        (MODELS % ("pw_mcc_above_control", "2.5"), "policy.type"),
        (MODELS % ("pw_mcc_above_gaussian", "2"), "policy.value"),
        (MODELS % ("r2", "2"), "policy.value"),
        ("defaults: {min_random_models: 2}\n" + ONE, "policy.unknown_key"),
        ("gates:\n  g: {from: random_model, measure: r2, at_least: 0.1, min_seeds: 2.5}\n", "policy.type"),
        ("gates:\n  g: {from: random_model, measure: r2, at_least: 0.1, max_age: 30}\n", "policy.value"),
        ("gates:\n  g: {from: random_model, measure: r2, at_least: 0.1, max_age: 0d}\n", "policy.value"),
        ("gates:\n  g: {from: random_model, measure: r2, at_least: 0.1, bound: upper}\n", "policy.wrong_bound"),
        ("gates:\n  g: {from: random_model, measure: r2, at_least: 0.1, level: warning}\n", "policy.value"),
        ("gates:\n  g: {from: random_model, measure: r2, at_least: 0.1, all_of: []}\n", "policy.mixed_rule"),
        ("gates:\n  g: {all_of: []}\n", "policy.empty"),
        ("gates:\n  g: {}\n", "policy.empty"),
        ("gates:\n  g: {all_of: [{}]}\n", "policy.empty"),
        ("gates:\n  G: {from: random_model, measure: r2, at_least: 0.1}\n", "policy.value"),
        ("gates: [1]\n", "policy.type"),
        (ONE + "subject: {}\n", "policy.empty"),
        (ONE + "one_subject: 1\n", "policy.type"),
        (ONE + 'waivers: [{gate: h, owner: a, reason: b, expires: "2027-01-01"}]\n', "policy.unknown_gate"),
        (ONE + 'waivers: [{gate: "*", owner: a, reason: b, expires: "2027-01-01"}]\n', "policy.unknown_gate"),
        (ONE + 'waivers: [{gate: g, owner: a, reason: b, expires: "2027-02-30"}]\n', "policy.value"),
        (ONE + "waivers: [{gate: g, owner: a, reason: b}]\n", "policy.missing_key"),
    ],
)
def test_what_cannot_be_a_policy_is_refused(text: str, error_id: str) -> None:
    error = refusal(text)
    assert error.error_id == error_id
    assert error.location is not None
    assert error.location.line is not None
    assert error.exit_code == 4


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        (ONE.replace("0.5}", '"0.5"}'), "4:50", "write 0.5, without quotes"),
        (ONE.replace("0.5}", "50%}"), "4:50", "write 0.5"),
        (ONE.replace("0.5}", "'0,5'}"), "4:50", "write 0.5"),
        (ONE.replace("0.5}", "high}"), "4:50", None),
        (ONE.replace("0.5}", "0.5, min_seeds: '7'}"), "4:66", "write 7, without quotes"),
        (
            "gates:\n  - g: {from: random_model, measure: r2, at_least: 0.5}\n",
            "4:3",
            "write `key: value` in it, not a list",
        ),
        ("gates: many\n", "3:8", "write `key: value` in it"),
        (ONE.replace("g:", "My-Gate:"), "4:3", "such as my_gate"),
        (ONE + "waivers:\n  - {gate: g, owner: a, reason: b}\n", "6:5", 'add `expires: "2027-05-31"`'),
        (ONE + "waivers:\n  - {gate: g, owner: a, reason: b, expires: soon}\n", "6:45", 'write it as "2026-12-31"'),
    ],
)
def test_what_was_meant_is_said_where_it_can_be_told(text: str, place: str, remedy: str | None) -> None:
    error = refusal(text)
    assert (str(error.location), error.remedy) == (f"policies/p.yaml:{place}", remedy)


@pytest.mark.parametrize("key", ["schema", "id", "gates"])
def test_a_missing_key_comes_with_a_line_that_would_do(key: str) -> None:
    lines = {"schema": "schema: gatekit.policy/1", "id": "id: p", "gates": ONE.strip()}
    rest = "".join(f"{line}\n" for name, line in lines.items() if name != key)
    remedy = refusal(rest, whole=True).remedy
    assert remedy is not None and remedy.startswith(f"add `{key}: ")
    parse_policy(f"{remedy.removeprefix('add `').removesuffix('`')}\n{rest}".encode(), "policies/p.yaml")


def test_a_fallback_is_refused_outside_a_legacy_policy() -> None:
    text = "gates:\n  g:\n    first_of:\n      - {from: random_model, measure: r2, at_least: 0.5}\n"
    assert refusal(text).error_id == "policy.fallback"
    assert policy("legacy: true\n" + text).legacy


def test_another_schema_version_is_refused() -> None:
    error = refusal("schema: gatekit.policy/2\nid: p\n" + ONE, whole=True)
    assert (error.error_id, error.location.line) == ("policy.newer_schema", 1)
    error = refusal("schema: gatekit.policy/0\nid: p\n" + ONE, whole=True)
    assert (error.error_id, error.location.line) == ("policy.value", 1)


def test_waivers_and_the_subject_are_read() -> None:
    text = ONE + "subject: {architecture: topk, d_sae: 512}\nwaivers:\n"
    text += '  - {gate: g, owner: ann, reason: "new hook", expires: "2027-01-31"}\n'
    read = policy(text)
    assert (read.subject.architecture, read.subject.d_sae, read.subject.hook) == ("topk", 512, None)
    assert (read.waivers[0].owner, read.waivers[0].expires) == ("ann", date(2027, 1, 31))


def test_nesting_without_end_is_refused() -> None:
    rule = "{from: random_model, measure: r2, at_least: 0.5}"
    for _ in range(9):
        rule = f"{{all_of: [{rule}]}}"
    assert refusal(f"gates:\n  g: {rule}\n").error_id == "policy.depth"
