"""How far the threshold of an eligibility gate may move before another candidate is chosen.

A candidate passes at_least up to its own lower bound and at_most from its own upper bound on, so nothing changes
between two candidates' bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

from gatekit.candidates.rivals import Rivals
from gatekit.candidates.selecting import ComparedCandidate, SelectionResult
from gatekit.gates.rules import combine
from gatekit.gates.verdict import CombinedResult, GateResult, Outcome, RuleResult, ThresholdResult, thresholds_in
from gatekit.policy.limits import margin, sides, with_side

SideName = Literal["at_least", "at_most"]


@dataclass(frozen=True)
class ThresholdRange:
    """One side of one threshold, and between what it may lie."""

    gate: str
    kind: str
    measure: str
    operator: SideName
    """`between` has both sides."""
    now: float
    low: float | None
    high: float | None


def threshold_ranges(selected: SelectionResult, rivals: Rivals) -> Iterator[ThresholdRange]:
    """Yield every side of every threshold of the eligibility gates."""
    better = [candidate for candidate in selected.candidates if rivals.would_yield_to(candidate)]
    for position, gate in enumerate(rivals.winner.gates):
        for number, rule in enumerate(thresholds_in(gate.result)):
            for side in sides(rule.effect.limits):
                moved = _MovedThreshold(position, number, side.upper)
                low, high = _range(selected, rivals.winner, better, moved, side.limit)
                kind, measure = rule.effect.kind, rule.effect.measure
                operator: SideName = "at_most" if side.upper else "at_least"
                yield ThresholdRange(gate.name, kind, measure, operator, side.limit, low, high)


@dataclass(frozen=True)
class _MovedThreshold:
    """Which side of which threshold of which gate is moved."""

    gate: int
    threshold: int
    upper: bool
    """Whether values pass below the limit that is moved."""


def _range(
    selected: SelectionResult,
    winner: ComparedCandidate,
    better: Sequence[ComparedCandidate],
    moved: _MovedThreshold,
    now: float,
) -> tuple[float | None, float | None]:
    # Every candidate turns from passing to failing where the threshold crosses its own bound, and nowhere else.
    bounds = [
        _bound(list(thresholds_in(candidate.gates[moved.gate].result))[moved.threshold], moved)
        for candidate in selected.candidates
    ]
    steps = sorted({bound for bound in bounds if bound is not None})

    def stands(limit: float) -> bool:
        """Whether the winner would still be chosen: it passes, and nobody who would beat it does."""
        return _eligible(winner, moved, limit) and not any(_eligible(other, moved, limit) for other in better)

    # Between two steps nothing changes. A bound that equals the threshold passes, so a step belongs to the interval
    # that lies below it when values must be above the threshold, and to the one above it otherwise.
    if moved.upper:
        below, above = [s for s in steps if s <= now], [s for s in steps if s > now]
    else:
        below, above = [s for s in steps if s < now], [s for s in steps if s >= now]
    # Downwards from where the threshold is: the first interval in which the choice is another one ends the range.
    low: float | None = None
    for index in range(len(below) - 1, -1, -1):
        reaches_from = below[index - 1] if index else -math.inf
        if not stands(_inside(reaches_from, below[index], moved)):
            low = below[index]
            break
    # And upwards likewise.
    high: float | None = None
    for index, step in enumerate(above):
        reaches_to = above[index + 1] if index + 1 < len(above) else math.inf
        if not stands(_inside(step, reaches_to, moved)):
            high = step
            break
    return low, high


def _inside(low: float, high: float, moved: _MovedThreshold) -> float:
    """Return a threshold between two steps: the step that belongs to the interval, or the infinity it reaches to."""
    return low if moved.upper else high


def _bound(rule: ThresholdResult, moved: _MovedThreshold) -> float | None:
    if rule.measured is None:
        return None
    if rule.bound != "confidence":
        return rule.measured.estimate
    return rule.measured.upper if moved.upper else rule.measured.lower


def _eligible(candidate: ComparedCandidate, moved: _MovedThreshold, limit: float) -> bool:
    """Whether a candidate would pass every gate with one threshold moved."""
    if candidate.cannot_reach:
        return False
    return all(
        _outcome_of(gate, moved, limit) is Outcome.PASS if position == moved.gate else gate.outcome is Outcome.PASS
        for position, gate in enumerate(candidate.gates)
    )


def _outcome_of(gate: GateResult, moved: _MovedThreshold, limit: float) -> Outcome:
    # Thresholds are numbered in the order of the file, which is the order in which the rule is walked.
    numbers = count()

    def outcome(rule: RuleResult) -> Outcome:
        if isinstance(rule, CombinedResult):
            return combine(rule.operator == "all_of", [outcome(child) for child in rule.children])[0]
        if next(numbers) != moved.threshold or rule.measured is None:
            return rule.outcome
        measured = rule.measured
        point = rule.bound != "confidence"
        lower, upper = (measured.estimate, measured.estimate) if point else (measured.lower, measured.upper)
        limits = with_side(rule.effect.limits, moved.upper, limit)
        if margin(limits, lower, upper) < 0.0:
            return Outcome.FAIL
        return Outcome.INCONCLUSIVE if rule.no_spread else Outcome.PASS

    return outcome(gate.result)
