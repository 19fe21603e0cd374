"""Who is ranked, in which order, and what keeps a candidate from being ranked."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import builders
import pytest
from candidates import pools
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.candidates import CandidateStatus
from gatekit.exit_codes import ExitCode
from gatekit.policy.lint import z_ceiling

POINTS = pools.POLICY.replace("weight: 2}", "weight: 2, use: point}").replace("best: 1.0}", "best: 1.0, use: point}")
"""Estimates instead of bounds, so that scores can be read off."""


def test_a_score_is_the_bound_on_the_fixed_scale() -> None:
    topk = pools.one(pools.choose(pools.evidence(topk={"r2": 0.8, "spread": 0.01})), "topk")
    r2 = next(value for value in topk.values if value.rule.measure.name == "r2")
    bound = pools.student_lower([0.78, 0.79, 0.8, 0.81, 0.82])
    assert r2.value == pytest.approx(bound, abs=1e-12)
    assert r2.estimate == pytest.approx(0.8)
    assert r2.score == pytest.approx((bound - 0.5) / 0.5, abs=1e-12)


def test_the_score_of_a_candidate_is_the_weighted_mean() -> None:
    selected = pools.choose(pools.evidence(topk={"auc": 0.85, "r2": 0.8}), POINTS)
    # AUC is 0.1 below the probe: half way up from -0.2 to 0, weight 2; r2 is 0.6 of the way from 0.5 to 1.
    assert pools.one(selected, "topk").score == pytest.approx((2 * 0.5 + 0.6) / 3)


def test_for_a_measure_where_lower_is_better_the_upper_bound_is_scored() -> None:
    text = pools.POLICY.replace(
        "- {from: random_model, measure: r2, worst: 0.5, best: 1.0}",
        "- {from: random_model, measure: dead_fraction, worst: 0.2, best: 0.0}",
    )
    documents = pools.evidence(topk={})
    dead = [0.04, 0.045, 0.05, 0.055, 0.06]
    documents["topk-random_model.json"]["measurements"]["dead_fraction"]["columns"]["candidate"] = dead
    value = pools.one(pools.choose(documents, text), "topk").values[1]
    assert value.value == pytest.approx(0.1 - pools.student_lower([0.1 - d for d in dead]), abs=1e-12)
    assert value.score == pytest.approx((0.2 - (value.value or 0)) / 0.2)


def test_the_higher_score_is_selected() -> None:
    selected = pools.choose(pools.evidence(topk={"auc": 0.90}, relu={"auc": 0.92}, jumprelu={"auc": 0.88}))
    assert pools.names(selected) == ["relu", "topk", "jumprelu"]
    assert [c.standing for c in selected.candidates] == [
        CandidateStatus.SELECTED,
        CandidateStatus.RANKED,
        CandidateStatus.RANKED,
    ]
    assert selected.code is ExitCode.PASS


def test_a_value_outside_the_scale_counts_as_its_end_and_is_marked() -> None:
    selected = pools.choose(pools.evidence(topk={"auc": 0.99}, relu={"auc": 0.70}), POINTS)
    for name, score in (("topk", 1.0), ("relu", 0.0)):
        value = pools.one(selected, name).values[0]
        assert (value.score, value.clamped) == (score, True)


def test_a_difference_of_exactly_zero_is_a_value() -> None:
    selected = pools.choose(pools.evidence(topk={"auc": pools.PROBE, "auc_varies": False}, relu={"auc": 0.90}), POINTS)
    value = pools.one(selected, "topk").values[0]
    assert (value.value, value.reason) == (0.0, None)
    assert pools.names(selected) == ["topk", "relu"]


def test_a_dense_candidate_is_not_ranked_however_well_it_scores() -> None:
    selected = pools.choose(pools.evidence(topk={"auc": 0.85}, relu={"auc": 0.94, "l0": 650.0}))
    relu = pools.one(selected, "relu")
    assert pools.names(selected) == ["topk"]
    assert (relu.standing, relu.rank, relu.score) == (CandidateStatus.NOT_ELIGIBLE, None, None)
    assert relu.reasons == (
        "gate health fails: random_model.l0: the estimate does not meet the threshold (650, asked for at most 64)",
    )


def test_a_waiver_makes_nobody_eligible() -> None:
    waiver = 'waivers:\n  - {gate: health, owner: ada, reason: soon, expires: "2026-12-31"}\n'
    selected = pools.choose(pools.evidence(topk={"l0": 650.0}), pools.POLICY + waiver)
    assert pools.one(selected, "topk").standing is CandidateStatus.NOT_ELIGIBLE


def test_when_every_candidate_fails_a_gate_the_selection_is_blocked() -> None:
    selected = pools.choose(pools.evidence(topk={"l0": 650.0}, relu={"r2": 0.3}))
    assert (selected.winner, selected.code) == (None, ExitCode.BLOCKED)


def test_a_candidate_that_could_not_be_judged_leaves_the_question_open() -> None:
    documents = pools.evidence(topk={"l0": 650.0}, relu={})
    del documents["relu-random_model.json"]
    selected = pools.choose(documents)
    assert (selected.winner, selected.code) == (None, ExitCode.INCONCLUSIVE)
    assert "no random_model summary" in pools.one(selected, "relu").reasons[0]


def test_a_missing_value_is_named_and_never_scored() -> None:
    documents = pools.evidence(topk={}, relu={"auc": 0.94})
    del documents["relu-saebench.json"]
    relu = pools.one(pools.choose(documents), "relu")
    assert (relu.standing, relu.score) == (CandidateStatus.NOT_RANKED, None)
    assert relu.reasons == ("saebench.auc_delta: no saebench summary",)
    assert relu.values[0].score is None


def test_too_few_seeds_are_a_missing_value() -> None:
    documents = pools.evidence(topk={}) | pools.summaries("relu", seeds=(0, 1, 2), auc=0.94)
    text = pools.POLICY.replace("l0, at_most: 64}", "l0, at_most: 64, min_seeds: 3}")
    text = text.replace("r2, at_least: 0.5}", "r2, at_least: 0.5, min_seeds: 3}")
    text = text.replace("at_most: 0.2}", "at_most: 0.2, min_seeds: 3}")
    relu = pools.one(pools.choose(documents, text), "relu")
    assert relu.standing is CandidateStatus.NOT_RANKED
    assert "3 seeds; the policy needs 5" in relu.reasons[0]


def test_a_failed_run_is_a_missing_value() -> None:
    documents = pools.evidence(topk={}, relu={})
    documents["relu-saebench.json"] = builders.summary(
        "saebench", {}, status="failed", reason="out of memory", of=pools.subject("relu")
    )
    assert "out of memory" in pools.one(pools.choose(documents), "relu").reasons[0]


def test_stale_evidence_is_not_ranked() -> None:
    selected = pools.choose(pools.evidence(topk={}), now="2026-06-01T00:00:00Z")
    assert (selected.winner, selected.code) == (None, ExitCode.INCONCLUSIVE)


def test_another_tools_own_number_is_ranked_only_where_the_policy_says_so() -> None:
    documents = pools.evidence(topk={})
    documents["topk-saebench.json"] = builders.summary(
        "saebench", {"auc_delta": builders.reported(-0.05, -0.06, -0.04, 0.95, 5)}, of=pools.subject("topk")
    )
    assert "without observations" in pools.one(pools.choose(documents), "topk").reasons[0]
    allowed = pools.POLICY.replace("min_seeds: 5,", "min_seeds: 5, allow_reported: true,")
    assert pools.one(pools.choose(documents, allowed), "topk").values[0].value == -0.06


def test_equal_scores_select_nothing() -> None:
    selected = pools.choose(pools.evidence(topk={"l0": 32.0}, relu={"l0": 40.0}), POINTS)
    assert [(c.standing, c.rank) for c in selected.candidates] == [(CandidateStatus.TIED, 1)] * 2
    assert (selected.winner, selected.code) == (None, ExitCode.INCONCLUSIVE)


def test_a_tie_is_broken_by_the_declared_measurement() -> None:
    text = POINTS + "  ties:\n    - {from: random_model, measure: l0}\n"
    selected = pools.choose(pools.evidence(topk={"l0": 40.0}, relu={"l0": 32.0}), text)
    assert [(c.standing, c.rank) for c in selected.candidates] == [
        (CandidateStatus.SELECTED, 1),
        (CandidateStatus.RANKED, 2),
    ]
    assert pools.names(selected) == ["relu", "topk"]


def test_a_tie_below_the_first_place_shares_a_rank_and_does_not_matter() -> None:
    selected = pools.choose(pools.evidence(topk={"auc": 0.94}, relu={}, jumprelu={}, batchtopk={"auc": 0.7}), POINTS)
    assert [c.rank for c in selected.candidates] == [1, 2, 2, 4]
    assert selected.code is ExitCode.PASS


def test_the_front_holds_what_nothing_else_is_better_than() -> None:
    selected = pools.choose(
        pools.evidence(
            topk={"auc": 0.90, "r2": 0.80},
            relu={"auc": 0.88, "r2": 0.90},  # traded against topk
            jumprelu={"auc": 0.87, "r2": 0.79},  # worse than topk in both
            batchtopk={"auc": 0.90, "r2": 0.70},  # equal in one, worse in the other
        ),
        POINTS,
    )
    assert {c.subject.architecture for c in selected.candidates if c.on_front} == {"topk", "relu"}
    topk, relu = (pools.one(selected, name).subject.digest for name in ("topk", "relu"))
    assert set(pools.one(selected, "jumprelu").dominated_by) == {topk, relu}
    assert pools.one(selected, "batchtopk").dominated_by == (topk,)


def test_equal_candidates_are_both_on_the_front() -> None:
    selected = pools.choose(pools.evidence(topk={}, relu={}), POINTS)
    assert all(candidate.on_front for candidate in selected.candidates)


def test_the_front_is_taken_over_any_number_of_measurements() -> None:
    axes = "".join(f"    - {{from: random_model, measure: {name}}}\n" for name in ("r2", "l0", "dead_fraction"))
    text = POINTS + "  pareto:\n    - {from: saebench, measure: auc_delta}\n" + axes
    worse: dict[str, Any] = {"auc": 0.85, "r2": 0.75, "l0": 40.0, "dead": 0.1}
    better_in_one = {f"v{i}": {**worse, key: value} for i, (key, value) in enumerate(pools.DEFAULTS.items()) if i < 4}
    selected = pools.choose(pools.evidence(topk={}, relu=worse, **better_in_one), text)
    assert {c.subject.architecture for c in selected.candidates if c.on_front} == {"topk"}
    selected = pools.choose(pools.evidence(topk={}, relu={**worse, "l0": 31.0}), text)
    assert all(candidate.on_front for candidate in selected.candidates)


def test_five_sets_of_hyper_parameters_under_one_name_are_five_candidates() -> None:
    runs = {f"routed_topk-{i}": {"auc": 0.88 + i / 100} for i in range(5)}
    selected = pools.choose(pools.evidence(**runs), POINTS)
    assert pools.names(selected) == ["routed_topk"] * 5
    assert len({c.subject.digest for c in selected.candidates}) == 5
    assert [c.score for c in selected.candidates] == sorted((c.score for c in selected.candidates), reverse=True)


def test_every_candidate_counts_for_the_price_of_the_choice() -> None:
    documents = pools.evidence(topk={}, relu={"l0": 650.0}, jumprelu={"auc": 0.88})
    assert pools.choose(documents).compared == 3


def test_a_candidate_that_was_already_the_best_of_seven_counts_seven_times() -> None:
    swept = {"selection": {"candidates": 7, "seeds": [0, 1, 2, 3, 4]}}
    unsaid = {"selection": {"candidates": 7, "seeds": []}}
    apart = {"selection": {"candidates": 7, "seeds": [90, 91]}}
    for changes in (swept, unsaid):
        documents = pools.evidence(topk={}, relu={"saebench": changes})
        assert pools.choose(documents, pools.POLICY).compared == 8
    documents = pools.evidence(topk={}, relu={"saebench": apart})
    assert pools.choose(documents, pools.POLICY).compared == 2


def test_a_threshold_that_a_narrow_sae_cannot_reach_disqualifies_that_sae_alone() -> None:
    ceiling = z_ceiling(64)
    gate = f"  width: {{from: cebench, measure: interpretability, at_least: {ceiling + 1}}}\n"
    text = pools.POLICY.replace("selection:\n", gate + "selection:\n").replace("[health, alive]", "[health, width]")
    rows = 20
    documents = {}
    for name, d_sae in (("topk", 4096), ("relu", 64)):
        own = pools.subject(name, d_sae=d_sae)
        score = builders.around(ceiling + 2.0 if d_sae > 64 else 3.0, 0.1, rows)
        health = {"r2": builders.around(0.8, 0.01, 5), "l0": [32.0] * 5, "dead_fraction": [0.05] * 5}
        auc = (builders.around(0.9, 0.01, 15), [0.95] * 15)
        documents[f"{name}-a.json"] = builders.summary("random_model", health, of=own)
        documents[f"{name}-b.json"] = builders.summary("saebench", {"auc_delta": auc}, of=own)
        documents[f"{name}-c.json"] = builders.summary("cebench", {"interpretability": score}, of=own)
    selected = pools.choose(documents, text)
    assert pools.names(selected) == ["topk"]
    assert any("cannot exceed" in reason for reason in pools.one(selected, "relu").reasons)


def test_the_subject_filter_of_the_policy_says_who_is_a_candidate() -> None:
    text = pools.POLICY.replace("gates:", "subject: {architecture: topk}\ngates:", 1)
    selected = pools.choose(pools.evidence(topk={}, relu={"auc": 0.94}), text)
    assert (pools.names(selected), selected.compared) == (["topk"], 1)


VALUES = st.fixed_dictionaries(
    {
        "auc": st.sampled_from([0.70, 0.85, 0.88, 0.90, 0.97]),
        "r2": st.sampled_from([0.45, 0.7, 0.8, 0.9]),
        "l0": st.sampled_from([16.0, 32.0, 300.0]),
        "spread": st.sampled_from([0.0, 0.002, 0.01]),
    }
)


@settings(max_examples=20, deadline=None)
@given(
    pool=st.lists(VALUES, min_size=2, max_size=5),
    use=st.sampled_from([pools.POLICY, POINTS]),
    tie=st.booleans(),
)
def test_removing_candidates_never_changes_the_order_or_the_scores_of_the_others(
    pool: list[dict[str, float]], use: str, tie: bool
) -> None:
    text = use + "  ties:\n    - {from: random_model, measure: l0}\n" * tie
    candidates = {f"c{i}": values for i, values in enumerate(pool)}

    def standings(names: tuple[str, ...]) -> dict[str, tuple[int | None, float | None, bool]]:
        chosen = pools.choose(pools.evidence(**{name: candidates[name] for name in names}), text)
        assert chosen.errors == ()
        return {c.subject.architecture: (c.rank, c.score, bool(c.reasons)) for c in chosen.candidates}

    whole = standings(tuple(candidates))
    for left in combinations(candidates, len(candidates) - 1):
        part = standings(left)
        assert {name: (score, out) for name, (_, score, out) in part.items()} == {
            name: whole[name][1:] for name in left
        }
        ranked = [name for name in left if whole[name][0] is not None]
        for a, b in combinations(ranked, 2):
            before = (whole[a][0] or 0) - (whole[b][0] or 0)
            after = (part[a][0] or 0) - (part[b][0] or 0)
            assert (before > 0, before < 0) == (after > 0, after < 0)


SPARSE_ONLY = """\
schema: gatekit.policy/1
id: choose
defaults: {confidence: 0.95, min_seeds: 5}
gates:
  external: {from: saebench, measure: auc_delta, at_least: -0.1}
selection:
  eligibility: [external]
  scores:
    - {from: saebench, measure: auc_delta, worst: -0.2, best: 0.0}
"""


def test_a_candidate_that_a_file_the_selection_does_not_read_shows_to_have_diverged_is_not_eligible() -> None:
    healthy = pools.choose(pools.evidence(topk={"auc": 0.93}, relu={"auc": 0.91}), SPARSE_ONLY)
    assert pools.names(healthy) == ["topk", "relu"]
    chosen = pools.choose(pools.evidence(topk={"auc": 0.93, "r2": -3.0}, relu={"auc": 0.91}), SPARSE_ONLY)
    assert pools.names(chosen) == ["relu"]
    assert "diverged" in pools.one(chosen, "topk").reasons[0]
    assert "evidence/topk-random_model.json" in [summary.path for summary in chosen.evidence]
