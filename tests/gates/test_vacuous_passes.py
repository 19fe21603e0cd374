"""Fourteen ways in which other gates have passed without anything having been measured. None of them passes here."""

from __future__ import annotations

import copy
import json
import subprocess
import sysconfig
from pathlib import Path

import builders
import pytest
from judging import outcomes, verdict, why

from gatekit.errors import GatekitError
from gatekit.evidence.times import parse_time
from gatekit.policy import lint, parse_policy, read_policy, thresholds

GATEKIT = str(Path(sysconfig.get_path("scripts")) / "gatekit")
R2 = [0.80, 0.82, 0.78, 0.81, 0.79]
GATE = "g: {from: random_model, measure: r2, at_least: 0.5}"
POLICY = f"schema: gatekit.policy/1\nid: p\ngates:\n  {GATE}\n"


def evidence(**observations):
    return {"random_model.json": builders.summary("random_model", observations or {"r2": R2})}


def test_01_a_rule_that_matches_nothing_does_not_pass() -> None:
    for rule in (
        "subject: {architecture: gated}\ngates:\n  " + GATE + "\n",
        GATE.replace("0.5", "0.5, protocol: random_model/9"),
        "g: {from: cebench, measure: interpretability, at_least: 1}",
    ):
        assert verdict(rule, evidence()).code == 3
    with pytest.raises(GatekitError, match="unknown measure 'r3'"):
        verdict(GATE.replace("r2", "r3"), evidence())


def test_02_an_empty_suite_does_not_pass() -> None:
    for gates in ("gates: {}\n", "gates:\n  g: {}\n", "gates:\n  g: {all_of: []}\n", "gates:\n  g: {any_of: []}\n"):
        with pytest.raises(GatekitError):
            verdict(gates, evidence())


def test_03_a_check_that_raised_does_not_pass() -> None:
    broken = copy.deepcopy(evidence())
    broken["random_model.json"]["measurements"]["r2"]["columns"]["candidate"][2] = 7.0
    judged = verdict(GATE, broken)
    assert (judged.code, judged.errors[0].error_id) == (4, "summary.out_of_range")


def test_04_a_benchmark_that_never_ran_does_not_pass() -> None:
    judged = verdict(GATE + "\no: {from: ood, measure: auc_drop, at_most: 0.1}", evidence())
    assert (outcomes(judged), judged.code) == ({"g": "pass", "o": "inconclusive"}, 3)
    assert why(judged, "o") == "missing"


def test_05_a_measurement_without_data_does_not_pass() -> None:
    empty = copy.deepcopy(evidence())
    columns = empty["random_model.json"]["measurements"]["r2"]["columns"]
    columns["seed"], columns["candidate"] = [], []
    assert verdict(GATE, empty).code == 4
    only_l0 = verdict(GATE, evidence(l0=[32.0] * 5))
    assert (only_l0.code, why(only_l0, "g")) == (3, "missing")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", '"nan"', "null", "true"])
def test_06_a_nan_does_not_clear_a_threshold(literal: str) -> None:
    text = json.dumps(evidence()["random_model.json"]).replace("0.78", literal)
    assert verdict(GATE, {"a.json": text.encode()}).code == 4
    for limit in (".nan", ".inf", "-.inf", "nan", "1e400", "true"):
        with pytest.raises(GatekitError):
            verdict(GATE.replace("0.5", limit), evidence())


def test_07_failed_runs_do_not_pass() -> None:
    failed = builders.summary("random_model", {}, status="failed", reason="every child exited 1")
    judged = verdict(GATE, {"a.json": failed})
    assert (judged.code, why(judged, "g")) == (3, "run_failed")
    half = copy.deepcopy(evidence()["random_model.json"])
    half["status"], half["reason"] = "failed", "half of it"
    assert verdict(GATE, {"a.json": half}).code == 4


def test_08_the_process_exits_with_the_verdict(tmp_path: Path) -> None:
    builders.write(tmp_path / "evidence", evidence())
    for limit, code in (("0.5", 0), ("0.9", 2)):
        policy = tmp_path / "p.yaml"
        policy.write_text(POLICY.replace("0.5", limit))
        done = subprocess.run(
            [GATEKIT, "check", "--policy", policy, "--evidence", tmp_path / "evidence", "--now", builders.NOW],
            capture_output=True,
        )
        assert done.returncode == code, done.stderr


