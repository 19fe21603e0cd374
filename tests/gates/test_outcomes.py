"""A gate passes when a confidence bound meets its threshold on enough fresh seeds of one subject, and not otherwise."""

from __future__ import annotations

from datetime import UTC, datetime

import builders
import pytest
from judging import outcomes, verdict, why
from scipy import stats

from gatekit.exit_codes import ExitCode

R2 = [0.80, 0.82, 0.78, 0.81, 0.79]
GATE = "g: {from: random_model, measure: r2, at_least: %s}"


def random_model(**observations):
    return {"random_model.json": builders.summary("random_model", observations)}


def lower_bound(values, confidence=0.95):
    """scipy's one-sided bound, the independent source of the expected numbers."""
    result = stats.ttest_1samp(values, 0.0, alternative="greater")
    return float(result.confidence_interval(confidence).low)


def test_the_lower_bound_and_not_the_estimate_is_compared() -> None:
    low = lower_bound(R2)
    assert outcomes(verdict(GATE % (low - 1e-9), random_model(r2=R2))) == {"g": "pass"}
    judged = verdict(GATE % (low + 1e-9), random_model(r2=R2))
    assert (outcomes(judged), judged.code) == ({"g": "fail"}, ExitCode.BLOCKED)
    assert judged.policies[0].gates[0].result.measured.lower == pytest.approx(low, abs=1e-12)
    assert sum(R2) / 5 > low + 1e-9


def test_at_most_compares_the_upper_bound() -> None:
    dead = [0.10, 0.12, 0.08, 0.11, 0.09]
    upper = float(stats.ttest_1samp(dead, 0.0, alternative="less").confidence_interval(0.95).high)
    rule = "g: {from: random_model, measure: dead_fraction, at_most: %r}"
    assert outcomes(verdict(rule % (upper + 1e-9), random_model(dead_fraction=dead))) == {"g": "pass"}
    assert outcomes(verdict(rule % (upper - 1e-9), random_model(dead_fraction=dead))) == {"g": "fail"}


def test_between_needs_both_bounds_inside() -> None:
    rule = "g: {from: random_model, measure: r2, between: [%s, %s]}"
    low = lower_bound(R2)
    high = 1.6 - low
    for limits, outcome in (
        ((low - 0.001, high + 0.001), "pass"),
        ((low + 0.001, 0.9), "fail"),
        ((0.5, high - 0.001), "fail"),
    ):
        assert outcomes(verdict(rule % limits, random_model(r2=R2))) == {"g": outcome}


def test_a_threshold_met_exactly_passes() -> None:
    rule = "g: {from: random_model, measure: l0, at_most: 32}"
    assert outcomes(verdict(rule, random_model(l0=[32.0] * 5))) == {"g": "pass"}


def test_a_point_estimate_is_compared_only_when_written_out_and_is_shown() -> None:
    judged = verdict("g: {from: random_model, measure: r2, at_least: 0.8, bound: point}", random_model(r2=R2))
    result = judged.policies[0].gates[0].result
    assert (outcomes(judged), result.bound) == ({"g": "pass"}, "point")
    assert outcomes(verdict(GATE % 0.8, random_model(r2=R2))) == {"g": "fail"}


def test_higher_confidence_asks_for_more() -> None:
    limit = (lower_bound(R2, 0.95) + lower_bound(R2, 0.99)) / 2
    assert outcomes(verdict(GATE % limit, random_model(r2=R2))) == {"g": "pass"}
    assert outcomes(verdict(GATE % f"{limit}, confidence: 0.99", random_model(r2=R2))) == {"g": "fail"}


