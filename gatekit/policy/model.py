"""The Policy: what must hold, as typed, immutable data with a position in the user's file for every rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from gatekit.errors import Location
from gatekit.kinds import MeasureSpec
from gatekit.policy.limits import Against, Bound, Limits, effect_name, ends
from gatekit.policy.mode_selection import ModeSelection

DEFAULT_CONFIDENCE = 0.95
"""One-sided; what the field calls "95 %"."""
DEFAULT_MIN_SEEDS = 5
"""A one-sided 95 % gate at an effect of one standard deviation has power 0.32 at 3 seeds and 0.58 at 5: below five a
pass is luck."""

Combination = Literal["all_of", "any_of", "first_of"]
Level = Literal["enforce", "warn"]
Registered = Literal["required", "shown"]
Purpose = Literal["release", "stop"]


@dataclass(frozen=True)
class Threshold:
    """A rule on one measurement of one kind of summary; every setting is resolved against the policy's defaults."""

    kind: str
    measure: MeasureSpec
    operator: str
    """As the policy names it: a key of `gatekit.policy.operators.OPERATORS`."""
    against: Against
    """What the measurement's effect is compared with before `limits` are asked."""
    limits: Limits
    """Which values pass; of not_worse_than, which differences to the base branch's evidence."""
    bound: Bound
    """What is compared with the limits; anything but a confidence bound on their side is weaker and written out."""
    confidence: float
    min_seeds: int
    max_age: timedelta | None
    allow_reported: bool
    generalize_over: tuple[str, ...]
    """Random factors of a crossed design: `seed`, `dataset`, `row`."""
    protocol: str | None
    selected_from: int
    """At least this many candidates were compared on the same observations; the bound pays for it."""
    location: Location
    limit_location: Location
    """Where the threshold itself stands."""
    every_seed: bool = False
    """Each seed's own value must pass, in place of a bound on their mean."""
    common_seeds: bool = False
    """Of not_worse_than: compare on the seeds that both sides measured, and pair them."""
    across_subjects: bool = False
    """Of not_worse_than: the base may be another subject (model, hook, widths, architecture) by the same protocol."""
    min_random_models: int = 1
    """Its control must have been measured on so many re-initialised models: one draw says nothing of another."""
    alternatives: int = 1
    """Of so many rules this is one, each of which would decide alone: alternatives of `any_of`, which pass alone, or of
    an optimistic bound the parts of `all_of` and the policy's gates, which fail alone. The bound pays for all."""

    @property
    def point(self) -> bool:
        """Whether the estimate itself is compared instead of a bound."""
        return self.bound == "point"

    @property
    def optimistic(self) -> bool:
        """Whether the bound on the other side is compared, so that only what is shown to miss the threshold fails."""
        return self.bound == "optimistic"

    @property
    def is_bounded(self) -> bool:
        """Whether a confidence bound is compared, which can pay for choices and looks."""
        return not self.point and not self.every_seed

    @property
    def judged_confidence(self) -> float:
        """The confidence that its bound must have: 1 - (1 - confidence) / alternatives.

        One of k alternatives passes wrongly with probability at most the sum of theirs (Bonferroni), however they
        depend on each other.
        """
        return 1.0 - (1.0 - self.confidence) / self.alternatives

    @property
    def effect(self) -> str:
        """What the rule is about, as every report names it."""
        return effect_name(self.kind, self.measure.name, self.against)

    @property
    def low(self) -> float | None:
        """The smallest value that passes; None where there is no such end."""
        return ends(self.limits)[0]

    @property
    def high(self) -> float | None:
        """The largest value that passes; None where there is no such end."""
        return ends(self.limits)[1]


@dataclass(frozen=True)
class Combined:
    """all_of, any_of or first_of over rules.

    first_of takes the first rule whose measurements all exist: a fallback, and as such only for legacy policies.
    """

    operator: Combination
    rules: tuple[Rule, ...]
    location: Location


Rule = Threshold | Combined


