"""What gates pay for a choice that is told by selections, candidate files and evidence that was measured alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import pytest

from gatekit.candidates.finding_files import candidate_paths, parse_candidates
from gatekit.candidates.price import FREE, CandidatePools, ChoicePrice, paid
from gatekit.errors import GatekitError
from gatekit.evidence import Summary
from gatekit.evidence.reading import parse_summary
from gatekit.evidence.strict_json import SUMMARY_LIMITS, Document, parse_json
from gatekit.policy import Policy, parse_policy
from gatekit.policy.model import Threshold

POLICY = """\
schema: gatekit.policy/1
id: p
gates:
  r2: {from: random_model, measure: r2, at_least: 0.5}
  drop: {from: ood, measure: auc_drop, at_most: 0.1}
"""
SELECTION = """\
selection:
  eligibility: [r2]
  scores:
    - {from: random_model, measure: r2, worst: 0.0, best: 1.0}
"""
PLAIN = parse_policy(POLICY.encode(), "p.yaml")
SELECTING = parse_policy((POLICY + SELECTION).encode(), "p.yaml")
HEALTHY = POLICY.replace("gates:", "defaults: {min_seeds: 2}\ngates:")
APART = parse_policy((HEALTHY + SELECTION + "  seeds: {select: [0, 1], confirm: [2, 3, 4]}\n").encode(), "p.yaml")


def subject(tag: str, r2: tuple[float, ...] = (0.8, 0.81, 0.82, 0.83, 0.84), **changes: Any) -> Summary:
    checkpoints = [{"seed": seed, "sha256": builders.digest(f"{tag} {seed}")} for seed in builders.SEEDS]
    of = builders.subject(checkpoints=checkpoints, **changes)
    document = builders.summary("random_model", {"r2": list(r2)}, of=of)
    return parse_summary(json.dumps(document).encode(), f"evidence/{tag}.json")


ONE, TWO, WIDE = subject("one"), subject("two"), subject("wide", d_sae=8192)


def listing(*summaries: Summary, stated: int | None = None, confirm: list[int] | None = None) -> Document:
    value: dict[str, Any] = {
        "candidates": [{"subject_digest": summary.subject.digest, "outcome": "ranked"} for summary in summaries],
        "selection": {"candidates": stated or len(summaries), "seeds": []},
        "policy": {"id": "p"},
        "confirmation": None if confirm is None else {"seeds": confirm},
    }
    return parse_json(json.dumps(value).encode(), "candidate.json", SUMMARY_LIMITS)


def rule(policy: Policy, name: str) -> Threshold:
    found = next(gate.rule for gate in policy.gates if gate.name == name)
    assert isinstance(found, Threshold)
    return found


def test_a_subject_that_nothing_compares_pays_nothing() -> None:
    assert CandidatePools([PLAIN], [ONE, TWO, WIDE], []).price(PLAIN, [ONE], alike=False) == FREE


def test_a_selection_compares_everything_that_its_policy_is_about() -> None:
    assert CandidatePools([SELECTING], [ONE, TWO, WIDE], []).price(SELECTING, [ONE], alike=False).candidates == 3


def test_the_selection_of_another_policy_is_no_matter() -> None:
    other = replace(SELECTING, id="other")
    assert CandidatePools([PLAIN, other], [ONE, TWO, WIDE], []).price(PLAIN, [ONE], alike=False) == FREE


def test_measured_alike_are_subjects_of_one_shape() -> None:
    assert CandidatePools([PLAIN], [ONE, TWO, WIDE], []).price(PLAIN, [ONE], alike=True).candidates == 2


def test_the_same_subject_at_more_seeds_is_no_other_candidate() -> None:
    more = builders.subject(checkpoints=[{"seed": c.seed, "sha256": c.sha256} for c in ONE.subject.checkpoints[:3]])
    fewer = builders.summary("random_model", {"r2": [0.8, 0.81, 0.82]}, seeds=(0, 1, 2), of=more)
    part = parse_summary(json.dumps(fewer).encode(), "evidence/part.json")
    assert CandidatePools([PLAIN], [ONE, part], []).price(PLAIN, [ONE], alike=True) == FREE


def test_a_file_counts_those_that_it_lists_and_those_that_it_says_there_were() -> None:
    assert CandidatePools([PLAIN], [ONE], [listing(ONE, TWO)]).price(PLAIN, [ONE], alike=False).candidates == 2
    assert (
        CandidatePools([PLAIN], [ONE], [listing(ONE, TWO, stated=7)]).price(PLAIN, [ONE], alike=False).candidates == 7
    )
    assert CandidatePools([PLAIN], [ONE], [listing(TWO, WIDE)]).price(PLAIN, [ONE], alike=False) == FREE


def test_who_is_told_by_several_counts_once() -> None:
    pools = CandidatePools([SELECTING], [ONE, TWO, WIDE], [listing(ONE, TWO)])
    assert pools.price(SELECTING, [ONE], alike=True).candidates == 3


def test_of_several_subjects_nothing_is_judged_and_nothing_paid() -> None:
    assert CandidatePools([SELECTING], [ONE, TWO], []).price(SELECTING, [ONE, TWO], alike=True) == FREE


def test_seeds_that_selected_nothing_are_judged_at_the_plain_confidence() -> None:
    worse = subject("worse", (0.7, 0.71, 0.72, 0.73, 0.74))
    pools = CandidatePools([APART], [ONE, worse], [listing(ONE, worse, confirm=[2, 3, 4])])
    price = pools.price(APART, [ONE], alike=True)
    assert price == ChoicePrice(2, 1, (2, 3, 4))
    policy, judged = paid(price, APART, [ONE])
    assert [summary.protocol.seeds for summary in judged] == [(2, 3, 4)]
    assert (rule(policy, "r2").selected_from, rule(policy, "drop").selected_from) == (1, 2)


def test_confirmation_seeds_are_free_only_of_whom_the_selection_chooses() -> None:
    better = subject("better", (0.90, 0.91, 0.82, 0.83, 0.84))
    pools = CandidatePools([APART], [ONE, better], [listing(ONE, better, confirm=[2, 3, 4])])
    assert pools.price(APART, [better], alike=True) == ChoicePrice(2, 1, (2, 3, 4))
    assert pools.price(APART, [ONE], alike=True) == ChoicePrice(2, 2, None)


@pytest.mark.parametrize(("seeds", "free"), [((0, 1), True), ((0, 1, 2, 3, 4), False)])
def test_whom_a_file_sets_aside_is_set_aside_unless_measured_on_the_confirmation_seeds(
    seeds: tuple[int, ...], free: bool
) -> None:
    checkpoints = [{"seed": seed, "sha256": builders.digest(f"better {seed}")} for seed in seeds]
    of = builders.subject(checkpoints=checkpoints)
    document = builders.summary(
        "random_model", {"r2": [0.90, 0.91, 0.92, 0.93, 0.94][: len(seeds)]}, seeds=seeds, of=of
    )
    better = parse_summary(json.dumps(document).encode(), "evidence/better.json")
    file = listing(ONE, better, confirm=[2, 3, 4])
    assert isinstance(file.value, dict)
    file.value["candidates"][1]["outcome"] = "set_aside"
    price = CandidatePools([APART], [ONE, better], [file]).price(APART, [ONE], alike=True)
    assert price == (ChoicePrice(2, 1, (2, 3, 4)) if free else ChoicePrice(2, 2, None))


def test_seeds_that_are_set_apart_and_not_measured_leave_the_bounds_to_pay() -> None:
    later = parse_policy((POLICY + SELECTION + "  seeds: {select: [0, 1], confirm: [8, 9]}\n").encode(), "p.yaml")
    assert CandidatePools([later], [ONE, TWO], []).price(later, [ONE], alike=False) == ChoicePrice(2, 2, None)


def test_a_file_sets_no_seeds_apart_that_the_policy_does_not() -> None:
    price = CandidatePools([SELECTING], [ONE, TWO], [listing(ONE, TWO, confirm=[2, 3, 4])]).price(
        SELECTING, [ONE], alike=False
    )
    assert price == ChoicePrice(2, 2, None)
    policy, judged = paid(price, SELECTING, [ONE])
    assert list(judged) == [ONE] and rule(policy, "r2").selected_from == 2


def test_a_run_that_failed_is_no_candidate_that_was_measured_alike() -> None:
    failed = replace(TWO, status="failed")
    assert CandidatePools([PLAIN], [ONE, failed], []).price(PLAIN, [ONE], alike=True) == FREE


def test_candidate_files_are_found_at_any_depth_and_not_in_hidden_folders(tmp_path: Path) -> None:
    for place in ("candidate.json", "a/b/candidate.json", ".git/candidate.json", "a/other.json"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    assert candidate_paths(str(tmp_path)) == ["a/b/candidate.json", "candidate.json"]


def test_more_files_than_can_be_looked_through_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatekit.candidates.finding_files.MOST_ENTRIES", 2)
    for name in "ab":
        (tmp_path / name).touch()
    assert candidate_paths(str(tmp_path)) == []
    (tmp_path / "c").touch()
    with pytest.raises(GatekitError, match=r"candidate\.too_many_entries"):
        candidate_paths(str(tmp_path))


def test_another_tool_may_call_its_file_so_too() -> None:
    assert parse_candidates([("candidate.json", b"not JSON")]) == ([], [])
    found, errors = parse_candidates([("candidate.json", b'{"schema": "gatekit.candidate/1"}')])
    assert found == [] and errors[0].error_id.startswith("schema.")
