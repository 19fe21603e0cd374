"""Findings on a pull request: which of them the change made, and which stood there before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from gatekit.claims.finding import Finding
from gatekit.claims.strays import find_strays
from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import WORDS, Verdict
from gatekit.policy import Policy, PolicyDiff
from gatekit.pull_request.side import CLAIMS, BranchContents
from gatekit.pull_request.verdict import NO_REGISTRY


def known_before(findings: Sequence[Finding], before: Iterable[Finding]) -> list[bool]:
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


def strays(base: BranchContents, head: BranchContents) -> tuple[list[Finding], list[Finding]]:
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
    known = known_before(found, before)
    untouched = find_strays(registry.rules, [d for d in head.documents if d.path in same], head.registry)
    new = [finding for finding, old in zip(found, known, strict=True) if not old]
    return new, [*untouched, *(finding for finding, old in zip(found, known, strict=True) if old)]


def without_claims(head: BranchContents, judged: Verdict | None) -> list[Finding]:
    """Return a finding for each policy that does not pass, where no registry says which of its gates matter.

    Then all do: else such a repository passes always.
    """
    if judged is None or is_registered(head):
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


def is_registered(side: BranchContents) -> bool:
    """Whether there is a registry; one that cannot be read is refused, and says nothing about claims."""
    return side.registry is not None or CLAIMS in side.unread


def without_mended(
    errors: Iterable[GatekitError], base: Sequence[Policy], diffs: Sequence[PolicyDiff]
) -> list[GatekitError]:
    """Leave out what is wrong with a base policy that the change touches: the head's version answers for itself.

    Else the change that removes an expired waiver would be refused for it.
    """
    changed = {diff.policy for diff in diffs}
    paths = {policy.path for policy in base if policy.id in changed}
    return [e for e in errors if not (is_of_policy(e) and e.location is not None and e.location.path in paths)]


def is_of_policy(error: GatekitError) -> bool:
    """Whether it is said of a policy, and not of evidence or documents."""
    return error.error_id.startswith("policy.")
