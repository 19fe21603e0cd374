"""The verdict on a pull request, as data for every report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gatekit.claims.claim_change import ClaimChange
from gatekit.claims.finding import Finding
from gatekit.claims.slots import ContextNumber
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import WORDS, Outcome, Verdict
from gatekit.policy import PolicyDiff
from gatekit.pull_request.continuity_claims import SubjectChange
from gatekit.pull_request.moves import Move
from gatekit.pull_request.trust_root import TrustChange

NO_REGISTRY = "claims.no_registry"
"""Id of the finding that every gate of a policy must pass, because no claim says which ones matter."""


@dataclass(frozen=True)
class Flip:
    """A gate whose outcome on today's evidence differs between the base's policy and the head's."""

    policy: str
    gate: str
    before: Outcome | None
    """By the base's policy; None where it has no such gate."""
    after: Outcome | None
    """By the head's policy."""


@dataclass(frozen=True)
class EvidenceChange:
    """One summary that the change adds, changes or deletes, or that it makes stale."""

    path: str
    change: str
    """`added`, `changed`, `deleted` or `stale`."""
    reason: str | None = None
    """Why it is stale."""


@dataclass(frozen=True)
class ClaimGate:
    """A gate that a supported claim of the merge result needs, on the evidence that the claim stands on."""

    claim: str
    policy: str
    gate: str
    outcome: Outcome | None
    """None where there is no such gate."""
    blocking: bool
    """Whether this change makes it so that the gate must pass."""

    @property
    def name(self) -> str:
        """Policy and gate."""
        return f"{self.policy}/{self.gate}"


@dataclass(frozen=True)
class PullRequestVerdict:
    """What a pull request changes, and whether it may be merged."""

    version: str
    """gatekit's own version."""
    now: datetime
    """The time that ages, waivers and keys were judged at."""
    base: str
    """Commit whose policies, keys and rules judge."""
    base_name: str
    """What it was asked for by: the name of a branch, as the user or the platform gives it."""
    head: str
    """Commit that the change ends with."""
    root: str
    """Folder of the project that is judged, from the top of the repository; every path is relative to it."""
    result: str
    """Commit or tree whose evidence, claims and documents are judged."""
    notes: tuple[str, ...]
    registered: bool
    """Whether any claims are registered; where none are, every required gate must pass."""
    claims: tuple[ClaimChange, ...]
    claim_gates: tuple[ClaimGate, ...]
    policies: tuple[PolicyDiff, ...]
    flips: tuple[Flip, ...]
    trust: tuple[TrustChange, ...]
    approval: str
    """The label that approves the trust changes."""
    approved_by: str | None
    """The label that approved the trust changes; None when nothing did."""
    evidence: tuple[EvidenceChange, ...]
    moved: tuple[Move, ...]
    """Thresholds of the base's policies that say something else on the evidence after the merge."""
    subjects: tuple[SubjectChange, ...]
    """What became of subjects that the base measured, where it is not as it was."""
    blocking: tuple[Finding, ...]
    """What this change must put right before it may be merged."""
    advisory: tuple[Finding, ...]
    """What is wrong already, without this change."""
    remarks: tuple[Finding, ...]
    """New in this change and worth a look, but the registry's rules do not make it an error."""
    context: tuple[ContextNumber, ...]
    """Numbers in the sentences of the result's claims that none of their gates judges."""
    judged: Verdict | None
    """The base's policies on the merge result; None when the base has none."""
    preview: Verdict | None
    """The head's policies on the merge result, where they differ."""
    errors: tuple[GatekitError, ...]
    code: ExitCode

    @property
    def word(self) -> str:
        """The verdict in one word."""
        return WORDS[self.code]

    @property
    def because(self) -> str:
        """The reason in one line of gatekit's own words and names of claims and gates."""
        if self.errors:
            return _counted(len(self.errors), "error")
        if self.code is ExitCode.APPROVAL_NEEDED:
            return " and ".join(self._unapproved())
        if self.blocking:
            return "; ".join(self._reasons())
        if self.judged is None:
            return "there is no policy that could judge"
        claims = dict.fromkeys(claim for change in self.claims for claim in change.makes_blocking)
        if claims:
            return f"the evidence carries {_counted(len(claims), 'changed claim')}"
        if not self.registered:
            return "no claim is registered, and every required gate passes"
        return "no claim asserts more than before"

    @property
    def loosened(self) -> tuple[str, ...]:
        """What may judge only after approval: `policy/gate`, or the policy where it is more than its gates."""
        names: list[str] = []
        for diff in self.policies:
            if diff.needs_approval:
                names += [f"{diff.policy}/{gate}" for gate in diff.loosened_gates] or [diff.policy]
        return tuple(names)

    def gates(self, outcome: Outcome, blocking: bool = True) -> tuple[str, ...]:
        """Return `policy/gate`, each once, of the gates that claims need, or all, and that have this outcome.

        Args:
            outcome: which ones.
            blocking: those that must pass because of this change, or all others.
        """
        found = {gate.name for gate in self.claim_gates if gate.outcome is outcome}
        must = {gate.name for gate in self.claim_gates if gate.blocking and gate.outcome is outcome}
        if not self.registered and self.judged is not None:
            must |= {
                f"{policy.id}/{gate.name}"
                for policy in self.judged.policies
                for gate in policy.gates
                if gate.enforced and gate.outcome is outcome
            }
        return tuple(sorted(must if blocking else found - must))

    def _unapproved(self) -> Iterator[str]:
        evidence = sum(change.of_evidence for change in self.trust)
        judges = len(self.trust) - evidence
        if judges:
            yield f"{_counted(judges, 'change')} to what judges {'is' if judges == 1 else 'are'} not approved"
        if evidence:
            said = "is" if evidence == 1 else "are"
            yield f"{_counted(evidence, 'change')} of evidence that was judged before {said} not approved"

    def _reasons(self) -> Iterator[str]:
        """Yield what decides, in words; what weighs less is left to the list of findings."""
        deciding = [finding for finding in self.blocking if finding.code is self.code]
        counts = Counter(finding.error_id for finding in deciding)
        numbers = counts.pop("claims.number", 0)
        if numbers:
            yield f"{_counted(numbers, 'number')} {'is' if numbers == 1 else 'are'} not what the evidence says"
        for error_id, (one, several) in _GATE_STATES.items():
            gates = counts.pop(error_id, 0)
            if gates:
                claims = sorted({str(finding.claim) for finding in deciding if finding.error_id == error_id})
                needing = f"claim '{claims[0]}' needs" if len(claims) == 1 else f"{len(claims)} claims need"
                yield f"{_counted(gates, 'gate')} that {needing} {one if gates == 1 else several}"
        policies = counts.pop(NO_REGISTRY, 0)
        if policies:
            told = "does not pass" if policies == 1 else "do not pass"
            yield f"{_counted(policies, 'policy', 'policies')} {told}, and no claim is registered"
        rest = sum(counts.values())
        if rest:
            yield _counted(rest, "finding" if rest == len(deciding) else "other finding")


_GATE_STATES = {
    "claims.gate_fails": ("fails", "fail"),
    "claims.gate_inconclusive": ("is inconclusive", "are inconclusive"),
}


def _counted(count: int, noun: str, nouns: str | None = None) -> str:
    return f"{count} {noun if count == 1 else nouns or f'{noun}s'}"
