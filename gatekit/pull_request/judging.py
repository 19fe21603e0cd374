"""Base and merge result -> verdict on the pull request.

The base's policies judge the merge result's evidence; the head's own policies are a preview. A claim that is added,
strengthened or carries another number, and a supported claim whose gate this change turns, must have its gates pass.
What was wrong before and is not touched is shown, and blocks nothing. Withdrawing or weakening a claim is never
blocked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gatekit import __version__
from gatekit.claims.checking import CheckResult
from gatekit.claims.diff import claim_changes
from gatekit.claims.finding import Finding
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode, worst
from gatekit.gates.verdict import Verdict
from gatekit.kinds import FOLDER as KINDS
from gatekit.plugins import kept_out
from gatekit.policy import Policy, PolicyDiff, diff_policies, lint
from gatekit.pull_request.approval import NO_APPROVAL, Approval, ApprovalSource, approval, label_for
from gatekit.pull_request.candidate_prices import disappeared
from gatekit.pull_request.claim_history import claim_history
from gatekit.pull_request.codeowners import code_owners
from gatekit.pull_request.continuity import subject_fates
from gatekit.pull_request.continuity_claims import subject_changes
from gatekit.pull_request.divergence import forgotten_divergences
from gatekit.pull_request.evidence_history import OldEvidence, failed_before
from gatekit.pull_request.findings import (
    is_of_policy,
    is_registered,
    known_before,
    strays,
    without_claims,
    without_mended,
)
from gatekit.pull_request.measured_otherwise import measured_otherwise
from gatekit.pull_request.moves import moves
from gatekit.pull_request.preview import flips
from gatekit.pull_request.projects import moved, refuse_no_project
from gatekit.pull_request.registered import base_registrations, registration_changes
from gatekit.pull_request.said_unread import said_unread
from gatekit.pull_request.side import CLAIMS, EVIDENCE, POLICIES, BranchContents, Reader
from gatekit.pull_request.signatures import change_signers
from gatekit.pull_request.still_said import still_said
from gatekit.pull_request.terms import Terms
from gatekit.pull_request.trust import begins, needs_approval
from gatekit.pull_request.trust_root import FILES, FOLDERS, WORKFLOWS, TrustChange
from gatekit.pull_request.typeset_changes import typeset_changes
from gatekit.pull_request.verdict import ClaimGate, EvidenceChange, PullRequestVerdict
from gatekit.registration.model import FOLDER as REGISTRATIONS
from gatekit.registration.model import PLANS
from gatekit.repo import BaseAndHead, Repository, Tree, below, in_repository, watched_errors
from gatekit.repo.refs import REMOTE
from gatekit.repo.tree import changes

WATCHED = (KINDS, POLICIES, REGISTRATIONS, PLANS, EVIDENCE, CLAIMS, *(folder.rstrip("/") for folder in FOLDERS), *FILES)
"""Where a path that is a link, or that another system reads as another file, is refused."""

FIRST = "the base has nothing that judges yet: this change is judged by what it brings itself, and the next one by it"


def judge_pull_request(
    repository: Repository,
    sides: BaseAndHead,
    now: datetime,
    approvals: ApprovalSource = NO_APPROVAL,
    root: str = "",
) -> PullRequestVerdict:
    """Judge the merge of a pull request.

    Args:
        repository: both sides' objects.
        sides: what judges and what is judged.
        now: aware UTC time for ages, waivers and keys.
        approvals: labels and reviews of the pull request, for its last commit.
        root: folder of the project that is judged, from the top of the repository; both sides are read below it.

    Raises:
        GatekitError: a tree that cannot be listed, or is larger than any limit; `repo.no_project`, where a folder is
            named in which neither side has anything that is judged.
    """
    trees = sides.trees(repository)
    with kept_out(str(repository.root), lambda path: any(tree.under(path) for tree in trees)):
        return _judged(repository, sides, trees, now, approvals, root)


def _judged(
    repository: Repository,
    sides: BaseAndHead,
    trees: tuple[Tree, Tree],
    now: datetime,
    approvals: ApprovalSource,
    root: str,
) -> PullRequestVerdict:
    base_tree, head_tree = (below(tree, root) for tree in trees)
    refuse_no_project(base_tree, head_tree)
    reader = Reader(repository)
    base = reader.side(base_tree)
    head = reader.side(head_tree, base)
    errors = [*_watched_errors(head_tree), *head.errors]
    policies = _effective(base, head)
    base_signers, head_signers, unsound = change_signers(base, head, policies, now)
    errors += unsound
    fates = subject_fates(base.summaries, head.summaries)
    gone = disappeared(base.summaries, head.summaries, fates)
    terms = Terms(now, base, base_signers, head_signers, base_registrations(repository, sides.base, base), gone)
    # What cannot be read is refused; it is not also called removed.
    diffs = diff_policies([policy for policy in base.policies if policy.path not in head.unread], head.policies)
    claims = []
    if CLAIMS not in head.unread:
        claims = claim_changes(base.registry, head.registry, base.documents, head.documents)
    trust = needs_approval(base, head, diffs, claims, lambda: claim_history(repository, sides.base, base))
    announced = registration_changes(base, head)
    trust += [TrustChange(change.path, change.what) for change in announced if change.judges]
    told = [f"{change.path} {change.what}" for change in announced if not change.judges]
    subjects = subject_changes(base, head, fates, terms.announced(head), terms.registered.same_look)
    if not begins(base, head, claims):
        trust += [TrustChange(s.path, s.what, of_evidence=True) for s in subjects if s.needs_approval]
        trust += forgotten_divergences(base.summaries, head.summaries)
        earlier = OldEvidence(repository, sides.base, base)
        trust += measured_otherwise(base, head, policies, terms.announced(head))
        trust += failed_before(earlier, base, head, policies, terms.announced(head), terms.registered.same_look)
    unread = said_unread(base, head)
    trust += unread.moved
    trust += typeset_changes(base, head)
    approved = _approved(base, head, trust, approvals)
    judged = terms.verdict(policies, head)
    preview = terms.verdict(head.policies, head) if diffs else None
    errors += _errors_of(judged, preview, base, head, diffs, now)
    errors = list({str(error): error for error in errors}.values())
    checked = terms.checked(policies, head)
    asserted = {claim for change in claims for claim in change.makes_blocking} | _lost(base, head)
    said = {str(error) for error in errors}
    findings = [finding for finding in (checked.findings if checked else ()) if str(finding) not in said]
    blocking, advisory = _weighed(findings, terms.checked(base.policies, base), asserted)
    new, old = strays(base, head)
    blocking += [finding for finding in new if finding.code is not ExitCode.PASS]
    blocking += [*still_said(base, head), *unread.blocking]
    blocking += without_claims(head, judged)
    advisory += [finding for finding in old if finding.code is not ExitCode.PASS]
    codes = [error.exit_code for error in errors] + [finding.code for finding in blocking]
    if judged is None:
        codes.append(ExitCode.INCONCLUSIVE)
    if trust and approved.by is None:
        codes.append(ExitCode.APPROVAL_NEEDED)
    return PullRequestVerdict(
        version=__version__,
        now=now,
        base=sides.base,
        base_name=sides.base_name.removeprefix(REMOTE),
        head=sides.head,
        root=root,
        result=sides.result,
        notes=(*sides.notes, *approved.notes, *([FIRST] if begins(base, head, claims) else []), *told),
        registered=is_registered(head),
        claims=tuple(claims),
        claim_gates=_claim_gates(checked, blocking, asserted),
        policies=tuple(diffs),
        flips=tuple(flips(_only(judged, base.policies), preview)) if diffs else (),
        trust=tuple(trust),
        approval=label_for(approvals.prefix, approvals.head or sides.head),
        approved_by=approved.by,
        evidence=tuple(_evidence(base, head)),
        moved=tuple(moves(terms.verdict(base.judging, base), judged)) if _moves_evidence(base, head) else (),
        subjects=tuple(subjects),
        blocking=tuple(blocking),
        advisory=tuple(advisory),
        remarks=tuple(finding for finding in new if finding.code is ExitCode.PASS),
        context=checked.context if checked else (),
        judged=judged,
        preview=preview,
        errors=tuple(errors),
        code=worst([ExitCode.PASS, *codes]),
    )


def _errors_of(
    judged: Verdict | None,
    preview: Verdict | None,
    base: BranchContents,
    head: BranchContents,
    diffs: Sequence[PolicyDiff],
    now: datetime,
) -> list[GatekitError]:
    """Return what is wrong with the inputs of both verdicts, and with stop policies, which judge no pull request."""
    errors = without_mended(judged.errors, base.policies, diffs) if judged is not None else []
    if preview is not None:
        errors += [error for error in preview.errors if is_of_policy(error)]
    if diffs:
        errors += [error for policy in head.policies if policy.stops for error in lint(policy, now)]
    return errors


def _weighed(
    findings: Sequence[Finding], before: CheckResult | None, asserted: set[str]
) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that block, and those that were there and are of no claim that the change asserts."""
    blocking: list[Finding] = []
    advisory: list[Finding] = []
    for finding, known in zip(findings, known_before(findings, before.findings if before else ()), strict=True):
        (advisory if known and finding.claim not in asserted else blocking).append(finding)
    return blocking, advisory


