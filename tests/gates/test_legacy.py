"""The legacy policy gives HUSAI's recorded verdicts from its own files; the strict policy accepts none of them.

The numbers are those that the reference system recorded in its release_policy.json files.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import builders
import pytest

from gatekit.evidence import contradictions
from gatekit.evidence.adapters import ImportOptions, import_summaries
from gatekit.evidence.checks import check_document
from gatekit.evidence.parsed_summary import summary_from
from gatekit.evidence.schemas import check_summary
from gatekit.evidence.strict_json import parse_json
from gatekit.evidence.summary import Summary
from gatekit.evidence.times import parse_time
from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import BoundedEstimate, CombinedResult, Outcome, ThresholdResult, Verdict
from gatekit.policy import read_policy

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "husai"
NOW = parse_time(builders.NOW)

CYCLE4 = "cycle4_followups_run_20260215T190004Z"
CYCLE5 = "cycle5_external_push_run_20260215T232351Z"
SWEEP = f"{CYCLE4}/transcoder_sweep/results.json"
FRONTIER = "cycle3_queue_final/frontier_multiseed_results_run_20260214T202538Z.json"
"""Where the selected candidate was trained: model, width, matched baseline."""
RUNS = {
    "RP1": [
        "phase4e_stress_gated_release/run_20260213T204120Z_release_policy.json",
        "phase4b_architecture_frontier_external/run_20260213T173707Z_topk_saebench_summary.json",
    ],
    "RP4": [
        f"{CYCLE4}/release_gate/release_policy.json",
        f"{CYCLE4}/selector/selected_candidate.json",
        f"{CYCLE4}/ood/ood_stress_summary.json",
        SWEEP,
    ],
    "RP6": [
        f"{CYCLE5}/release/release_policy.json",
        f"{CYCLE5}/selector/selected_candidate.json",
        f"{CYCLE5}/ood/ood_stress_summary.json",
        SWEEP,
    ],
}
FINISHED = {"RP4": "2026-02-15T19:11:37Z", "RP6": "2026-02-16T01:48:20Z"}


def imported(run: str) -> list[Summary]:
    """The run's input files, imported as `gatekit import husai` does."""
    # The selector's output does not say when it was made; the release that read it does.
    context = (str(DATA / FRONTIER),) if run in FINISHED else ()
    options = ImportOptions(finished=FINISHED.get(run), context=context)
    summaries = []
    for name, data in import_summaries("husai", [str(DATA / file) for file in RUNS[run]], options).items():
        parsed = parse_json(data, name)
        table = check_summary(parsed.value, name)
        check_document(parsed.value, name, table)
        summaries.append(summary_from(parsed.value, name, parsed.sha256, table))
    assert contradictions(summaries) == []
    return summaries


def recorded(run: str) -> dict:
    return json.loads((DATA / RUNS[run][0]).read_text())


def judged(run: str, policy: str) -> Verdict:
    folder = "examples" if policy == "husai-legacy" else "policies"
    read = replace(read_policy(str(ROOT / folder / f"{policy}.yaml")), evidence=())
    return evaluate([read], imported(run), NOW)


def passes(verdict: Verdict) -> dict[str, bool]:
    return {gate.name: gate.outcome is Outcome.PASS for gate in verdict.policies[0].gates}


def measured(result, measure: str) -> BoundedEstimate | None:
    """The numbers of the first judged threshold on a measure."""
    if isinstance(result, CombinedResult):
        found = [measured(child, measure) for child in result.children]
        return next((m for m in found if m is not None), None)
    return result.measured if result.effect.measure == measure else None


def numbers(verdict: Verdict, gate: str, measure: str) -> BoundedEstimate:
    result = next(g.result for g in verdict.policies[0].gates if g.name == gate)
    found = measured(result, measure)
    assert found is not None
    return found


@pytest.mark.parametrize("run", RUNS)
def test_the_legacy_policy_gives_the_recorded_gates(run: str) -> None:
    verdict = judged(run, "husai-legacy")
    gates = recorded(run)["gates"]
    now = passes(verdict)
    for name in ("random_model", "transcoder", "ood", "external"):
        assert now[name] == gates[name], name
    assert verdict.errors == ()
    # --fail-on-gate-fail exited 2 for a verdict that did not pass.
    assert (verdict.code == 0) == gates["pass_all"]
    assert verdict.code == 2


