"""Evidence that stood on the base branch once, and SAEs in it that failed what a new claim needs.

A claim that is pending may see its SAEs trained again without anybody's approval. Becoming supported is the second
step: what failed before, and is measured no more, is looked for in all that the base's evidence ever said.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

from gatekit.claims.model import Claim
from gatekit.errors import GatekitError
from gatekit.evidence import Summary
from gatekit.evidence.reading import is_summary_name, parse_summary
from gatekit.gates.verdict import Outcome
from gatekit.policy import Policy
from gatekit.policy.model import SubjectFilter, kinds_read
from gatekit.pull_request.continuity import observed, shape
from gatekit.pull_request.continuity_claims import Announced, SameLook, outcomes_on
from gatekit.pull_request.measured_otherwise import is_passed_over, measures_read
from gatekit.pull_request.side import CLAIMS, EVIDENCE, BranchContents
from gatekit.pull_request.trust_root import TrustChange
from gatekit.repo import Repository, in_project, in_repository

MOST_HISTORY = 64 << 20
"""Bytes of evidence that is no more, from the newest back: some seconds."""
MOST_JUDGED = 200
"""Summaries of old that are judged for the new claims of one change."""


class OldEvidence:
    """The versions of evidence files that the base does not hold any more, newest first."""

    def __init__(self, repository: Repository, commit: str, base: BranchContents) -> None:
        self._repository = repository
        self._commit = commit
        self._base = base
        self.unread: str | None = None
        """Why not all of them were read; known when the iteration has ended."""

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Yield path, from the top of the repository, and bytes."""
        if self._repository.is_shallow():
            self.unread = "this clone is shallow"
            return
        known = {entry.oid for entry in self._base.tree.under(EVIDENCE)}
        try:
            changes = self._repository.file_history(self._commit, in_repository(self._base.tree.root, EVIDENCE))
        except GatekitError as error:  # a history that is not all there: the base's own evidence is what is known
            self.unread = error.message
            return
        left = MOST_HISTORY
        for change in changes:
            if change.oid is None or change.oid in known or not is_summary_name(change.path.rpartition("/")[2]):
                continue
            known.add(change.oid)
            try:
                data = self._repository.blobs([change.oid])[change.oid]
            except GatekitError as error:
                self.unread = error.message
                continue
            left -= len(data)
            if left < 0:
                self.unread = f"there are more than {MOST_HISTORY} bytes of it"
                return
            yield change.path, data


def failed_before(
    old: OldEvidence,
    base: BranchContents,
    head: BranchContents,
    policies: Sequence[Policy],
    announced: Announced,
    same_look: SameLook,
) -> list[TrustChange]:
    """Return what SAEs of old failed that a claim needs which becomes supported, or stands on other evidence.

    Of the shape that the claim stands on, and measured no more or not as widely, wherever they lay: a folder is only a
    name. What a
    registration announced needs no approval, where it did not take the same look before.

    Args:
        old: evidence that the base does not hold any more.
        base: what judges.
        head: what is judged.
        policies: that judge.
        announced: of a summary of the head.
        same_look: of the base's registrations.
    """
    by_id = {policy.id: policy for policy in policies}
    fresh = [(claim, by_id[claim.policy]) for claim in _fresh(base, head) if claim.policy in by_id]
    wanted: dict[tuple[object, ...], list[_Stands]] = {}
    for claim, policy in fresh:
        for summary in head.summaries:
            if summary.kind in kinds_read(policy) and claim.stands_on(summary.path):
                wanted.setdefault(shape(summary), []).append((claim, policy, summary))
    if not wanted:
        return []
    earlier = _of_shapes(old, base, wanted.keys())
    measured = _measured(base, head)
    asked = {was.path + was.sha256: _asking(was, wanted[shape(was)], measured) for was in earlier}
    before = [was for was in earlier if asked[was.path + was.sha256]]
    found: dict[str, TrustChange] = {}
    for was in before[:MOST_JUDGED]:
        own = [other for other in before if other.subject.digest == was.subject.digest]
        for claim, policy, summary in asked[was.path + was.sha256]:
            if summary.path in found or (announced(summary) and not same_look(was, summary)):
                continue
            said = _failed(was, own, claim, policy)
            if said is not None:
                what = f"{said}; claim '{claim.id}' becomes one that stands on SAEs of their kind"
                found[summary.path] = TrustChange(summary.path, what, of_evidence=True)
    unread = old.unread
    if len(before) > MOST_JUDGED:
        unread = f"it has more than {MOST_JUDGED} summaries of SAEs that are measured no more, or not as widely"
    if unread is not None:
        what = f"claim '{fresh[0][0].id}' is new, and the evidence of old was not all looked at: {unread}"
        found[CLAIMS] = TrustChange(CLAIMS, what)
    return list(found.values())


