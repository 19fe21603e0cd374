"""SAEs that are worse than a constant, or never active: their numbers are kept, and nothing passes on them."""

from __future__ import annotations

import json

import builders
import pytest
from judging import NOW, outcomes, read, verdict, why

from gatekit.evidence.kind_files import parse_kind
from gatekit.evidence.reading import parse_summary
from gatekit.gates.evaluate import evaluate
from gatekit.kinds import Kinds
from gatekit.policy import parse_policy

GATES = "sparse: {from: random_model, measure: l0, at_most: 64}\ngood: {from: random_model, measure: r2, at_least: 0.5}"
HEALTHY = {"r2": [0.80, 0.82, 0.78, 0.81, 0.79], "l0": [32.0] * 5, "dead_fraction": [0.0] * 5}


def evidence(**changed: list[float]) -> dict[str, builders.Json]:
    return {"a.json": builders.summary("random_model", {**HEALTHY, **changed})}


def test_a_run_that_did_not_diverge_passes() -> None:
    assert outcomes(verdict(GATES, evidence())) == {"sparse": "pass", "good": "pass"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"r2": [0.8, -26.0, 0.8, 0.8, 0.81]}, "seed 1: r2 -26, worse than the mean of the activations"),
        ({"dead_fraction": [0.0, 0.0, 0.0, 1.0, 0.0]}, "seed 3: all latents dead"),
        (
            {"r2": [-1.0] * 5, "dead_fraction": [1.0] * 5},
            "seed 0: r2 -1, worse than the mean of the activations, all latents dead",
        ),
    ],
)
def test_one_seed_that_diverged_takes_the_pass_from_every_gate_and_is_named(changed, said) -> None:
    (summary,), errors = read(evidence(**changed))
    assert not errors and summary.status == "diverged" and said in str(summary.reason)
    judged = verdict(GATES, evidence(**changed))
    assert outcomes(judged)["sparse"] == "inconclusive" and why(judged, "sparse") == "diverged"
    assert said in next(gate.result.reason for gate in judged.policies[0].gates if gate.name == "sparse")


def test_what_a_diverged_run_fails_it_fails() -> None:
    assert outcomes(verdict(GATES, evidence(r2=[-26.0, -25.0, -24.0, -26.5, -25.5])))["good"] == "fail"


def test_every_seed_and_point_rules_do_not_pass_on_a_diverged_run() -> None:
    rules = (
        "a: {from: random_model, measure: l0, at_most: 64, bound: point}\n"
        "b: {from: random_model, measure: l0, every_seed: {at_most: 64}}"
    )
    assert set(outcomes(verdict(rules, evidence())).values()) == {"pass"}
    assert set(outcomes(verdict(rules, evidence(dead_fraction=[1.0, 0.0, 0.0, 0.0, 0.0]))).values()) == {"inconclusive"}


def test_a_summary_that_says_that_it_diverged_is_believed_without_a_measure_that_shows_it() -> None:
    said = evidence()
    said["a.json"] |= {"status": "diverged", "reason": "the runner saw it"}
    judged = verdict(GATES, said)
    assert set(outcomes(judged).values()) == {"inconclusive"}
    assert "the runner saw it" in judged.policies[0].gates[0].result.reason


def test_a_control_may_be_as_bad_as_it_likes() -> None:
    bad = builders.summary(
        "random_model", {"r2_above_control": ([0.8, 0.82, 0.78, 0.81, 0.79], [-3.0, -3.1, -3.2, -3.0, -2.9])}
    )
    assert (
        outcomes(verdict("g: {from: random_model, measure: r2_above_control, at_least: 0}", {"a.json": bad}))["g"]
        == "pass"
    )


PROBING = "auc: {from: saebench, measure: auc_delta, at_least: -0.1}"
AUC = ([0.93 + 0.002 * seed + 1e-4 * dataset for seed in range(5) for dataset in range(3)], [0.95] * 15)


def probed(**of: object) -> dict[str, builders.Json]:
    return {"b.json": builders.summary("saebench", {"auc_delta": AUC}, of=builders.subject(**of))}


def test_no_gate_passes_on_saes_that_another_file_shows_to_have_diverged() -> None:
    assert outcomes(verdict(PROBING, evidence() | probed()))["auc"] == "pass"
    judged = verdict(PROBING, evidence(r2=[-3.0, -3.1, -2.9, -3.05, -2.95]) | probed())
    assert outcomes(judged)["auc"] == "inconclusive" and why(judged, "auc") == "diverged"
    assert "the run of a.json diverged (seed 0: r2 -3" in judged.policies[0].gates[0].result.reason


def test_other_saes_of_the_same_shape_may_have_diverged() -> None:
    others = [{"seed": seed, "sha256": builders.digest(f"other {seed}")} for seed in builders.SEEDS]
    diverged = evidence(r2=[-3.0, -3.1, -2.9, -3.05, -2.95])
    assert outcomes(verdict(PROBING, diverged | probed(checkpoints=others)))["auc"] == "pass"


def test_what_a_difference_is_a_difference_of_shows_it_too() -> None:
    negative = ([-0.8, -0.82, -0.78, -0.81, -0.79], [-3.0, -3.1, -3.2, -3.05, -2.9])
    bad = {"a.json": builders.summary("random_model", {"r2_above_control": negative})}
    assert outcomes(verdict("g: {from: random_model, measure: r2_above_control, at_least: 0}", bad))["g"] != "pass"


@pytest.mark.parametrize("name", ["r2", "dead_fraction"])
def test_a_measure_of_a_labs_own_kind_shows_no_divergence_by_its_name(name: str) -> None:
    table = f"schema: gatekit.kind/1\nmeasures:\n  {name}: {{direction: higher, range: [-10, 1]}}\n"
    kinds = Kinds([parse_kind(table.encode(), "kinds/weak_labels.yaml")])
    document = builders.summary("random_model", {"r2": [-0.05, 0.02, 0.04, 0.03, 1.0]})
    document["kind"] = "weak_labels"
    document["protocol"]["baseline"] = {"kind": "none", "subject": None}
    document["measurements"] = {name: {**document["measurements"]["r2"], "range": [-10, 1], "unit": "1"}}
    summary = parse_summary(json.dumps(document).encode(), "evidence/a.json", kinds)
    assert summary.status == "ok"
    text = f"schema: gatekit.policy/1\nid: p\ngates: {{g: {{from: weak_labels, measure: {name}, at_least: -1}}}}\n"
    judged = evaluate([parse_policy(text.encode(), "policies/p.yaml", kinds)], [summary], NOW)
    assert outcomes(judged)["g"] == "pass"