def test_09_a_denominator_of_zero_does_not_pass() -> None:
    # No rows, no datasets, no tokens: the design is empty and the file is refused.
    nothing = builders.summary("saebench", {"auc_delta": ([0.9] * 15, [0.8] * 15)})
    nothing["measurements"]["auc_delta"]["columns"] = {"seed": [], "dataset": [], "candidate": [], "baseline": []}
    assert verdict("g: {from: saebench, measure: auc_delta, at_least: 0.0}", {"a.json": nothing}).code == 4


def test_10_a_candidate_compared_with_itself_does_not_pass() -> None:
    itself = builders.summary(
        "saebench",
        {"auc_delta": ([0.9] * 15, [0.9] * 15)},
        protocol_changes={"baseline": {"kind": "public_sae", "subject": builders.subject()}},
    )
    judged = verdict("g: {from: saebench, measure: auc_delta, at_least: 0.0}", {"a.json": itself})
    assert (judged.code, judged.errors[0].error_id) == (4, "summary.self_baseline")
    # Seeds that are one checkpoint under several names agree with each other perfectly.
    copies = builders.subject()
    for checkpoint in copies["checkpoints"]:
        checkpoint["sha256"] = copies["checkpoints"][0]["sha256"]
    same = builders.summary("random_model", {"pw_mcc": [1.0] * 10}, of=copies)
    judged = verdict("g: {from: random_model, measure: pw_mcc, at_least: 0.5}", {"a.json": same})
    assert (judged.code, judged.errors[0].error_id) == (4, "summary.checkpoint_repeated")


def test_11_a_gate_in_advisory_mode_says_so_and_keeps_its_verdict() -> None:
    judged = verdict(GATE.replace("0.5", "0.9"), evidence(), advisory=True)
    assert (judged.exit_code, judged.code, judged.word, judged.advisory) == (0, 2, "blocked", True)
    only_warned = verdict(GATE.replace("0.5", "0.9, level: warn"), evidence())
    assert only_warned.code == 3


@pytest.mark.parametrize("policy", sorted(Path(__file__).parents[2].joinpath("policies").glob("*.yaml")), ids=str)
def test_12_every_shipped_gate_can_pass_and_can_fail(policy: Path) -> None:
    loaded = read_policy(str(policy))
    assert lint(loaded, parse_time(builders.NOW)) == []
    for gate in loaded.gates:
        for rule in thresholds(gate.rule):
            low, high = rule.measure.effect_range
            limit = rule.low if rule.low is not None else rule.high
            # Values on both sides exist within the declared range: neither decoration nor a wall.
            assert low < limit < high


def test_12_a_gate_that_cannot_fail_is_refused() -> None:
    text = POLICY.replace("r2, at_least: 0.5", "dead_fraction, at_most: 1.0")
    found = lint(parse_policy(text.encode(), "p.yaml"), parse_time(builders.NOW))
    assert [error.error_id for error in found] == ["policy.cannot_fail"]


def test_13_a_missing_baseline_does_not_pass() -> None:
    document = builders.summary("saebench", {"auc_delta": ([0.9] * 15, [0.8] * 15)})
    del document["measurements"]["auc_delta"]["columns"]["baseline"]
    judged = verdict("g: {from: saebench, measure: auc_delta, at_least: 0.0}", {"a.json": document})
    assert (judged.code, judged.errors[0].location.pointer) == (4, "/measurements/auc_delta/columns")


def test_14_a_required_measurement_does_not_fall_back_to_another() -> None:
    there = {"a.json": builders.summary("saebench", {"accuracy_delta": ([0.9] * 15, [0.8] * 15)})}
    judged = verdict("g: {from: saebench, measure: auc_delta, at_least: 0.0}", there)
    assert (judged.code, why(judged, "g")) == (3, "missing")
    assert "accuracy_delta" in judged.policies[0].gates[0].result.reason
    with pytest.raises(GatekitError, match="first_of falls back"):
        verdict("g: {first_of: [{from: saebench, measure: auc_delta, at_least: 0.0}]}", there)
