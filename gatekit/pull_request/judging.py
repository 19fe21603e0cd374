"""Base and merge result -> verdict on the pull request.

The base's policies judge the merge result's evidence; the head's own policies are a preview. A claim that is added,
strengthened or carries another number, and a supported claim whose gate this change turns, must have its gates pass.
What was wrong before and is not touched is shown, and blocks nothing. Withdrawing or weakening a claim is never
blocked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gatekit import __version__
from gatekit.candidates.price import FREE
from gatekit.claims.checking import CheckResult, check
from gatekit.claims.claim_change import ClaimChange
from gatekit.claims.diff import claim_changes
from gatekit.claims.finding import Finding
from gatekit.claims.predecessors import ClaimHistory
from gatekit.claims.strays import find_strays
from gatekit.errors import GatekitError, Location
from gatekit.evidence.summary import Summary
from gatekit.exit_codes import ExitCode, worst
from gatekit.gates.evaluate import evaluate, together
from gatekit.gates.verdict import WORDS, Verdict
from gatekit.kinds import FOLDER as KINDS
from gatekit.plugins import kept_out
from gatekit.policy import Policy, PolicyDiff, diff_policies, lint
from gatekit.pull_request.approval import NO_APPROVAL, Approval, ApprovalSource, approval, label_for
from gatekit.pull_request.candidate_prices import PullRequestChoices, disappeared
from gatekit.pull_request.claim_bars import lowered_bars
from gatekit.pull_request.claim_history import claim_history
from gatekit.pull_request.codeowners import code_owners
from gatekit.pull_request.continuity import subject_fates
from gatekit.pull_request.continuity_claims import Announced, subject_changes
from gatekit.pull_request.divergence import forgotten_divergences
from gatekit.pull_request.evidence_history import OldEvidence, failed_before
from gatekit.pull_request.moves import moves
from gatekit.pull_request.preview import flips
from gatekit.pull_request.projects import moved, other_projects, refuse_no_project
from gatekit.pull_request.registered import BaseRegistrations, base_registrations, registration_changes
from gatekit.pull_request.side import CLAIMS, EVIDENCE, KEYS, POLICIES, BranchContents, Reader
from gatekit.pull_request.signatures import Signers, change_signers
from gatekit.pull_request.still_said import still_said
from gatekit.pull_request.trust_root import FILES, FOLDERS, WORKFLOWS, TrustChange, trust_changes
from gatekit.pull_request.verdict import NO_REGISTRY, ClaimGate, EvidenceChange, PullRequestVerdict
from gatekit.registration.model import FOLDER as REGISTRATIONS
from gatekit.registration.model import PLANS
from gatekit.repo import BaseAndHead, Repository, Tree, below, in_repository, watched_errors
from gatekit.repo.refs import REMOTE
from gatekit.repo.tree import changes

WATCHED = (KINDS, POLICIES, REGISTRATIONS, PLANS, EVIDENCE, CLAIMS, *(folder.rstrip("/") for folder in FOLDERS), *FILES)
"""Where a path that is a link, or that another system reads as another file, is refused."""

FIRST = "the base has nothing that judges yet: this change is judged by what it brings itself, and the next one by it"


@dataclass(frozen=True)
class _Terms:
    """What every evaluation of one pull request has in common."""

    now: datetime
    base: BranchContents
    base_signers: Signers
    head_signers: Signers
    registered: BaseRegistrations
    gone: Sequence[Summary]
    """Evidence of the base whose subjects have disappeared."""

    def verdict(self, policies: Sequence[Policy], side: BranchContents) -> Verdict | None:
        """Judge all evidence of a side; where nothing is registered, what was chosen among candidates pays for it.

        Stop policies judge branches of a cycle and no pull request.
        """
        policies = [policy for policy in policies if not policy.stops]
        if not policies:
            return None
        if side.registry is not None:
            return self._evaluated(policies, side, side.summaries)
        choices = self._choices(policies, side)
        prices = {policy.id: choices.price_of_policy(policy) for policy in policies}
        plain = [policy for policy in policies if prices[policy.id] == FREE]
        found = [self._evaluated(plain, side, side.summaries)] if plain else []
        for policy in policies:
            if policy not in plain:
                own, judged = choices.paid(prices[policy.id], policy, side.summaries)
                found.append(self._evaluated([own], side, judged))
        return together(found)

    def _evaluated(self, policies: Sequence[Policy], side: BranchContents, summaries: Sequence[Summary]) -> Verdict:
        return evaluate(
            policies,
            summaries,
            self.now,
            base=self.base.summaries,
            signers=self._signers(side),
            stale=side.stale,
            standings=self.registered.standings(side),
        )

    def _choices(self, policies: Sequence[Policy], side: BranchContents) -> PullRequestChoices:
        gone = () if side is self.base else self.gone
        return PullRequestChoices(policies, self.base, side, gone, self.announced(side))

    def checked(self, policies: Sequence[Policy], side: BranchContents) -> CheckResult | None:
        if side.registry is None:
            return None
        return check(
            side.registry,
            side.documents,
            policies,
            {summary.path: summary for summary in side.summaries},
            self.now,
            stale=side.stale,
            # Also where the base itself is checked: it is as good as itself, where it has the evidence at all.
            base=self.base.summaries,
            signers=self._signers(side),
            standings=self.registered.standings(side),
            written=side.written,
            choices=self._choices(policies, side),
        )

    def announced(self, side: BranchContents) -> Announced:
        """Return whether a registration of the base announced a summary of this side before it was measured."""
        known = self.registered.standings(side)
        return lambda summary: summary.sha256 in known and known[summary.sha256].state == "registered"

    def _signers(self, side: BranchContents) -> Signers:
        return self.base_signers if side is self.base else self.head_signers


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
    base_signers, head_signers, unsound = change_signers(base, head, _effective(base, head), now)
    errors += unsound
    fates = subject_fates(base.summaries, head.summaries)
    gone = disappeared(base.summaries, head.summaries, fates)
    terms = _Terms(now, base, base_signers, head_signers, base_registrations(repository, sides.base, base), gone)
    # What cannot be read is refused; it is not also called removed.
    diffs = diff_policies([policy for policy in base.policies if policy.path not in head.unread], head.policies)
    claims = []
    if CLAIMS not in head.unread:
        claims = claim_changes(base.registry, head.registry, base.documents, head.documents)
    trust = _trust(base, head, diffs, claims, lambda: claim_history(repository, sides.base, base))
    announced = registration_changes(base, head)
    trust += [TrustChange(change.path, change.what) for change in announced if change.judges]
    told = [f"{change.path} {change.what}" for change in announced if not change.judges]
    subjects = subject_changes(base, head, fates, terms.announced(head))
    if not _begins(base, head, claims):
        trust += [TrustChange(s.path, s.what, of_evidence=True) for s in subjects if s.needs_approval]
        trust += forgotten_divergences(base.summaries, head.summaries)
        earlier = OldEvidence(repository, sides.base, base)
        trust += failed_before(earlier, base, head, _effective(base, head), terms.announced(head))
    approved = _approved(base, head, trust, approvals)
    policies = _effective(base, head)
    judged = terms.verdict(policies, head)
    preview = terms.verdict(head.policies, head) if diffs else None
    if judged is not None:
        errors += _without_mended(judged.errors, base.policies, diffs)
    if preview is not None:
        errors += [error for error in preview.errors if _is_of_policy(error)]
    if diffs:
        errors += [error for policy in head.policies if policy.stops for error in lint(policy, now)]
    errors = list({str(error): error for error in errors}.values())
    checked, before = terms.checked(policies, head), terms.checked(base.policies, base)
    asserted = {claim for change in claims for claim in change.makes_blocking} | _lost(base, head)
    said = {str(error) for error in errors}
    findings = [finding for finding in (checked.findings if checked else ()) if str(finding) not in said]
    known = _known(findings, before.findings if before else ())
    blocking: list[Finding] = []
    advisory: list[Finding] = []
    for finding, known_before in zip(findings, known, strict=True):
        (advisory if known_before and finding.claim not in asserted else blocking).append(finding)
    new, old = _strays(base, head)
    blocking += [finding for finding in new if finding.code is not ExitCode.PASS]
    blocking += still_said(base, head)
    blocking += _without_claims(head, judged)
    advisory += [finding for finding in old if finding.code is not ExitCode.PASS]
    codes = [error.exit_code for error in errors] + [finding.code for finding in blocking]
    if judged is None:
        codes.append(ExitCode.INCONCLUSIVE)
    if trust and approved.by is None:
        codes.append(ExitCode.APPROVAL_NEEDED)
    changed = tuple(flips(_only(judged, base.policies), preview)) if diffs else ()
    remarks = tuple(finding for finding in new if finding.code is ExitCode.PASS)
    return PullRequestVerdict(
        version=__version__,
        now=now,
        base=sides.base,
        base_name=sides.base_name.removeprefix(REMOTE),
        head=sides.head,
        root=root,
        result=sides.result,
        notes=(*sides.notes, *approved.notes, *([FIRST] if _begins(base, head, claims) else []), *told),
        registered=_is_registered(head),
        claims=tuple(claims),
        claim_gates=_claim_gates(checked, blocking, asserted),
        policies=tuple(diffs),
        flips=changed,
        trust=tuple(trust),
        approval=label_for(approvals.prefix, approvals.head or sides.head),
        approved_by=approved.by,
        evidence=tuple(_evidence(base, head)),
        moved=tuple(moves(terms.verdict(base.judging, base), judged)) if _moves_evidence(base, head) else (),
        subjects=tuple(subjects),
        blocking=tuple(blocking),
        advisory=tuple(advisory),
        remarks=remarks,
        context=checked.context if checked else (),
        judged=judged,
        preview=preview,
        errors=tuple(errors),
        code=worst([ExitCode.PASS, *codes]),
    )


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
    policies = {f"policy {policy.id}": policy.path for policy in (*head.policies, *base.policies)}
    files = [in_repository(base.tree.root, policies.get(change.path, change.path)) for change in trust]
    return approval(approvals, files, code_owners(base.tree.whole))


def _trust(
    base: BranchContents,
    head: BranchContents,
    diffs: Sequence[PolicyDiff],
    claims: Sequence[ClaimChange],
    history: Callable[[], ClaimHistory],
) -> list[TrustChange]:
    trust = [*trust_changes(base, head, diffs), *lowered_bars(base, head, history)]
    if _begins(base, head, claims):
        # Nothing judges yet and nothing is asserted, so what is added loosens nothing; it binds the next change.
        trust = [change for change in trust if change.what != "added"]
    elif not base.judging:
        trust.append(TrustChange(POLICIES, f"the base has no policy that could judge{other_projects(base.tree)}"))
    for path in sorted(base.unread):
        if base.tree.entries.get(path) != head.tree.entries.get(path):
            trust.append(TrustChange(path, "the base's version cannot be read, so nothing says whether this is looser"))
    return trust + _own_policies(base, head, claims)


def _begins(base: BranchContents, head: BranchContents, claims: Sequence[ClaimChange]) -> bool:
    """Say whether the base has nothing yet that judges, and the change asserts nothing that could set its own bar."""
    judging = (POLICIES, KINDS, CLAIMS, KEYS.partition("/")[0])
    begins = not any(base.tree.under(place) for place in judging)
    # Without a registry every gate is asserted, and by the policy that the change brings.
    return begins and head.registry is not None and not any(change.makes_blocking for change in claims)


def _own_policies(base: BranchContents, head: BranchContents, claims: Sequence[ClaimChange]) -> list[TrustChange]:
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


def _without_mended(
    errors: Iterable[GatekitError], base: Sequence[Policy], diffs: Sequence[PolicyDiff]
) -> list[GatekitError]:
    """Leave out what is wrong with a base policy that the change touches: the head's version answers for itself.

    Else the change that removes an expired waiver would be refused for it.
    """
    changed = {diff.policy for diff in diffs}
    paths = {policy.path for policy in base if policy.id in changed}
    return [e for e in errors if not (_is_of_policy(e) and e.location is not None and e.location.path in paths)]


def _is_of_policy(error: GatekitError) -> bool:
    return error.error_id.startswith("policy.")


def _known(findings: Sequence[Finding], before: Iterable[Finding]) -> list[bool]:
    """Return for each finding whether the base has it too, wherever in its documents it stood; each counts once."""

    def complaint(finding: Finding) -> tuple[str | None, ...]:
        if finding.gate is not None:
            # Not the reason: evidence that was stale already is no staler when one more file changes.
            return (finding.error_id, finding.claim, finding.gate)
        return (finding.error_id, finding.claim, finding.message)

    def placed(finding: Finding) -> tuple[str | None, ...]:
        return (*complaint(finding), finding.location.path if finding.location else None)

    before = list(before)
    left, left_here = Counter(map(complaint, before)), Counter(map(placed, before))
    known = [False] * len(findings)

    def take(key: Callable[[Finding], tuple[str | None, ...]], counts: Counter[tuple[str | None, ...]]) -> None:
        for index, finding in enumerate(findings):
            if not known[index] and counts[key(finding)] > 0 and left[complaint(finding)] > 0:
                known[index] = True
                counts[key(finding)] -= 1
                if counts is not left:
                    left[complaint(finding)] -= 1

    # First those in the same file: a second wrong number is the new one, not the one that was there.
    take(placed, left_here)
    take(complaint, left)
    return known


def _strays(base: BranchContents, head: BranchContents) -> tuple[list[Finding], list[Finding]]:
    """Return the unregistered numbers and the claim language of the head: what is new in it, and what was there.

    The base's rules say how much they weigh.
    """
    registry = base.registry or head.registry
    if registry is None:
        return [], []
    same = {document.path: document.text for document in base.documents}
    same = {d.path: d.text for d in head.documents if same.get(d.path) == d.text}
    before = find_strays(registry.rules, [d for d in base.documents if d.path not in same], base.registry)
    found = find_strays(registry.rules, [d for d in head.documents if d.path not in same], head.registry)
    known = _known(found, before)
    untouched = find_strays(registry.rules, [d for d in head.documents if d.path in same], head.registry)
    new = [finding for finding, old in zip(found, known, strict=True) if not old]
    return new, [*untouched, *(finding for finding, old in zip(found, known, strict=True) if old)]


def _lost(base: BranchContents, head: BranchContents) -> set[str]:
    """Claims of the head that stand on evidence which the change deletes."""
    if head.registry is None:
        return set()
    gone = {s.path for s in base.summaries} - set(head.tree.entries)
    return {claim.id for claim in head.registry.claims if any(claim.stands_on(path) for path in gone)}


def _without_claims(head: BranchContents, judged: Verdict | None) -> list[Finding]:
    """Where nothing is registered, nothing says which gates matter, so all do: else such a repository passes always."""
    if judged is None or _is_registered(head):
        return []
    return [
        Finding(
            NO_REGISTRY,
            f"there is no {CLAIMS}, so every required gate of policy '{policy.id}' must pass; "
            f"it is {WORDS[policy.code]}",
            Location(policy.path),
            f"register what is claimed in {CLAIMS}; then the gates that a claim needs must pass",
            policy.code,
        )
        for policy in judged.policies
        if policy.code in (ExitCode.BLOCKED, ExitCode.INCONCLUSIVE)
    ]


def _moves_evidence(base: BranchContents, head: BranchContents) -> bool:
    """Whether any number or outcome of the base's policies could be another one; judging twice costs time."""
    before, after = ([(s.path, s.sha256, side.stale.get(s.path)) for s in side.summaries] for side in (base, head))
    return before != after


def _is_registered(side: BranchContents) -> bool:
    """Whether there is a registry; one that cannot be read is refused, and says nothing about claims."""
    return side.registry is not None or CLAIMS in side.unread


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
