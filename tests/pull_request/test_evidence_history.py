"""A claim that becomes supported is compared with what SAEs of its shape failed on the base branch once."""

from __future__ import annotations

import json
from pathlib import Path

import builders
import pytest
import repositories

from gatekit.evidence.reading import parse_summary
from gatekit.exit_codes import ExitCode
from gatekit.pull_request import evidence_history
from gatekit.pull_request.approval import ApprovalSource
from gatekit.pull_request.judging import judge_pull_request
from gatekit.pull_request.verdict import PullRequestVerdict
from gatekit.repo import Repository, between
from tests.pull_request.change import BASE, CLAIMS, FILE, NOW, POLICY, pending, random_model, with_status

Change = dict[str, repositories.Content]
SUPPORTED: Change = {"claims.yaml": with_status("alive", "supported")}
LABEL = "gatekit-approved-"


def retrained() -> str:
    document = json.loads(random_model())
    for checkpoint in document["subject"]["checkpoints"]:
        checkpoint["sha256"] = builders.digest(f"again {checkpoint['seed']}")
    return json.dumps(document)


def of_another_width() -> str:
    document = json.loads(random_model(dead=0.9))
    document["subject"]["d_sae"] *= 2
    return json.dumps(document)


def failed(**changes: object) -> str:
    document = json.loads(random_model())
    document |= {"status": "failed", "reason": "the loss is not finite", "measurements": {}}
    document["subject"] |= changes
    return json.dumps(document)


def judged(folder: Path, before: list[Change], head: Change = SUPPORTED, approve: bool = False) -> PullRequestVerdict:
    """The verdict on a change after so many commits of the base, the first on BASE with the claim pending."""
    builder = repositories.Builder(folder / "repo")
    tip = builder.commit("main", {**BASE, **pending("alive")})
    for change in before:
        tip = builder.commit("main", change)
    tip = builder.commit("feature", head, parents=[tip])
    approvals = ApprovalSource(tip, frozenset({LABEL + tip[:16]} if approve else ()))
    with Repository.open(builder.save()) as repository:
        return judge_pull_request(repository, between(repository, "main", "feature"), NOW, approvals)


def test_seeds_that_failed_and_were_trained_again_while_it_was_pending_need_approval(tmp_path: Path) -> None:
    before: list[Change] = [{FILE: random_model(dead=0.9)}, {FILE: retrained()}]
    verdict = judged(tmp_path / "a", before)
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    (change,) = verdict.trust
    assert change.what.startswith(f"the SAEs of an earlier {FILE} failed alive; claim 'alive' becomes")
    assert judged(tmp_path / "b", before, approve=True).code is ExitCode.PASS


OTHER = "evidence/elsewhere/random_model.json"


def test_the_failed_ones_count_wherever_they_lay(tmp_path: Path) -> None:
    before: list[Change] = [{OTHER: random_model(dead=0.9), FILE: None}, {OTHER: None}, {FILE: retrained()}]
    (change,) = judged(tmp_path, before).trust
    assert change.what.startswith(f"the SAEs of an earlier {OTHER} failed alive; claim 'alive' becomes")


@pytest.mark.parametrize("places", ["evidence: evidence/minilm", "subject: {digest: DIGEST}"])
def test_a_policy_that_names_the_new_ones_alone_does_not_hide_the_failed_ones(tmp_path: Path, places: str) -> None:
    digest = parse_summary(retrained().encode(), FILE).subject.digest
    policy = POLICY.replace("id: demo\n", f"id: demo\n{places.replace('DIGEST', digest)}\n")
    before: list[Change] = [
        {OTHER: random_model(dead=0.9), FILE: None},
        {OTHER: None},
        {FILE: retrained(), "policies/demo.yaml": policy},
    ]
    (change,) = judged(tmp_path, before).trust
    assert change.what.startswith(f"the SAEs of an earlier {OTHER} failed alive; claim 'alive' becomes")


def test_a_claim_moved_to_another_policy_is_compared_with_them_too(tmp_path: Path) -> None:
    other = {"policies/other.yaml": POLICY.replace("id: demo", "id: other")}
    moved = CLAIMS.replace("policy: demo\n    gates: [alive]", "policy: other\n    gates: [alive]")
    before: list[Change] = [other, {FILE: random_model(dead=0.9)}, {FILE: retrained()}, SUPPORTED]
    assert "failed alive" in " ".join(change.what for change in judged(tmp_path, before, {"claims.yaml": moved}).trust)


@pytest.mark.parametrize(
    "before",
    [
        [{FILE: retrained()}],  # what is gone had passed
        [{FILE: random_model(dead=0.9)}, {FILE: random_model()}],  # the same SAEs, measured again
        [{OTHER: random_model(dead=0.9)}, {OTHER: random_model()}],  # the same, in another folder
        [{FILE: of_another_width()}, {FILE: retrained()}],
    ],
)
def test_what_is_measured_still_or_is_of_another_shape_needs_none(tmp_path: Path, before: list[Change]) -> None:
    assert judged(tmp_path, before).trust == ()


@pytest.mark.parametrize("saes", [{}, {"checkpoints": []}])
def test_a_run_that_failed_is_told_with_its_reason(tmp_path: Path, saes: dict[str, object]) -> None:
    (change,) = judged(tmp_path, [{FILE: failed(**saes)}, {FILE: retrained()}]).trust
    assert "failed: the loss is not finite" in change.what


def test_a_claim_that_stood_on_it_before_is_not_asked_again(tmp_path: Path) -> None:
    before: list[Change] = [{FILE: random_model(dead=0.9)}, {FILE: retrained()}, SUPPORTED]
    assert judged(tmp_path, before, {"docs/notes.md": "More notes.\n"}).code is ExitCode.PASS


@pytest.mark.parametrize(("name", "most"), [("MOST_HISTORY", 100), ("MOST_JUDGED", 0)])
def test_what_is_too_much_to_look_at_needs_approval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(evidence_history, name, most)
    (change,) = judged(tmp_path, [{FILE: retrained()}]).trust
    assert "the evidence of old was not all looked at" in change.what