def _fresh(base: BranchContents, head: BranchContents) -> list[Claim]:
    """Return the supported claims that were not supported before, or by other evidence."""
    if head.registry is None:
        return []
    found = []
    for claim in head.registry.claims:
        was = base.registry.claim(claim.id) if base.registry is not None else None
        if claim.status == "supported" and (was is None or was.status != "supported" or _bar(was) != _bar(claim)):
            found.append(claim)
    return found


def _bar(claim: Claim) -> tuple[object, ...]:
    return claim.evidence, claim.policy, claim.gates


_Stands = tuple[Claim, Policy, Summary]
"""A claim that becomes supported, its policy, and a summary that it stands on."""


def _asking(was: Summary, wanted: Sequence[_Stands], measured: Container[object]) -> list[_Stands]:
    """Return the claims that have to hear of a summary of old: its SAEs are measured no more, or not as widely."""
    saes = was.subject.checkpoints
    # A run that failed before it had an SAE names none.
    if any((shape(was), one.sha256) not in measured for one in saes) or (was.status == "failed" and not saes):
        return list(wanted)
    here: dict[str, list[Summary]] = {}
    for claim, _, summary in wanted:
        here.setdefault(claim.id, []).append(summary)
    over = {
        claim.id: is_passed_over(was, here[claim.id], measures_read(policy, claim.gates, was.kind))
        for claim, policy in {claim.id: (claim, policy) for claim, policy, _ in wanted}.values()
    }
    return [one for one in wanted if over[one[0].id]]


def _measured(base: BranchContents, head: BranchContents) -> set[object]:
    return {
        (shape(summary), one.sha256)
        for side in (base, head)
        for summary in side.summaries
        if observed(summary)
        for one in summary.subject.checkpoints
    }


def _of_shapes(old: OldEvidence, base: BranchContents, shapes: Container[object]) -> list[Summary]:
    """Return the evidence of old of these shapes, newest first."""
    found = []
    for path, data in old:
        try:
            summary = parse_summary(data, in_project(base.tree.root, path), base.kinds)
        except GatekitError:
            continue  # of an older schema: no gate of today could judge it
        if shape(summary) in shapes:
            found.append(summary)
    return found


def _failed(was: Summary, own: Sequence[Summary], claim: Claim, policy: Policy) -> str | None:
    """Return what SAEs of old failed of what a claim needs, in words; None where they failed nothing.

    Args:
        was: what is judged, whatever other versions of it said.
        own: all evidence of old about the same subject; a gate may read other kinds of it, each as it was last.
        claim: that becomes supported.
        policy: of the claim.
    """
    if was.status in ("diverged", "failed"):
        return f"an earlier run of {was.path} {was.status}: {was.reason}"
    others = {summary.kind: summary for summary in reversed(own) if summary.is_measured and summary.kind != was.kind}
    # They are of the shape that is judged now; where they lay, and which SAEs the policy names, says nothing of them.
    everywhere = replace(policy, evidence=(), subject=SubjectFilter())
    outcomes = outcomes_on([everywhere], [was, *others.values()], was.kind)
    failed = sorted(name for name, outcome in outcomes.items() if outcome is Outcome.FAIL and name in claim.gates)
    return f"the SAEs of an earlier {was.path} failed {', '.join(failed)}" if failed else None