@dataclass(frozen=True)
class Gate:
    """A named rule."""

    name: str
    rule: Rule
    required: bool
    level: Level
    description: str | None
    location: Location


@dataclass(frozen=True)
class Waiver:
    """A named, dated exception to one gate."""

    gate: str
    owner: str
    reason: str
    expires: date
    """The last day, in UTC, on which it holds."""
    location: Location


@dataclass(frozen=True)
class SubjectFilter:
    """Which subject the policy is about; None matches anything."""

    model: str | None = None
    model_digest: str | None = None
    hook: str | None = None
    architecture: str | None = None
    d_sae: int | None = None
    k: int | None = None
    digest: str | None = None
    """The subject's digest, or its first 12 or more digits."""


@dataclass(frozen=True)
class SignedBy:
    """Who must have signed every summary that the policy reads."""

    roles: tuple[str, ...]
    """A signature counts when its key has one of these roles."""
    threshold: int
    """So many distinct keys."""


@dataclass(frozen=True)
class Score:
    """One measurement on a scale that the policy fixes, so that a score does not depend on who else is compared."""

    value: Threshold
    """What is read: a threshold at `worst`, whose bound or estimate is scored."""
    worst: float
    """Scored 0, as is everything beyond it."""
    best: float
    """Scored 1, as is everything beyond it."""
    weight: float
    """Relative to the other scores'."""
    worst_location: Location
    best_location: Location


@dataclass(frozen=True)
class Selection:
    """How one of several candidates is chosen."""

    scores: tuple[Score, ...]
    eligibility: tuple[str, ...]
    """Gates that a candidate must pass to be ranked."""
    pareto: tuple[Threshold, ...]
    ties: tuple[Threshold, ...]
    """Compared in this order between equal scores."""
    select_seeds: tuple[int, ...] | None
    """The only seeds that decide; None: all do."""
    confirm_seeds: tuple[int, ...] | None
    """The only seeds that gates then judge; None: the same again, at a confidence that pays for the selection."""
    may_differ: tuple[str, ...]
    """Settings of a protocol that belong to the candidate, not to how it is measured."""
    weight_grid: int
    """The robustness report tries all weightings in multiples of 1 / weight_grid."""
    location: Location


@dataclass(frozen=True)
class Policy:
    """One policy file."""

    path: str
    sha256: str
    """sha256 of the file's bytes."""
    id: str
    description: str | None
    legacy: bool
    """Reproduces another system's rules: fallbacks are allowed and an unreachable threshold is only noted."""
    one_subject: bool
    subject: SubjectFilter
    signed_by: SignedBy | None
    gates: tuple[Gate, ...]
    waivers: tuple[Waiver, ...]
    selection: Selection | ModeSelection | None = None
    """How a candidate is chosen, where `gatekit select` may choose one."""
    registered: Registered = "shown"
    """Whether evidence must have been registered before it was measured, or only is called exploratory where not."""
    purpose: Purpose = "release"
    """`stop`: it says when a branch of a cycle is given up, may be optimistic, and never decides about a release."""
    evidence: tuple[str, ...] = ()
    """The only files and folders below evidence/ that it reads, from the repository's root; empty: all evidence."""

    @property
    def stops(self) -> bool:
        """Whether it is a stop policy, whose pass releases nothing and carries no claim."""
        return self.purpose == "stop"


def thresholds(rule: Rule) -> Iterator[Threshold]:
    """Yield every threshold in a rule, in the order of the file."""
    if isinstance(rule, Threshold):
        yield rule
    else:
        for part in rule.rules:
            yield from thresholds(part)


def kinds_read(policy: Policy) -> set[str]:
    """Return the kinds of summary that a policy's gates and its selection read."""
    found = {rule.kind for gate in policy.gates for rule in thresholds(gate.rule)}
    if isinstance(policy.selection, Selection):
        values = [score.value for score in policy.selection.scores]
        found |= {value.kind for value in (*values, *policy.selection.pareto, *policy.selection.ties)}
    return found
