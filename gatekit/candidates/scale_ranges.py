"""How far one end of a scale may move before another candidate is chosen.

With the other end fixed, the place of a value on the scale is linear in u = 1 / span until it is clamped. So the lead
over a rival is piecewise linear in u, with breaks where one of the two values reaches the moving end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gatekit.candidates.rivals import LeadOverRival
from gatekit.policy.model import Score

NOTHING = 5e-13
"""A lead of less is a tie: scores are compared to 12 decimals."""


def scale_range(
    scores: Sequence[Score], index: int, end: str, leads: Sequence[LeadOverRival]
) -> tuple[float | None, float | None]:
    """Return the lowest and highest place of one end of a scale between which the winner is chosen.

    Args:
        scores: the policy's.
        index: whose scale moves.
        end: `worst` or `best`.
        leads: the winner against every rival.

    Returns:
        (low, high); None where the end may move on without limit, or up to the other end of its scale.
    """
    # `sign` turns the scale so that better is larger. One end stays; the other is `outwards` of it, at distance 1 / u.
    score = scores[index]
    sign = 1.0 if score.best > score.worst else -1.0
    fixed = score.best if end == "worst" else score.worst
    now = 1.0 / abs(score.best - score.worst)
    weights = tuple(score.weight for score in scores)
    moving = _MovingEnd(index, end == "worst", fixed, sign, now, weights, math.fsum(weights))
    far, near = 0.0, math.inf  # in u: a wide scale, a narrow one
    # The choice stands where the winner leads every rival: the narrowest of the intervals.
    for lead in leads:
        low, high = _stands(lead, moving)
        far, near = max(far, low), min(near, high)
    outwards = -sign if end == "worst" else sign
    # Back from u to the place of the end. The widest scale (smallest u) lies farthest out; u = 0 is out without limit,
    # and an infinite u is the other end of the scale itself.
    widest = fixed + outwards / far if far > 0.0 else None
    narrowest = fixed + outwards / near if math.isfinite(near) else None
    return (narrowest, widest) if outwards > 0.0 else (widest, narrowest)


@dataclass(frozen=True, slots=True)
class _MovingEnd:
    """One end of one scale, as it is for every rival."""

    index: int
    """Whose scale."""
    is_worst: bool
    fixed: float
    """Where the other end stays."""
    sign: float
    """Of better, as a direction of values."""
    now: float
    """1 / span."""
    weights: tuple[float, ...]
    total: float
    """Of the weights."""


def _stands(lead: LeadOverRival, end: _MovingEnd) -> tuple[float, float]:
    """Return the interval of u around `now` in which the winner keeps its lead over one rival."""
    # The other scores do not move: what they contribute to the lead is the same for every u.
    rest = [w * gap for w, gap in zip(end.weights, lead.gaps, strict=True)]
    weight = end.weights[end.index]
    del rest[end.index]
    # How far inside the scale a value lies, counted from the fixed end.
    own, other = (
        end.sign * (end.fixed - value if end.is_worst else value - end.fixed)
        for value in (lead.own_values[end.index], lead.other_values[end.index])
    )
    # Where the winner's value is as good as the rival's here, no scale turns that round: the rest is the least lead.
    if (own <= other if end.is_worst else own >= other) and math.fsum(rest) / end.total > NOTHING:
        return 0.0, math.inf

    # Counted from the fixed end, a value's share of the scale is inward * u; beyond either end it is clamped.
    def place(inward: float, u: float) -> float:
        share = min(1.0, max(0.0, inward * u))
        return 1.0 - share if end.is_worst else share

    def ahead(u: float) -> float:
        return math.fsum([*rest, weight * (place(own, u) - place(other, u))]) / end.total

    # A value reaches the moving end where inward * u = 1; there its place stops, or starts, to change with u. Between
    # these breaks the lead is linear in u.
    breaks = sorted(1.0 / inward for inward in (own, other) if inward > 0.0 and math.isfinite(1.0 / inward))
    # A lead within rounding of zero is a tie, and a tie is kept only by who comes first on the ties.
    least = -NOTHING if lead.ahead_on_ties else NOTHING
    # Outwards (to smaller u, down to 0) and inwards (to larger u) from where the end is now. Beyond the last break
    # inwards both values are clamped, so nothing changes any more.
    wider = [u for u in reversed(breaks) if u < end.now]
    narrower = [u for u in breaks if u > end.now]
    return (
        _first_crossing(ahead, end.now, [*wider, 0.0], least, 0.0),
        _first_crossing(ahead, end.now, narrower, least, math.inf),
    )


def _first_crossing(
    ahead: Callable[[float], float], now: float, nodes: Sequence[float], least: float, otherwise: float
) -> float:
    """Return where a function, linear between `now` and each node in turn, first falls to `least` or below."""
    before, a = now, ahead(now)
    for node in nodes:
        b = ahead(node)
        if b <= least:
            if b >= 0.0:
                # It ends in a tie that the winner loses: the choice turns at the node itself.
                return node
            # Where the line from a to b crosses zero; a lead that is already a tie crosses at once.
            start = max(0.0, a)
            return before + (node - before) * start / (start - b)
        before, a = node, b
    return otherwise
