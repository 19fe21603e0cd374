"""Over which range of each weight, scale and threshold does a choice stand?

One number of the policy is moved at a time, all others as they are. The lead over a rival is linear in a weight and
piecewise linear in the inverse span of a scale, and every gate is a step function of its threshold, so the ends of each
range are computed, not searched for. Beyond that, all weightings on a declared grid are tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gatekit.candidates.rivals import Rivals, weightings
from gatekit.candidates.scale_ranges import scale_range
from gatekit.candidates.selecting import SelectionResult
from gatekit.candidates.threshold_ranges import threshold_ranges


@dataclass(frozen=True)
class StableRange:
    """One number of the policy, and the range in which the same candidate is chosen."""

    kind: str
    measure: str
    what: str
    """`weight`, `worst`, `best`, `at_least` or `at_most`."""
    gate: str | None
    """Of a threshold."""
    now: float
    low: float | None
    """The choice stands between low and high; at an end itself it may change. None: however far that side is moved."""
    high: float | None


@dataclass(frozen=True)
class Robustness:
    """How far a choice depends on the policy's numbers."""

    weights: tuple[StableRange, ...]
    scales: tuple[StableRange, ...]
    thresholds: tuple[StableRange, ...]
    grid_steps: int
    grid_points: int
    """Weightings tried: all in multiples of 1 / grid_steps that add up to 1."""
    grid_selected: int
    """Those under which the choice is the same."""


def robustness(selected: SelectionResult) -> Robustness | None:
    """Return how far the choice stands; None when nothing was chosen."""
    winner = selected.winner
    if winner is None:
        return None
    rivals = Rivals(selected, winner)
    points = list(weightings(len(selected.selection.scores), selected.selection.weight_grid))
    return Robustness(
        weights=tuple(_weights(selected, rivals)),
        scales=tuple(_scales(selected, rivals)),
        thresholds=tuple(
            StableRange(s.kind, s.measure, s.operator, s.gate, s.now, s.low, s.high)
            for s in threshold_ranges(selected, rivals)
        ),
        grid_steps=selected.selection.weight_grid,
        grid_points=len(points),
        grid_selected=rivals.wins_among(points),
    )


def _weights(selected: SelectionResult, rivals: Rivals) -> Iterator[StableRange]:
    """The lead has the sign of rest + weight * gap, where rest is what all other scores contribute."""
    scores = selected.selection.scores
    for index, score in enumerate(scores):
        # A weight may be anything above 0; every rival narrows that to where it stays behind.
        low, high = 0.0, math.inf
        for lead in rivals.leads:
            shares = [other.weight * gap for other, gap in zip(scores, lead.gaps, strict=True)]
            rest = math.fsum(share for i, share in enumerate(shares) if i != index)
            gap = lead.gaps[index]
            # rest + weight * gap crosses zero at weight = -rest / gap. Where the winner is better in this score, a
            # smaller weight loses; where it is worse, a larger one does; where both are equal, no weight matters.
            if gap > 0.0:
                low = max(low, -rest / gap)
            elif gap < 0.0:
                high = min(high, -rest / gap)
        yield StableRange(
            score.value.kind,
            score.value.measure.name,
            "weight",
            None,
            score.weight,
            low if low > 0.0 else None,
            high if math.isfinite(high) else None,
        )


def _scales(selected: SelectionResult, rivals: Rivals) -> Iterator[StableRange]:
    for index, score in enumerate(selected.selection.scores):
        for end in ("worst", "best"):
            low, high = scale_range(selected.selection.scores, index, end, rivals.leads)
            now = score.worst if end == "worst" else score.best
            yield StableRange(score.value.kind, score.value.measure.name, end, None, now, low, high)
