"""A winner beside everyone else who was ranked: by how much it leads, score by score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gatekit.candidates.pareto import dominators
from gatekit.candidates.scoring import read_places, weighted_mean
from gatekit.candidates.selecting import ComparedCandidate, SelectionResult

_NEAR = 1e-11
"""Weighted means that are so near may be equal once they are rounded (`scoring.DIGITS`)."""
_AT_ONCE = 1 << 20
"""Pairs of a weighting and a rival that are compared in one step."""


@dataclass(frozen=True)
class LeadOverRival:
    """The winner against one rival, in the order of the policy's scores."""

    own: tuple[float, ...]
    """The winner's scores."""
    other: tuple[float, ...]
    """The rival's."""
    own_values: tuple[float, ...]
    """What the winner's scores are of: bounds or estimates."""
    other_values: tuple[float, ...]
    ahead_on_ties: bool
    """Whether the winner comes first where the weighted means are equal."""
    gaps: tuple[float, ...]
    """The winner's scores less the rival's."""


class Rivals:
    """All leads of a winner. Each candidate's numbers are read once, for thousands of weightings."""

    def __init__(self, selected: SelectionResult, winner: ComparedCandidate) -> None:
        self.winner = winner
        self._weights = [score.weight for score in selected.selection.scores]
        self._places = read_places(selected.selection)
        self._own = self._numbers(winner)
        self.leads = [self._lead(c) for c in selected.candidates if c.rank is not None and c is not winner]
        self._foremost = _foremost(self.leads)

    def wins_among(self, weightings: Sequence[Sequence[int]]) -> int:
        """Count the weightings of the scores with which the winner would be chosen among those ranked.

        A lead or a lag that no rounding could turn decides as it is; what is nearer is computed as a selection does.

        Args:
            weightings: whole numbers, none negative, one per score, not all 0.
        """
        import numpy as np  # here because no gate needs it

        rivals = self._foremost
        if not rivals:
            return len(weightings)
        lags = -np.array([lead.gaps for lead in rivals], dtype=np.float64).T
        step = max(1, _AT_ONCE // len(rivals))
        won = 0
        for start in range(0, len(weightings), step):
            some = weightings[start : start + step]
            shares = np.array(some, dtype=np.float64)
            behind = (shares / shares.sum(axis=1, keepdims=True)) @ lags
            worst = behind.max(axis=1)
            near = np.abs(worst) <= _NEAR
            won += int((worst < -_NEAR).sum())
            for place in np.flatnonzero(near).tolist():
                close = (rivals[one] for one in np.flatnonzero(behind[place] >= -_NEAR).tolist())
                own = weighted_mean(self._own[0], some[place])
                won += not any(_is_lost(own, lead, some[place]) for lead in close)
        return won

    def would_yield_to(self, candidate: ComparedCandidate) -> bool:
        """Whether a candidate, were it eligible, would keep the winner from being chosen, be it by a tie."""
        # Whoever is ranked was eligible, and stayed behind.
        if candidate.rank is not None or any(value.value is None for value in candidate.values):
            return False
        return _is_lost(weighted_mean(self._own[0], self._weights), self._lead(candidate), self._weights)

    def _lead(self, rival: ComparedCandidate) -> LeadOverRival:
        own, other = self._own, self._numbers(rival)
        gaps = tuple(a - b for a, b in zip(own[0], other[0], strict=True))
        return LeadOverRival(own[0], other[0], own[1], other[1], own[2] > other[2], gaps)

    def _numbers(self, candidate: ComparedCandidate) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
        """Return scores, what they are of, and the values that break ties, turned so that more is better."""
        values = candidate.values
        scored = [values[place] for place in self._places.scores]
        scores = tuple(v.score for v in scored if v.score is not None)
        numbers = tuple(v.value for v in scored if v.value is not None)
        ties = tuple(values[place].goodness for place in self._places.ties)
        return scores, numbers, ties


def _is_lost(own: float, lead: LeadOverRival, weights: Sequence[float]) -> bool:
    """Whether a rival would keep the winner, whose weighted mean is `own`, from being chosen."""
    other = weighted_mean(lead.other, weights)
    return own < other or (own == other and not lead.ahead_on_ties)


def _foremost(leads: Sequence[LeadOverRival]) -> list[LeadOverRival]:
    """Return the leads over rivals that no other rival is at least as good as in every score and on ties.

    Where the winner stays ahead of these, it does of all: no weighted mean of the others is better, rounding included.
    """
    # Of equal ones any stands for all.
    points = {(*lead.other, float(not lead.ahead_on_ties)): lead for lead in leads}
    return [lead for lead, above in zip(points.values(), dominators(list(points)), strict=True) if not above]


def weightings(parts: int, steps: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to share `steps` among `parts`, in lexical order."""
    if parts == 1:
        yield (steps,)
        return
    # Whole steps and not fractions, so that every weighting is met exactly once.
    for share in range(steps + 1):
        for rest in weightings(parts - 1, steps - share):
            yield (share, *rest)
