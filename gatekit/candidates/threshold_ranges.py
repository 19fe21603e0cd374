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
from gatekit.candidates.selecting import Compared, Selected
from gatekit.gates.evaluate import combine
from gatekit.gates.verdict import CombinedResult, GateResult, Outcome, RuleResult, ThresholdResult, thresholds_in


@dataclass(frozen=True)
class ThresholdRange:
    """One side of one threshold, and between what it may lie."""

    gate: str
    kind: str
    measure: str
    operator: Literal["at_least", "at_most"]
    """`between` has both sides."""
    now: float
    low: float | None
    high: float | None


def threshold_ranges(selected: Selected, rivals: Rivals) -> Iterator[ThresholdRange]:
    """Yield every side of every threshold of the eligibility gates."""
    better = [candidate for candidate in selected.candidates if rivals.would_yield_to(candidate)]
    for position, gate in enumerate(rivals.winner.gates):
        for number, rule in enumerate(thresholds_in(gate.result)):
            for operator, now in (("at_least", rule.low), ("at_most", rule.high)):
                if now is None:
                    continue
                moved = _Moved(position, number, "at_least" if operator == "at_least" else "at_most")
                low, high = _range(selected, rivals.winner, better, moved, now)
                yield ThresholdRange(gate.name, rule.kind, rule.measure, moved.operator, now, low, high)


@dataclass(frozen=True)
class _Moved:
    """Which side of which threshold of which gate is moved."""

    gate: int
    threshold: int
    operator: Literal["at_least", "at_most"]


def _range(
    selected: Selected, winner: Compared, better: Sequence[Compared], moved: _Moved, now: float
) -> tuple[float | None, float | None]:
    bounds = {
        _bound(list(thresholds_in(c.gates[moved.gate].result))[moved.threshold], moved) for c in selected.candidates
    }
    steps = sorted(bound for bound in bounds if bound is not None)

    def stands(limit: float) -> bool:
        return _eligible(winner, moved, limit) and not any(_eligible(c, moved, limit) for c in better)

    # Between two steps nothing changes; a step belongs to the interval below it for at_least, above it for at_most.
    below = [s for s in steps if (s < now if moved.operator == "at_least" else s <= now)]
    above = [s for s in steps if (s >= now if moved.operator == "at_least" else s > now)]
    low: float | None = None
    for index in range(len(below) - 1, -1, -1):
        inside = _inside(below[index - 1] if index else -math.inf, below[index], moved)
        if not stands(inside):
            low = below[index]
            break
    high: float | None = None
    for index, step in enumerate(above):
        inside = _inside(step, above[index + 1] if index + 1 < len(above) else math.inf, moved)
        if not stands(inside):
            high = step
            break
    return low, high


def _inside(low: float, high: float, moved: _Moved) -> float:
    """Return a threshold between two steps: the step that belongs to the interval, or the infinity it reaches to."""
    return high if moved.operator == "at_least" else low


def _bound(rule: ThresholdResult, moved: _Moved) -> float | None:
    if rule.measured is None:
        return None
    if rule.bound == "point":
        return rule.measured.estimate
    return rule.measured.lower if moved.operator == "at_least" else rule.measured.upper


def _eligible(candidate: Compared, moved: _Moved, limit: float) -> bool:
    """Whether a candidate would pass every gate with one threshold moved."""
    if candidate.cannot_reach:
        return False
    return all(
        _outcome_of(gate, moved, limit) is Outcome.PASS if position == moved.gate else gate.outcome is Outcome.PASS
        for position, gate in enumerate(candidate.gates)
    )


def _outcome_of(gate: GateResult, moved: _Moved, limit: float) -> Outcome:
    numbers = count()

    def outcome(rule: RuleResult) -> Outcome:
        if isinstance(rule, CombinedResult):
            return combine(rule.operator == "all_of", [outcome(child) for child in rule.children])[0]
        if next(numbers) != moved.threshold or rule.measured is None:
            return rule.outcome
        low = limit if moved.operator == "at_least" else rule.low
        high = limit if moved.operator == "at_most" else rule.high
        measured = rule.measured
        lower = measured.estimate if rule.bound == "point" else measured.lower
        upper = measured.estimate if rule.bound == "point" else measured.upper
        passes = (low is None or (lower is not None and lower >= low)) and (
            high is None or (upper is not None and upper <= high)
        )
        return Outcome.PASS if passes else Outcome.FAIL

    return outcome(gate.result)
