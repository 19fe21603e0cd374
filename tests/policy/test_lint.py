"""Lint refuses rules that cannot decide anything."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gatekit.policy import lint, parse_policy
from gatekit.policy.lint import z_ceiling

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def found(rule: str, rest: str = "") -> list[str]:
    text = f"schema: gatekit.policy/1\nid: p\n{rest}gates:\n  g: {{{rule}}}\n"
    return [error.error_id for error in lint(parse_policy(text.encode(), "p.yaml"), NOW)]


@pytest.mark.parametrize(
    ("rule", "ids"),
    [
        ("from: random_model, measure: r2, at_least: 0.5", []),
        ("from: random_model, measure: r2, at_least: 1.5", ["policy.out_of_range"]),
        ("from: random_model, measure: dead_fraction, at_most: -0.1", ["policy.out_of_range"]),
        ("from: random_model, measure: dead_fraction, at_most: 1.0", ["policy.cannot_fail"]),
        ("from: random_model, measure: pw_mcc, at_least: -1", ["policy.cannot_fail"]),
        ("from: saebench, measure: auc_delta, at_least: -1.0", ["policy.cannot_fail"]),
        ("from: saebench, measure: auc_delta, at_least: -0.99", []),
        ("from: ood, measure: auc_drop, between: [-1, 1]", ["policy.cannot_fail"]),
        ("from: ood, measure: auc_drop, between: [-1, 2]", ["policy.out_of_range"]),
        ("from: random_model, measure: r2, at_most: 0.5", ["policy.direction"]),
        ("from: random_model, measure: dead_fraction, at_least: 0.5", ["policy.direction"]),
    ],
)
def test_a_threshold_must_be_able_to_decide(rule: str, ids: list[str]) -> None:
    assert found(rule) == ids


@pytest.mark.parametrize(
    ("d_sae", "ceiling"), [(1024, 31.97), (1280, 35.75), (1536, 39.17), (2048, 45.23), (3072, 55.41), (32768, 181.0)]
)
def test_the_z_score_ceiling_is_that_of_the_recorded_widths(d_sae: int, ceiling: float) -> None:
    assert z_ceiling(d_sae) == pytest.approx(ceiling, abs=0.02)


def test_a_z_score_that_no_sae_of_the_declared_width_can_reach_is_refused() -> None:
    rule = "from: cebench, measure: interpretability, at_least: 40"
    assert found(rule, "subject: {d_sae: 1024}\n") == ["policy.infeasible"]
    assert found(rule, "subject: {d_sae: 2048}\n") == []
    assert found(rule) == []


def test_an_expired_waiver_is_an_error_and_the_last_day_still_holds() -> None:
    rule = "from: random_model, measure: r2, at_least: 0.5"
    for day, ids in (("2026-10-31", ["policy.waiver_expired"]), ("2026-11-01", []), ("2026-11-02", [])):
        waiver = f'waivers: [{{gate: g, owner: ann, reason: why, expires: "{day}"}}]\n'
        assert found(rule, waiver) == ids


def test_a_gate_is_waived_once() -> None:
    one = '{gate: g, owner: ann, reason: why, expires: "2027-01-01"}'
    assert found("from: random_model, measure: r2, at_least: 0.5", f"waivers: [{one}, {one}]\n") == [
        "policy.duplicate_waiver"
    ]