def _watched_errors(tree: Tree) -> list[GatekitError]:
    """Return what is wrong with the names of files that decide, also where they lie around the project."""
    root = tree.root
    if not root:
        return watched_errors(tree, WATCHED)
    watched = {*(in_repository(root, path) for path in WATCHED), WORKFLOWS.rstrip("/"), *FILES}
    return [moved(error, root) for error in watched_errors(tree.whole, watched)]


def _approved(
    base: BranchContents, head: BranchContents, trust: Sequence[TrustChange], approvals: ApprovalSource
) -> Approval:
    if not trust:
        return Approval(None)
    paths = dict.fromkeys(path for change in trust for path in _files_of(change, (*base.policies, *head.policies)))
    files = [in_repository(base.tree.root, path) for path in paths]
    return approval(approvals, files, code_owners(base.tree.whole))


def _files_of(change: TrustChange, policies: Sequence[Policy]) -> list[str]:
    """Return the files that a change is made in, by which its owners are known; of a policy also where it lay."""
    if change.path.startswith("claim "):
        return [CLAIMS]
    own = [policy.path for policy in policies if change.path in (f"policy {policy.id}", POLICIES)]
    return own or [change.path]


def _effective(base: BranchContents, head: BranchContents) -> tuple[Policy, ...]:
    """The policies that judge: the base's, and those that only the change has, which need approval to decide."""
    known = {policy.id for policy in base.policies}
    return (*base.policies, *(policy for policy in head.policies if policy.id not in known))


