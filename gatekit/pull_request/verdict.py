"""The verdict on a pull request, as data for every report."""

from __future__ import annotations

from dataclasses import dataclass

from gatekit.claims.checking import Finding
from gatekit.claims.diff import ClaimChange
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import WORDS, Outcome, Verdict
from gatekit.policy import PolicyDiff
from gatekit.pull_request.trust_root import TrustChange


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
class PullRequestVerdict:
    """What a pull request changes, and whether it may be merged."""

    base: str
    """Commit whose policies, keys and rules judge."""
    head: str
    """Commit that the change ends with."""
    result: str
    """Commit or tree whose evidence, claims and documents are judged."""
    notes: tuple[str, ...]
    claims: tuple[ClaimChange, ...]
    policies: tuple[PolicyDiff, ...]
    flips: tuple[Flip, ...]
    trust: tuple[TrustChange, ...]
    approved_by: str | None
    """The label that approved the trust changes; None when nothing did."""
    evidence: tuple[EvidenceChange, ...]
    blocking: tuple[Finding, ...]
    """What this change must put right before it may be merged."""
    advisory: tuple[Finding, ...]
    """What is wrong already, without this change."""
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
        """The reason in one line, for the line of verdict."""
        if self.errors:
            return _counted(len(self.errors), "error")
        if self.code is ExitCode.APPROVAL_NEEDED:
            return f"{_counted(len(self.trust), 'change')} to what judges it, not approved"
        if self.blocking:
            return self.blocking[0].message if len(self.blocking) == 1 else _counted(len(self.blocking), "finding")
        claims = {claim for change in self.claims for claim in change.makes_blocking}
        if claims:
            return f"the evidence carries {_counted(len(claims), 'changed claim')}"
        return "no claim asserts more than before"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
