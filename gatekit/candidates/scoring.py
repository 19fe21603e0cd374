"""What a candidate is worth: its values by the gates' own bounds, and their places on the policy's fixed scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gatekit.candidates.pool import value_key, values_of
from gatekit.evidence.summary import Summary
from gatekit.gates.context import EvaluationContext
from gatekit.gates.threshold import Numbers, judge, numbers_of
from gatekit.gates.verdict import ThresholdResult
from gatekit.policy.model import Policy, Score, Selection, Threshold

DIGITS = 12
"""Scores that are equal to so many decimals tie; less would be a double's rounding, more a matter of taste."""


@dataclass(frozen=True)
class Value:
    """One measurement of one candidate, as the selection reads it."""

    rule: Threshold
    roles: tuple[str, ...]
    """What it is used for: `score`, `pareto`, `tie`."""
    value: float | None
    """The bound on the worse side, or the estimate where the policy says `use: point`; None when it is missing."""
    estimate: float | None
    confidence: float | None
    """One-sided, of the bound."""
    n_seeds: int | None
    reason: str | None
    """Why it is missing."""
    evidence: str | None
    """Path of the summary."""
    score: float | None
    """Place on the scale, 0 to 1; None when the value is missing or not scored."""
    clamped: bool
    """The value lies outside the scale and counts as its nearer end."""

    @property
    def goodness(self) -> float:
        """The value with its sign turned so that more is better; -inf when it is missing."""
        if self.value is None:
            return -math.inf
        return self.value if self.rule.measure.direction == "higher" else -self.value


@dataclass(frozen=True)
class ValueRead:
    """One value that a selection reads of every candidate."""

    rule: Threshold
    roles: tuple[str, ...]
    """As of a `Value`."""
    scale: Score | None
    """The score that it is placed on; None where it is not scored."""


def what_is_read(selection: Selection) -> tuple[ValueRead, ...]:
    """Return what a selection reads, each value once."""
    scales = {value_key(score.value): score for score in selection.scores}
    uses = {
        "score": scales.keys(),
        "pareto": set(map(value_key, selection.pareto)),
        "tie": set(map(value_key, selection.ties)),
    }
    found = []
    for rule in values_of(selection):
        key = value_key(rule)
        roles = tuple(role for role, keys in uses.items() if key in keys)
        found.append(ValueRead(rule, roles, scales.get(key)))
    return tuple(found)


@dataclass(frozen=True)
class ReadPlaces:
    """Where scores, Pareto axes and ties stand among the values that a selection reads of every candidate."""

    scores: tuple[int, ...]
    pareto: tuple[int, ...]
    ties: tuple[int, ...]


def read_places(selection: Selection) -> ReadPlaces:
    """Return the places of a selection's values, in the order of the policy."""
    place = {value_key(rule): index for index, rule in enumerate(values_of(selection))}
    return ReadPlaces(
        tuple(place[value_key(score.value)] for score in selection.scores),
        tuple(place[value_key(axis)] for axis in selection.pareto),
        tuple(place[value_key(tie)] for tie in selection.ties),
    )


def read_values(
    policy: Policy, reads: Sequence[ValueRead], summaries: Sequence[Summary], now: datetime
) -> tuple[Value, ...]:
    """Return every value of one candidate, by the rules that gates read a measurement by.

    Args:
        policy: the policy that selects.
        reads: what its selection reads.
        summaries: the candidate's, with the observations that decide.
        now: aware UTC time for ages.
    """
    # How old evidence may be is a threshold's max_age; that files changed since is for `gatekit stale` to say.
    context = EvaluationContext(policy, summaries, (), (), 0, None, None, {}, now)
    return tuple(_read(read, context) for read in reads)


def _read(read: ValueRead, context: EvaluationContext) -> Value:
    rule = read.rule
    # What gates say beside a number, and what keeps them from passing on it, changes no value.
    found = numbers_of(rule, context)
    measured = None if isinstance(found, ThresholdResult) else found.bounds
    value = score = None
    clamped = False
    if measured is not None:
        # The cautious bound: the lower one where higher is better.
        bound = measured.lower if rule.measure.direction == "higher" else measured.upper
        value = measured.estimate if rule.point else bound
    if value is not None and read.scale is not None:
        # Beyond an end of the scale nothing more is won or lost, and the report marks it.
        place = on_scale(value, read.scale.worst, read.scale.best)
        score, clamped = min(1.0, max(0.0, place)), not 0.0 <= place <= 1.0
    return Value(
        rule=rule,
        roles=read.roles,
        value=value,
        estimate=None if measured is None else measured.estimate,
        confidence=None if isinstance(found, ThresholdResult) else found.confidence,
        n_seeds=None if measured is None else measured.n_seeds,
        reason=judge(rule, context)[0].reason if value is None else None,
        evidence=_path(found),
        score=score,
        clamped=clamped,
    )


def _path(found: Numbers | ThresholdResult) -> str | None:
    """Return the path of the summary that answered, or that could not."""
    if isinstance(found, Numbers):
        return found.summary.path
    return None if found.evidence is None else found.evidence.path


def on_scale(value: float, worst: float, best: float) -> float:
    """Return where a value stands between worst (0) and best (1), whichever of them is larger; not clamped."""
    return (value - worst) / (best - worst)


def weighted_mean(scores: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted mean, rounded to `DIGITS` decimals so that equal means compare equal."""
    total = math.fsum(weights)
    return round(math.fsum(s * w for s, w in zip(scores, weights, strict=True)) / total, DIGITS)