def test_a_pair_design_is_bounded_from_seeds_not_pairs() -> None:
    # Seed 0 disagrees with everyone: four of ten pairs are low, which is one seed's doing and not four pairs'.
    pairs = [0.5, 0.5, 0.5, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
    naive = lower_bound(pairs)
    judged = verdict("g: {from: random_model, measure: pw_mcc, at_least: 0.0}", random_model(pw_mcc=pairs))
    measured = judged.policies[0].gates[0].result.measured
    assert measured.estimate == pytest.approx(0.74)
    assert (measured.n_seeds, measured.n_observations) == (5, 10)
    assert measured.lower < naive - 0.1


def test_too_few_seeds_are_inconclusive_even_for_a_point() -> None:
    few = {"a.json": builders.summary("random_model", {"r2": [0.8, 0.81, 0.79]}, seeds=(0, 1, 2))}
    for rule in (GATE % 0.5, GATE % "0.5, bound: point"):
        judged = verdict(rule, few)
        assert (outcomes(judged), why(judged, "g"), judged.code) == ({"g": "inconclusive"}, "too_few_seeds", 3)
    assert outcomes(verdict(GATE % "0.5, min_seeds: 3", few)) == {"g": "pass"}


def test_one_seed_has_no_bound() -> None:
    one = {"a.json": builders.summary("random_model", {"r2": [0.8]}, seeds=(0,))}
    judged = verdict(GATE % "0.5, min_seeds: 1", one)
    assert (outcomes(judged), why(judged, "g")) == ({"g": "inconclusive"}, "no_bound")


def test_observations_whose_squares_vanish_have_no_bound() -> None:
    judged = verdict(GATE % "-0.5", random_model(r2=[0.0, 1e-170, 0.0, 0.0, 0.0]))
    assert (outcomes(judged), why(judged, "g"), judged.code) == ({"g": "inconclusive"}, "no_bound", 3)


def test_stale_evidence_is_inconclusive_and_the_last_hour_still_counts() -> None:
    rule = GATE % "0.5, max_age: 24h"
    assert outcomes(verdict(rule, random_model(r2=R2))) == {"g": "pass"}
    old = {"a.json": builders.summary("random_model", {"r2": R2}, finished="2026-03-01T11:59:59Z")}
    judged = verdict(rule, old)
    assert (outcomes(judged), why(judged, "g"), judged.code) == ({"g": "inconclusive"}, "stale", 3)


def test_evidence_from_the_future_is_refused() -> None:
    for finished, code in (("2026-03-02T12:10:00Z", 0), ("2026-03-02T12:10:01Z", 4)):
        judged = verdict(GATE % 0.5, {"a.json": builders.summary("random_model", {"r2": R2}, finished=finished)})
        assert judged.code == code


def test_the_last_time_that_can_be_written_is_judged_like_any_other() -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    judged = verdict(GATE % "0.5, max_age: 24h", random_model(r2=R2), now=last)
    assert (why(judged, "g"), judged.code) == ("stale", 3)


def test_a_failed_run_is_inconclusive_and_says_why() -> None:
    failed = builders.summary("random_model", {}, status="failed", reason="out of memory")
    judged = verdict(GATE % 0.5, {"a.json": failed})
    assert (why(judged, "g"), judged.code) == ("run_failed", 3)
    assert "out of memory" in judged.policies[0].gates[0].result.reason


def test_reported_numbers_need_the_policy_to_allow_them() -> None:
    reported = random_model(r2=builders.reported(0.8, lower=0.7, confidence=0.975, n_seeds=5))
    judged = verdict(GATE % 0.5, reported)
    assert (outcomes(judged), why(judged, "g"), judged.code) == ({"g": "inconclusive"}, "self_reported", 3)
    allowed = verdict(GATE % "0.5, allow_reported: true", reported)
    result = allowed.policies[0].gates[0].result
    assert (outcomes(allowed), result.self_reported) == ({"g": "pass"}, True)
    assert outcomes(verdict(GATE % "0.75, allow_reported: true", reported)) == {"g": "fail"}


def test_a_reported_bound_must_hold_at_the_policys_confidence() -> None:
    weak = random_model(r2=builders.reported(0.8, lower=0.7, confidence=0.9, n_seeds=5))
    assert why(verdict(GATE % "0.5, allow_reported: true", weak), "g") == "no_bound"
    none = random_model(r2=builders.reported(0.8, n_seeds=5))
    assert why(verdict(GATE % "0.5, allow_reported: true", none), "g") == "no_bound"


def test_reported_numbers_without_a_seed_count_count_as_one_seed() -> None:
    unknown = random_model(r2=builders.reported(0.8, lower=0.7, confidence=0.975))
    assert why(verdict(GATE % "0.5, allow_reported: true", unknown), "g") == "too_few_seeds"
    assert outcomes(verdict(GATE % "0.5, allow_reported: true, min_seeds: 1", unknown)) == {"g": "pass"}


def test_two_subjects_are_inconclusive_until_the_policy_names_one() -> None:
    other = builders.subject(d_sae=8192)
    evidence = {
        "a.json": builders.summary("random_model", {"r2": R2}),
        "b.json": builders.summary("random_model", {"r2": R2}, of=other),
    }
    judged = verdict(GATE % 0.5, evidence)
    assert (outcomes(judged), why(judged, "g"), judged.code) == ({"g": "inconclusive"}, "several_subjects", 3)
    named = "subject: {d_sae: 8192}\ngates:\n  " + GATE % 0.5 + "\n"
    assert outcomes(verdict(named, evidence)) == {"g": "pass"}


def test_one_sae_under_two_digests_is_told_with_the_command_that_names_it() -> None:
    other = builders.subject()
    other["checkpoints"][2]["sha256"] = "0" * 64
    evidence = {
        "a.json": builders.summary("random_model", {"r2": R2}),
        "b.json": builders.summary("ood", {"auc_drop": [0.01] * 15}, of=other),
    }
    judged = verdict(f"{GATE % 0.5}\no: {{from: ood, measure: auc_drop, at_most: 0.1}}", evidence)
    assert judged.code == 3
    (said,) = {gate.result.reason for policy in judged.policies for gate in policy.gates}
    seed = other["checkpoints"][2]["seed"]
    assert f"seed {seed} of {other['model']['name']} has the checkpoints 000000000000 and " in said
    assert "take the sha256 that `gatekit digest SAE` prints" in said


def test_gates_on_different_subjects_do_not_add_up_to_a_pass() -> None:
    # D18: the control was measured on one model, the candidate is another.
    evidence = {
        "a.json": builders.summary("random_model", {"r2": R2}),
        "b.json": builders.summary("ood", {"auc_drop": [0.01] * 15}, of=builders.subject(model="another")),
    }
    policy = f"{GATE % 0.5}\no: {{from: ood, measure: auc_drop, at_most: 0.1}}"
    judged = verdict(policy, evidence)
    assert (set(outcomes(judged).values()), judged.code) == ({"inconclusive"}, 3)


def test_another_subject_than_the_named_one_is_inconclusive() -> None:
    judged = verdict("subject: {hook: blocks.9.hook_resid_post}\ngates:\n  " + GATE % 0.5 + "\n", random_model(r2=R2))
    assert (why(judged, "g"), judged.code) == ("another_subject", 3)


def test_the_models_name_does_not_make_another_subject_but_its_digest_does() -> None:
    renamed = builders.subject()
    renamed["model"]["name"] = "local-folder/Pythia_70m"
    evidence = {
        "a.json": builders.summary("random_model", {"r2": R2}),
        "b.json": builders.summary("ood", {"auc_drop": builders.around(0.01, 0.005, 15)}, of=renamed),
    }
    policy = f"{GATE % 0.5}\no: {{from: ood, measure: auc_drop, at_most: 0.1}}"
    assert verdict(policy, evidence).code == 0
    renamed["model"]["digest"] = "0" * 64
    assert verdict(policy, evidence).code == 3


def test_two_protocols_are_never_averaged() -> None:
    # D7: eight datasets against sixteen.
    fewer = builders.summary("saebench", {"auc_delta": (builders.around(0.9, 0.01, 10), [0.8] * 10)})
    more = builders.summary("saebench", {"auc_delta": ([0.7] * 15, [0.8] * 15)})
    rule = "g: {from: saebench, measure: auc_delta, at_least: 0.0}"
    judged = verdict(rule, {"a.json": fewer, "b.json": more})
    assert (outcomes(judged), why(judged, "g"), judged.code) == ({"g": "inconclusive"}, "several_protocols", 3)
    more["protocol"]["name"] = "saebench/16"
    named = rule.replace("at_least: 0.0", "at_least: 0.0, protocol: saebench/1")
    assert outcomes(verdict(named, {"a.json": fewer, "b.json": more})) == {"g": "pass"}


def test_contradicting_summaries_are_refused_and_both_are_named() -> None:
    # D3: the same checkpoints and protocol with two results.
    worse = builders.summary("random_model", {"r2": [r - 0.1 for r in R2]})
    judged = verdict(GATE % 0.5, {"a.json": builders.summary("random_model", {"r2": R2}), "b.json": worse})
    assert judged.code == 4
    assert [e.error_id for e in judged.errors] == ["summary.contradiction"]
    assert "a.json" in str(judged.errors[0])
    assert "b.json#/measurements/r2" in str(judged.errors[0])


def test_a_repeated_run_with_equal_observations_is_no_contradiction_and_refreshes_the_age() -> None:
    again = builders.summary("random_model", {"r2": R2}, finished="2026-03-02T11:00:00Z")
    judged = verdict(
        GATE % "0.5, max_age: 2h", {"a.json": builders.summary("random_model", {"r2": R2}), "b.json": again}
    )
    assert (judged.code, judged.policies[0].gates[0].result.evidence.path) == (0, "b.json")


def test_a_candidate_selected_on_the_same_or_on_unnamed_seeds_pays_for_the_choice() -> None:
    limit = (lower_bound(R2, 0.95) + lower_bound(R2, 1 - 0.05 / 8)) / 2
    chosen = {"selection": {"candidates": 8, "seeds": [0, 1, 2, 3, 4]}}
    unsaid = {"selection": {"candidates": 8, "seeds": []}}
    fresh = {"selection": {"candidates": 8, "seeds": [10, 11, 12]}}
    for changes, outcome in ((chosen, "fail"), (unsaid, "fail"), (fresh, "pass")):
        document = builders.summary("random_model", {"r2": R2}, protocol_changes=changes)
        judged = verdict(GATE % limit, {"a.json": document})
        assert outcomes(judged) == {"g": outcome}
    assert outcomes(verdict(GATE % f"{limit}, selected_from: 8", random_model(r2=R2))) == {"g": "fail"}


def test_a_waiver_excuses_without_passing() -> None:
    waiver = 'waivers: [{gate: g, owner: ann, reason: why, expires: "2026-04-01"}]\n'
    two = f"gates:\n  {GATE % 0.9}\n  h: {{from: random_model, measure: r2, at_least: 0.5}}\n"
    judged = verdict(waiver + two, random_model(r2=R2))
    assert (outcomes(judged), judged.code) == ({"g": "fail", "h": "pass"}, 0)
    assert judged.policies[0].gates[0].waiver.owner == "ann"
    alone = verdict(waiver + f"gates:\n  {GATE % 0.9}\n", random_model(r2=R2))
    assert alone.code == 3


def test_warned_and_optional_gates_never_decide() -> None:
    failing = GATE % "0.9, level: warn"
    optional = (GATE % "0.9, required: false").replace("g:", "h:")
    passing = (GATE % "0.5").replace("g:", "i:")
    assert verdict(f"{failing}\n{optional}\n{passing}", random_model(r2=R2)).code == 0
    assert verdict(f"{failing}\n{optional}", random_model(r2=R2)).code == 3


@pytest.mark.parametrize(
    ("operator", "limits", "outcome"),
    [
        ("all_of", (0.5, 0.5), "pass"),
        ("all_of", (0.5, 0.9), "fail"),
        ("any_of", (0.5, 0.9), "pass"),
        ("any_of", (0.9, 0.9), "fail"),
        ("all_of", (0.5, None), "inconclusive"),
        ("all_of", (0.9, None), "fail"),
        ("any_of", (0.5, None), "pass"),
        ("any_of", (0.9, None), "inconclusive"),
    ],
)
def test_rules_combine_in_three_values(operator: str, limits: tuple, outcome: str) -> None:
    rules = ["{from: ood, measure: auc_drop, at_most: 0.1}" if x is None else (GATE % x)[3:] for x in limits]
    assert outcomes(verdict(f"g: {{{operator}: [{', '.join(rules)}]}}", random_model(r2=R2))) == {"g": outcome}


def test_blocked_outranks_inconclusive_and_refused_outranks_both() -> None:
    policy = f"{GATE % 0.9}\nh: {{from: ood, measure: auc_drop, at_most: 0.1}}"
    assert verdict(policy, random_model(r2=R2)).code == 2
    assert verdict(policy, {**random_model(r2=R2), "b.json": b"{"}).code == 4


def test_advisory_changes_the_exit_code_of_blocked_and_inconclusive_only() -> None:
    for evidence, code, exit_code in ((random_model(r2=R2), 2, 0), ({}, 3, 0), ({"a.json": b"{"}, 4, 4)):
        judged = verdict(GATE % 0.9, evidence, advisory=True)
        assert (judged.code, judged.exit_code) == (code, exit_code)


def test_an_unreachable_threshold_is_a_fault_of_the_policy() -> None:
    # D1: 1,024 latents cannot score above 31.97; the baseline scored 47.95 with 32,768.
    narrow = builders.subject(d_sae=1024)
    scores = ([7.6] * 20, [47.95] * 20)
    evidence = {"a.json": builders.summary("cebench", {"interpretability_delta": scores}, of=narrow)}
    judged = verdict("g: {from: cebench, measure: interpretability_delta, at_least: 0.0}", evidence)
    assert (judged.code, judged.errors[0].error_id) == (4, "policy.infeasible")
    assert "-15.98" in judged.errors[0].message
    assert str(judged.errors[0].location).startswith("policies/p.yaml:4:")


def test_the_power_says_which_true_value_would_have_passed() -> None:
    measured = verdict(GATE % 0.5, random_model(r2=R2)).policies[0].gates[0].result.measured
    error = stats.sem(R2)
    shifted = stats.nct(4, measured.detectable / error)
    assert shifted.sf(stats.t.ppf(0.95, 4)) == pytest.approx(0.8, abs=1e-6)


def test_a_dirty_work_tree_is_noted() -> None:
    dirty = builders.summary("random_model", {"r2": R2}, producer_changes={"git": {"commit": None, "dirty": True}})
    assert "uncommitted" in verdict(GATE % 0.5, {"a.json": dirty}).policies[0].gates[0].result.notes[0]
