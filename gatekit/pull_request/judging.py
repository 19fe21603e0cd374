"""Base and merge result -> verdict on the pull request.

The base's policies judge the merge result's evidence; the head's own policies are a preview. A claim that is added,
strengthened or carries another number, and a supported claim whose gate this change turns, must have its gates pass.
What was wrong before and is not touched is shown, and blocks nobody. Withdrawing or weakening a claim is never blocked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gatekit.claims.checking import Finding, check
from gatekit.claims.diff import ClaimChange, claim_changes
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode, worst
from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import Outcome, Verdict
from gatekit.policy import Policy, diff_policies
from gatekit.pull_request.side import EVIDENCE, POLICIES, Reader, Side
from gatekit.pull_request.trust_root import FILES, FOLDERS, TrustChange, trust_changes
from gatekit.pull_request.verdict import EvidenceChange, Flip, PullRequestVerdict
from gatekit.repo import Repository, Sides, watched_errors
from gatekit.repo.tree import changes

WATCHED = (POLICIES, EVIDENCE, "claims.yaml", *(folder.rstrip("/") for folder in FOLDERS), *FILES)
"""Where a path that is a link, or that another system reads as another file, is refused."""

APPROVAL_LABEL = "gatekit-approved"


def judge_pull_request(
    repository: Repository,
    sides: Sides,
    now: datetime,
    labels: frozenset[str] = frozenset(),
    approval: str = APPROVAL_LABEL,
) -> PullRequestVerdict:
    """Judge the merge of a pull request.

    Args:
        repository: both sides' objects.
        sides: what judges and what is judged.
        now: aware UTC time for ages, waivers and keys.
        labels: of the pull request, from the platform's event.
        approval: the label that approves changes to what judges.

    Raises:
        GatekitError: a tree that cannot be listed, or is larger than any limit.
    """
    base_tree, head_tree = sides.trees(repository)
    errors = watched_errors(head_tree, WATCHED)
    reader = Reader(repository)
    base, head = reader.side(base_tree), reader.side(head_tree)
    errors += head.errors
    diffs = diff_policies(base.policies, head.policies)
    claims = _claim_changes(base, head)
    trust = trust_changes(base, head, diffs)
    if not base.policies:
        trust.append(TrustChange(POLICIES, "the base has no policy that could judge"))
    approved = approval in labels
    policies = _effective(base, head)
    trust += _own_policies(base, head, claims)
    judged = _evaluate(policies, head, base, now)
    preview = _evaluate(head.policies, head, base, now) if diffs else None
    findings = _findings(head, policies, now)
    before = {_key(finding) for finding in _findings(base, base.policies, now)}
    asserted = {claim for change in claims for claim in change.makes_blocking}
    lost = _lost(base, head)
    blocking: list[Finding] = []
    advisory: list[Finding] = []
    for finding in findings:
        new = _key(finding) not in before or finding.claim in asserted or finding.claim in lost
        (blocking if new else advisory).append(finding)
    codes = [error.exit_code for error in errors] + [finding.code for finding in blocking]
    if judged is not None:
        errors += judged.errors
        codes += [error.exit_code for error in judged.errors]
    if trust and not approved:
        codes.append(ExitCode.APPROVAL_NEEDED)
    return PullRequestVerdict(
        base=sides.base,
        head=sides.head,
        result=sides.result,
        notes=sides.notes,
        claims=tuple(claims),
        policies=tuple(diffs),
        flips=tuple(_flips(judged, preview)),
        trust=tuple(trust),
        approved_by=approval if trust and approved else None,
        evidence=tuple(_evidence(base, head)),
        blocking=tuple(blocking),
        advisory=tuple(advisory),
        judged=judged,
        preview=preview,
        errors=tuple(_unique(errors)),
        code=worst([ExitCode.PASS, *codes]),
    )


def _claim_changes(base: Side, head: Side) -> list[ClaimChange]:
    return claim_changes(base.registry, head.registry, base.documents, head.documents)


def _effective(base: Side, head: Side) -> tuple[Policy, ...]:
    """The policies that judge: the base's, and those that only the change has, which need approval to decide."""
    known = {policy.id for policy in base.policies}
    return (*base.policies, *(policy for policy in head.policies if policy.id not in known))


def _own_policies(base: Side, head: Side, claims: Sequence[ClaimChange]) -> list[TrustChange]:
    """A claim that this change makes blocking by a policy that the change itself brings sets its own bar."""
    if head.registry is None:
        return []
    brought = {policy.id for policy in head.policies} - {policy.id for policy in base.policies}
    asserted = {claim for change in claims for claim in change.makes_blocking}
    return [
        TrustChange(f"policy {claim.policy}", f"brought by the change whose claim '{claim.id}' it judges")
        for claim in head.registry.claims
        if claim.id in asserted and claim.policy in brought
    ]


def _evaluate(policies: Sequence[Policy], head: Side, base: Side, now: datetime) -> Verdict | None:
    if not policies:
        return None
    return evaluate(policies, head.summaries, now, base=base.summaries, stale=head.stale)


def _findings(side: Side, policies: Sequence[Policy], now: datetime) -> list[Finding]:
    if side.registry is None:
        return []
    summaries = {summary.path: summary for summary in side.summaries}
    return list(check(side.registry, side.documents, policies, summaries, now, stale=side.stale).findings)


def _key(finding: Finding) -> tuple[str, str | None, str]:
    """What makes two findings the same complaint, wherever it now stands."""
    return (finding.error_id, finding.claim, finding.message)


def _lost(base: Side, head: Side) -> set[str]:
    """Claims of the head that stand on evidence which the change deletes."""
    if head.registry is None:
        return set()
    gone = {s.path for s in base.summaries} - set(head.tree.entries)
    return {claim.id for claim in head.registry.claims if any(claim.stands_on(path) for path in gone)}


def _flips(judged: Verdict | None, preview: Verdict | None) -> list[Flip]:
    if preview is None:
        return []

    def outcomes(verdict: Verdict | None) -> dict[tuple[str, str], Outcome]:
        policies = verdict.policies if verdict is not None else ()
        return {(p.id, gate.name): gate.outcome for p in policies for gate in p.gates}

    before, after = outcomes(judged), outcomes(preview)
    return [
        Flip(policy, gate, before.get((policy, gate)), after.get((policy, gate)))
        for policy, gate in sorted(before.keys() | after.keys())
        if before.get((policy, gate)) != after.get((policy, gate))
    ]


def _evidence(base: Side, head: Side) -> list[EvidenceChange]:
    found = [
        EvidenceChange(path, change)
        for path, change in changes(base.tree, head.tree).items()
        if path.startswith(f"{EVIDENCE}/")
    ]
    return found + [
        EvidenceChange(path, "stale", reason)
        for path, reason in head.stale.items()
        if path not in base.stale or path not in base.tree
    ]


def _unique(errors: Sequence[GatekitError]) -> list[GatekitError]:
    """Each complaint once: the policies of both sides read the same evidence."""
    return list({str(error): error for error in errors}.values())
