"""`check --candidate` judges what was selected, at the price of having selected it, and believes no file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import pytest
from candidates import pools

from gatekit.candidates import ConfirmedEvidence, candidate_document, confirm, select
from gatekit.errors import GatekitError
from gatekit.evidence.strict_json import Document, parse_json
from gatekit.evidence.times import parse_time
from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import ThresholdResult, thresholds_in
from gatekit.policy.model import Selection

NOW = parse_time(builders.NOW)
THREE = {"topk": {}, "relu": {"auc": 0.93, "l0": 650.0}, "jumprelu": {"auc": 0.88}}


def candidate_of(documents: Mapping[str, Any], text: str = pools.POLICY) -> dict[str, Any]:
    """What `gatekit select` writes as candidate.json."""
    selected = pools.choose(documents, text)
    assert selected.winner is not None
    return json.loads(json.dumps(candidate_document(selected, selected.winner)))


def as_file(value: Any) -> Document:
    return parse_json(json.dumps(value).encode(), "out/candidate.json")


def confirmed(documents: Mapping[str, Any], text: str = pools.POLICY, value: Any = None) -> ConfirmedEvidence:
    value = candidate_of(documents, text) if value is None else value
    return confirm(as_file(value), [pools.policy(text)], pools.read(documents), NOW)


def judged(found: ConfirmedEvidence, measure: str) -> ThresholdResult:
    verdict = evaluate(found.policies, found.summaries, NOW)
    rules = [rule for gate in verdict.policies[0].gates for rule in thresholds_in(gate.result)]
    return next(rule for rule in rules if rule.effect.measure == measure)


def test_only_the_selected_subject_is_judged() -> None:
    found = confirmed(pools.evidence(**THREE))
    assert {summary.subject.architecture for summary in found.summaries} == {"topk"}


def test_bounds_on_the_selections_own_observations_pay_for_every_candidate() -> None:
    found = judged(confirmed(pools.evidence(**THREE)), "r2")
    r2 = [0.792, 0.796, 0.8, 0.804, 0.808]
    assert found.measured is not None
    assert found.measured.confidence == pytest.approx(1 - 0.05 / 3)
    assert found.measured.lower == pytest.approx(pools.student_lower(r2, 1 - 0.05 / 3), abs=1e-9)
    assert found.notes == ("best of 3 candidates on the same observations: bounded at 0.9833",)


SPLIT = pools.POLICY + "  seeds: {select: [0, 1, 2, 3, 4], confirm: [5, 6, 7, 8, 9]}\n"


def split_evidence() -> dict[str, Any]:
    """A finalist of ten seeds, whose r2 is 0.8 on the first five and 0.7 on the rest, and two others of five."""
    documents = pools.evidence(relu={"auc": 0.93, "l0": 650.0}, jumprelu={"auc": 0.88})
    documents |= pools.summaries("topk", seeds=range(10))
    r2 = [0.792, 0.796, 0.8, 0.804, 0.808, 0.692, 0.696, 0.7, 0.704, 0.708]
    documents["topk-random_model.json"]["measurements"]["r2"]["columns"]["candidate"] = r2
    return documents


def test_on_seeds_that_selected_nothing_a_bound_over_seeds_pays_nothing() -> None:
    found = judged(confirmed(split_evidence(), SPLIT), "r2")
    assert found.measured is not None
    assert (found.measured.n_seeds, found.measured.confidence, found.notes) == (5, 0.95, ())
    assert found.measured.estimate == pytest.approx(0.7)
    assert found.measured.lower == pytest.approx(pools.student_lower([0.692, 0.696, 0.7, 0.704, 0.708], 0.95), abs=1e-9)


def test_a_bound_that_also_speaks_for_datasets_pays_because_those_are_shared() -> None:
    found = judged(confirmed(split_evidence(), SPLIT), "auc_delta")
    assert found.measured is not None
    assert (found.measured.n_seeds, found.measured.confidence) == (5, pytest.approx(1 - 0.05 / 3))
    seeds_only = SPLIT.replace("min_seeds: 5,", "min_seeds: 5, generalize_over: [seed],")
    found = judged(confirmed(split_evidence(), seeds_only), "auc_delta")
    assert found.measured is not None
    assert found.measured.confidence == 0.95


def test_who_sets_others_aside_pays_on_the_confirmation_seeds_too() -> None:
    documents = split_evidence()
    chosen = pools.policy(SPLIT)
    assert isinstance(chosen.selection, Selection)
    given_up = {s.subject.digest for s in pools.read(documents) if s.subject.architecture == "jumprelu"}
    assert len(given_up) == 1
    selected = select(chosen, chosen.selection, pools.read(documents), NOW, set_aside=given_up)
    assert selected.winner is not None
    value = json.loads(json.dumps(candidate_document(selected, selected.winner)))
    assert [one["outcome"] for one in value["candidates"]].count("set_aside") == 1
    result = confirmed(documents, SPLIT, value)
    found = judged(result, "r2")
    assert found.measured is not None
    assert (found.measured.n_seeds, found.measured.confidence) == (5, pytest.approx(1 - 0.05 / 3))
    assert "at a confidence that pays for the choice: 1 were set aside" in result.note


def test_without_the_confirmation_seeds_the_gates_are_inconclusive() -> None:
    found = judged(confirmed(pools.evidence(topk={}, jumprelu={"auc": 0.88}), SPLIT), "r2")
    assert (found.outcome.value, found.reason) == ("inconclusive", "0 seeds; the policy needs 5")


def test_a_larger_number_stated_by_the_policy_is_kept() -> None:
    text = pools.POLICY.replace("r2, at_least: 0.5}", "r2, at_least: 0.5, selected_from: 50}")
    found = judged(confirmed(pools.evidence(**THREE), text), "r2")
    assert found.measured is not None
    assert found.measured.confidence == pytest.approx(0.999)


def test_further_summaries_of_the_selected_subject_are_judged_as_well() -> None:
    documents = pools.evidence(**THREE)
    value = candidate_of(documents)
    ood = builders.summary("ood", {"auc_drop": [0.04] * 15}, of=pools.subject("topk"))
    found = confirm(as_file(value), [pools.policy()], pools.read(documents | {"ood.json": ood}), NOW)
    assert {summary.kind for summary in found.summaries} == {"random_model", "saebench", "ood"}


def test_the_note_names_the_candidate_file_by_its_digest() -> None:
    value = candidate_of(pools.evidence(**THREE))
    found = confirmed(pools.evidence(**THREE), value=value)
    assert as_file(value).sha256 in found.note
    assert "best of 3" in found.note


# What does not follow from the policy and the evidence is refused.


def refused(documents: Mapping[str, Any], value: Any, text: str = pools.POLICY, **changes: Any) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        confirm(as_file(value), [pools.policy(text)], pools.read(documents), changes.get("now", NOW))
    assert int(caught.value.exit_code) == 4
    return caught.value


def set_to(*steps: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: Any) -> None:
        for step in steps[:-1]:
            document = document[step]
        document[steps[-1]] = value

    return change


FORGERIES = {
    "fewer candidates": (set_to("selection", "candidates", value=1), "/selection/candidates"),
    "other seeds": (set_to("selection", "seeds", value=[90, 91]), "/selection/seeds"),
    "seeds set apart": (set_to("confirmation", value={"seeds": [5, 6]}), "/confirmation"),
    "a better score": (set_to("score", value=0.99), "/score"),
    "another subject": (set_to("subject_digest", value="0" * 64), "/subject_digest"),
    "another checkpoint": (
        set_to("subject", "checkpoints", 0, "sha256", value="0" * 64),
        "/subject/checkpoints/0/sha256",
    ),
    "a loser made eligible": (set_to("candidates", 2, "reasons", value=[]), "/candidates/2/reasons"),
    "another front": (set_to("on_front", value=False), "/on_front"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_file_that_says_something_else_than_the_selection_is_refused(name: str) -> None:
    change, pointer = FORGERIES[name]
    documents = pools.evidence(**THREE)
    value = candidate_of(documents)
    change(value)
    error = refused(documents, value)
    assert error.error_id == "candidate.differs"
    assert error.location is not None
    assert (error.location.pointer or "").startswith(pointer.rsplit("/", 1)[0])


def test_the_loser_cannot_be_put_in_the_winners_place() -> None:
    documents = pools.evidence(**THREE)
    only_jumprelu = pools.evidence(jumprelu=THREE["jumprelu"])
    value = candidate_of(only_jumprelu)
    assert refused(documents, value).error_id == "candidate.not_compared"


def test_a_rivals_summary_that_the_selection_did_not_read_is_refused() -> None:
    documents = pools.evidence(**THREE)
    value = candidate_of({name: text for name, text in documents.items() if name != "jumprelu-saebench.json"})
    assert value["selection"]["candidates"] == 3
    error = refused(documents, value)
    assert error.error_id == "candidate.not_read"
    assert error.message.startswith("evidence/jumprelu-saebench.json is about")


@pytest.mark.parametrize(
    ("time", "error_id"),
    [
        ("2026-13-01T00:00:00Z", "candidate.time"),
        ("2001-01-01T00:00:00Z", "candidate.too_early"),
        ("9999-12-31T23:59:59Z", "candidate.future"),
    ],
)
def test_a_selection_at_a_time_that_cannot_have_been_is_refused(time: str, error_id: str) -> None:
    documents = pools.evidence(**THREE)
    value = candidate_of(documents)
    value["now"] = time
    error = refused(documents, value)
    assert error.error_id == error_id
    assert error.location is not None
    assert error.location.pointer == "/now"


def test_evidence_that_changed_since_the_selection_is_refused() -> None:
    documents = pools.evidence(**THREE)
    value = candidate_of(documents)
    changed = documents | pools.evidence(topk={"r2": 0.81})
    error = refused(changed, value)
    assert error.error_id == "candidate.evidence"
    assert "evidence/topk-random_model.json has changed since the selection" in error.message


def test_evidence_of_a_loser_that_was_left_away_is_refused() -> None:
    documents = pools.evidence(**THREE)
    value = candidate_of(documents)
    del documents["relu-saebench.json"]
    error = refused(documents, value)
    assert "evidence/relu-saebench.json is not among the evidence given" in error.message


def test_evidence_may_lie_elsewhere_as_long_as_its_bytes_are_the_same() -> None:
    documents = pools.evidence(**THREE)
    value = candidate_of(documents)
    elsewhere = pools.read(documents, "archive/2026")
    assert confirm(as_file(value), [pools.policy()], elsewhere, NOW).summaries[0].path.startswith("archive/")


def test_a_policy_that_changed_since_the_selection_is_refused() -> None:
    documents = pools.evidence(**THREE)
    value = candidate_of(documents)
    error = refused(documents, value, pools.POLICY.replace("at_least: -0.1", "at_least: -0.2"))
    assert (error.error_id, "has changed since it selected" in error.message) == ("candidate.policy", True)


def test_the_policy_that_selected_must_be_among_those_that_judge() -> None:
    documents = pools.evidence(**THREE)
    error = refused(documents, candidate_of(documents), pools.POLICY.replace("id: choose", "id: other"))
    assert error.error_id == "candidate.policy"
    assert error.remedy == "add --policy policies/choose.yaml"


def test_another_policy_beside_it_pays_as_well() -> None:
    documents = pools.evidence(**THREE)
    other = replace(pools.policy(), id="other")
    found = confirm(as_file(candidate_of(documents)), [pools.policy(), other], pools.read(documents), NOW)
    verdict = evaluate(found.policies, found.summaries, NOW)
    for policy in verdict.policies:
        rules = [rule for gate in policy.gates for rule in thresholds_in(gate.result)]
        assert {round(rule.measured.confidence or 0, 6) for rule in rules if rule.measured} == {0.983333}


def test_a_subject_that_was_never_compared_is_refused() -> None:
    documents = pools.evidence(**THREE)
    value = candidate_of(documents)
    error = refused(documents | pools.evidence(batchtopk={"auc": 0.70}), value)
    assert error.error_id == "candidate.not_compared"
    assert "batchtopk" in error.message


def test_a_selection_from_the_future_is_refused() -> None:
    documents = pools.evidence(**THREE)
    error = refused(documents, candidate_of(documents), now=parse_time("2026-03-01T18:00:00Z"))
    assert error.error_id == "candidate.future"


def test_a_candidate_file_follows_its_published_schema(tmp_path: Path) -> None:
    import jsonschema
    import referencing

    from gatekit.evidence.schemas import INCLUDED, schema

    resources = [(f"{name}.schema.json", referencing.Resource.from_contents(schema(name))) for name in INCLUDED]
    registry = referencing.Registry().with_resources(resources)
    oracle = jsonschema.Draft202012Validator(schema("candidate"), registry=registry)
    value = candidate_of(pools.evidence(**THREE))
    oracle.validate(value)
    for change in (
        {"selection": {"candidates": 0, "seeds": []}},
        {"score": 1.5},
        {"evidence": []},
        {"extra": 1},
        {"policy": {"id": "p"}},
    ):
        assert not oracle.is_valid(value | change)