def _only(verdict: Verdict | None, policies: Sequence[Policy]) -> Verdict | None:
    """The verdict of these policies alone."""
    if verdict is None:
        return None
    ids = {policy.id for policy in policies}
    return replace(verdict, policies=tuple(result for result in verdict.policies if result.id in ids))


def _lost(base: BranchContents, head: BranchContents) -> set[str]:
    """Claims of the head that stand on evidence which the change deletes."""
    if head.registry is None:
        return set()
    gone = {s.path for s in base.summaries} - set(head.tree.entries)
    return {claim.id for claim in head.registry.claims if any(claim.stands_on(path) for path in gone)}


def _moves_evidence(base: BranchContents, head: BranchContents) -> bool:
    """Whether any number or outcome of the base's policies could be another one; judging twice costs time."""
    before, after = ([(s.path, s.sha256, side.stale.get(s.path)) for s in side.summaries] for side in (base, head))
    return before != after


def _claim_gates(checked: CheckResult | None, blocking: Sequence[Finding], asserted: set[str]) -> tuple[ClaimGate, ...]:
    turned = {(finding.claim, finding.gate) for finding in blocking}
    return tuple(
        ClaimGate(
            state.claim.id,
            state.claim.policy,
            gate,
            outcome,
            state.claim.id in asserted or (state.claim.id, gate) in turned,
        )
        for state in (checked.claims if checked else ())
        if state.claim.status == "supported"
        for gate, outcome in state.outcomes
    )


def _evidence(base: BranchContents, head: BranchContents) -> list[EvidenceChange]:
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
