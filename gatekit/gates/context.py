"""What every threshold of one policy is judged with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gatekit.evidence.summary import Measurement, Summary
from gatekit.gates.diverged import DivergedSaes
from gatekit.gates.verdict import Why
from gatekit.policy.model import Policy
from gatekit.registration.standing import Standing


@dataclass(frozen=True)
class EvaluationContext:
    """The policy, its evidence and the time."""

    policy: Policy
    summaries: Sequence[Summary]
    """Summaries of the policy's subject."""
    others: Sequence[Summary]
    """Summaries of subjects that the policy is not about."""
    outside: Sequence[Summary]
    """Summaries outside the folders that the policy names under `evidence:`."""
    refused: int
    """Evidence files that could not be read: one of them may be what a gate misses."""
    several_subjects: str | None
    """Why no one subject could be chosen, when that is so."""
    base: Sequence[Summary] | None
    """The base branch's summaries, for not_worse_than; None when there is no base to compare with."""
    stale: Mapping[str, str]
    """Path of a summary -> why it is no longer about the files that are judged."""
    now: datetime
    standings: Mapping[str, Standing] = field(default_factory=dict)
    """sha256 of a summary -> what it is to the registrations; one that is not there is exploratory."""
    two_names: str | None = None
    """Why one model stands under the names of two, when that is so."""
    diverged: DivergedSaes = field(default_factory=dict)
    """The SAEs that any summary shows to have diverged."""
    chosen: dict[tuple[str, str, str | None], tuple[Summary, Measurement] | tuple[Why, str]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """Per kind, measure and protocol, what was chosen or why nothing was: many gates ask the same of many summaries."""
    bases: dict[tuple[str, str, str | None, bool, str], Summary | None] = field(
        default_factory=dict, compare=False, repr=False
    )
    """Per measure, protocol, whether across subjects, and digest of a summary, the base's summary that it is compared
    with."""
    without_base: dict[tuple[str, str, str | None, bool, bool, str], str] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The same, and whether on common seeds: why there is no difference."""
