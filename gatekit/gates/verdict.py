"""The verdict: every outcome, the numbers behind it and the digests of everything that was read.

Nothing here encodes "no value" as a number: what was not measured is None, and its outcome is `inconclusive`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode
from gatekit.gates.effect import Effect
from gatekit.policy.limits import Bound, compared
from gatekit.policy.model import Purpose


class Outcome(StrEnum):
    """What became of a rule."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Why(StrEnum):
    """Why a rule has its outcome; one word for machines beside the sentence for people."""

    MEASURED = "measured"
    MISSING = "missing"
    RUN_FAILED = "run_failed"
    DIVERGED = "diverged"
    ANOTHER_SUBJECT = "another_subject"
    SEVERAL_SUBJECTS = "several_subjects"
    SEVERAL_PROTOCOLS = "several_protocols"
    STALE = "stale"
    SELF_REPORTED = "self_reported"
    EXPLORATORY = "exploratory"
    NOT_AS_REGISTERED = "not_as_registered"
    TOO_FEW_SEEDS = "too_few_seeds"
    TOO_FEW_MODELS = "too_few_models"
    NO_BASE = "no_base"
    NO_BOUND = "no_bound"
    NO_SPREAD = "no_spread"
    IMPLAUSIBLE = "implausible"
    COMBINED = "combined"


@dataclass(frozen=True)
class EvidenceUsed:
    """The file that a threshold was judged on."""

    path: str
    sha256: str
    subject: str
    """Digest of the subject."""
    protocol: str
    """Name of the protocol."""


@dataclass(frozen=True)
class BoundedEstimate:
    """The numbers of one judged threshold: the estimate of its effect, the bounds and how far they are from it."""

    estimate: float
    lower: float | None
    upper: float | None
    standard_error: float | None
    df: float | None
    confidence: float | None
    """One-sided; already raised where the candidate was selected on these observations."""
    n_seeds: int | None
    n_observations: int
    method: str
    margin: float
    """How far the compared value is on the passing side of the threshold; negative when it fails."""
    detectable: float | None
    """The smallest true distance beyond the threshold that this design would have passed with probability 0.8."""


@dataclass(frozen=True)
class ThresholdResult:
    """A rule on one measurement."""

    outcome: Outcome
    why: Why
    reason: str
    """One sentence for people."""
    effect: Effect
    """What the rule is about and what it asks, with their words."""
    bound: Literal["confidence", "point", "optimistic", "every_seed"]
    """`point` compares the estimate itself and is weaker; `optimistic` the bound on the other side, in stop policies
    only, and is weaker still; `every_seed` each seed's own value."""
    self_reported: bool
    measured: BoundedEstimate | None
    evidence: EvidenceUsed | None
    notes: tuple[str, ...]
    location: Location
    base_evidence: EvidenceUsed | None = None
    """The base branch's file, where there was one."""
    no_spread: bool = False
    """Whether its draws all agree though its measure should vary: then no threshold would be passed."""

    @property
    def compared(self) -> tuple[float | None, float | None]:
        """What was compared with the lower and the upper end of its limits; None where nothing was."""
        if self.measured is None:
            return None, None
        bound: Bound = "point" if self.bound == "every_seed" else self.bound
        return compared(bound, self.measured.lower, self.measured.estimate, self.measured.upper)


@dataclass(frozen=True)
class CombinedResult:
    """all_of, any_of or first_of over other rules."""

    outcome: Outcome
    why: Why
    reason: str
    operator: Literal["all_of", "any_of", "first_of"]
    children: tuple[RuleResult, ...]
    location: Location


RuleResult = ThresholdResult | CombinedResult


def shared_reason(rule: RuleResult) -> str | None:
    """Return the one reason that all of several children that do not pass have, or None; to be said once."""
    if isinstance(rule, ThresholdResult):
        return None
    deciding = [child for child in rule.children if child.outcome is not Outcome.PASS]
    reasons = {child.reason for child in deciding if isinstance(child, ThresholdResult)}
    # A combined child has reasons of its own further down; its sentence only counts them.
    every_one = all(isinstance(child, ThresholdResult) for child in deciding)
    return reasons.pop() if len(deciding) > 1 and len(reasons) == 1 and every_one else None


def why_not(rule: RuleResult) -> str:
    """Return in one line why a rule does not pass, with what each threshold that decided is about and asks."""
    if isinstance(rule, ThresholdResult):
        return f"{rule.effect.name} {rule.effect.asks}: {rule.reason}"
    deciding = [child for child in rule.children if child.outcome is not Outcome.PASS]
    return "; ".join([rule.reason, *map(why_not, deciding)])


def thresholds_in(rule: RuleResult) -> Iterator[ThresholdResult]:
    """Yield every threshold of a rule in the policy's order."""
    if isinstance(rule, ThresholdResult):
        yield rule
    else:
        for child in rule.children:
            yield from thresholds_in(child)


@dataclass(frozen=True)
class WaiverUsed:
    """A waiver as the policy holds it."""

    owner: str
    reason: str
    expires: date
    location: Location


@dataclass(frozen=True)
class GateResult:
    """One gate of a policy."""

    name: str
    description: str | None
    result: RuleResult
    required: bool
    level: Literal["enforce", "warn"]
    waiver: WaiverUsed | None
    location: Location

    @property
    def outcome(self) -> Outcome:
        """The outcome of the gate's rule; a waiver or a level never changes it."""
        return self.result.outcome

    @property
    def enforced(self) -> bool:
        """Whether the outcome counts: required, at level enforce, and not waived."""
        return self.required and self.level == "enforce" and self.waiver is None


@dataclass(frozen=True)
class PolicyResult:
    """One policy evaluated on the evidence."""

    path: str
    id: str
    sha256: str
    legacy: bool
    subject: str | None
    """The one subject that was judged, in words, or how many there were; None when there was none."""
    gates: tuple[GateResult, ...]
    code: ExitCode
    notes: tuple[str, ...]
    purpose: Purpose = "release"
    """Of a `stop` policy the outcome decides about a branch of a cycle, and never about a release."""
    evidence: tuple[str, ...] = ()
    """The files and folders that it names as all that it reads; empty: it read all evidence."""


@dataclass(frozen=True, slots=True)
class EvidenceRead:
    """One summary that was read."""

    path: str
    sha256: str
    kind: str
    status: str
    subject: str
    """Digest of the subject."""
    standing: str = "exploratory"
    """`registered`, `not_as_registered` or `exploratory`."""


@dataclass(frozen=True)
class Verdict:
    """All outcomes and the digests of all inputs."""

    version: str
    """gatekit's own version."""
    now: datetime
    """The time that ages and waivers were judged at."""
    policies: tuple[PolicyResult, ...]
    evidence: tuple[EvidenceRead, ...]
    errors: tuple[GatekitError, ...]
    code: ExitCode
    """What was found, whatever `advisory` makes of it."""
    advisory: bool

    @property
    def exit_code(self) -> ExitCode:
        """The process's exit code: advisory mode reports a blocked or inconclusive verdict but does not block on it."""
        if self.advisory and self.code in (ExitCode.BLOCKED, ExitCode.INCONCLUSIVE):
            return ExitCode.PASS
        return self.code

    @property
    def word(self) -> str:
        """The verdict in one word."""
        return WORDS[self.code]


WORDS = {
    ExitCode.PASS: "pass",
    ExitCode.BLOCKED: "blocked",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.REFUSED: "refused",
    ExitCode.APPROVAL_NEEDED: "approval needed",
    ExitCode.USAGE: "usage error",
    ExitCode.INTERNAL: "internal error",
}