@pytest.mark.parametrize("run", ["RP4", "RP6"])
def test_the_legacy_policy_shows_the_recorded_metrics(run: str) -> None:
    verdict = judged(run, "husai-legacy")
    metrics = recorded(run)["metrics"]
    gates = recorded(run)["gates"]
    random_model = numbers(verdict, "random_model", "mmcs_above_gaussian")
    assert random_model.estimate == metrics["trained_random_delta"]
    assert random_model.lower == metrics["trained_random_delta_lcb"]
    assert numbers(verdict, "transcoder", "mmcs_transcoder_minus_sae").estimate == metrics["transcoder_delta"]
    assert numbers(verdict, "ood", "auc_drop_above_baseline").estimate == metrics["ood_drop"]
    # The reference overwrote its own means by the bounds, so every one of its names holds the bound.
    saebench = numbers(verdict, "external", "auc_delta")
    for name in ("external_delta", "saebench_delta", "saebench_delta_ci95_low", "external_gate_saebench_value"):
        assert saebench.lower == metrics[name], name
    cebench = numbers(verdict, "external", "interpretability_delta")
    delta = "cebench_interp_delta_vs_baseline"
    for name in (delta, f"{delta}_ci95_low", "external_gate_cebench_value"):
        assert cebench.lower == metrics[name], name
    assert saebench.estimate > saebench.lower
    now = passes(verdict)
    assert now["external_saebench_lcb"] == gates["external_saebench"]
    assert now["external_cebench_lcb"] == gates["external_cebench"]
    external = next(g.result for g in verdict.policies[0].gates if g.name == "external")
    # Mode "joint" with basis "lcb": the first alternative decides.
    assert "alternative 1 of 4" in external.reason


def test_rp1_falls_back_to_the_one_number_it_has() -> None:
    verdict = judged("RP1", "husai-legacy")
    metrics = recorded("RP1")["metrics"]
    assert numbers(verdict, "random_model", "mmcs_above_gaussian").lower == metrics["trained_random_delta_lcb"]
    external = next(g.result for g in verdict.policies[0].gates if g.name == "external")
    assert isinstance(external, CombinedResult)
    assert "alternative 3 of 4" in external.reason
    decided = external.children[2]
    assert isinstance(decided, ThresholdResult)
    assert decided.measured is not None
    assert decided.measured.estimate == metrics["external_delta"] == -0.1328355796129408
    assert all(g.outcome is Outcome.INCONCLUSIVE for g in verdict.policies[0].gates if g.name in ("transcoder", "ood"))


@pytest.mark.parametrize("run", RUNS)
def test_no_recorded_pass_survives_the_strict_policy(run: str) -> None:
    verdict = judged(run, "release")
    assert verdict.code not in (0, 2)
    for gate in verdict.policies[0].gates:
        assert gate.outcome is not Outcome.PASS
        # Gate by gate, in a sentence: another model, a number without observations, or nothing at all.
        assert _reasons(gate.result)


@pytest.mark.parametrize(("run", "gate"), [("RP4", "ood"), ("RP6", "ood"), ("RP4", "external"), ("RP6", "external")])
def test_the_strict_policy_on_one_subject_says_that_the_number_is_self_reported(run: str, gate: str) -> None:
    # Even when only the candidate's own files are given, so that subjects do not differ.
    kinds = {"ood": {"ood"}, "external": {"saebench", "cebench"}}[gate]
    summaries = [s for s in imported(run) if s.kind in kinds]
    release = replace(read_policy(str(ROOT / "policies" / "release.yaml")), evidence=())
    verdict = evaluate([release], summaries, NOW)
    result = next(g.result for g in verdict.policies[0].gates if g.name == gate)
    assert any("without observations" in reason or "old" in reason for reason in _reasons(result))


def _reasons(result) -> list[str]:
    if isinstance(result, CombinedResult):
        return [reason for child in result.children for reason in _reasons(child)]
    assert result.outcome is not Outcome.PASS
    return [result.reason]
