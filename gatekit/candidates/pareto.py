"""Who is at least as good as a candidate in everything and better in something, for thousands of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_DOMINATORS = 100
"""Of one candidate so many are named, the first in order: a table of all pairs would grow with the square."""

_AT_ONCE = 512
"""Points that as many others are compared with in one step; most are dominated by enough of the first."""


def dominators(points: Sequence[Sequence[float]]) -> list[tuple[int, ...]]:
    """Return, per point, the places of the points that dominate it, in their order, at most `MOST_DOMINATORS`.

    Args:
        points: of equal length; more is better on every axis, and -inf stands for a missing value.
    """
    import numpy as np  # here because no gate needs it

    if not points or not points[0]:
        return [()] * len(points)
    # Ranks for values: equal ones have equal ranks, and whole numbers are compared faster and summed exactly.
    values = np.array(points, dtype=np.float64).T
    axes = np.array([np.unique(axis, return_inverse=True)[1] for axis in values], dtype=np.int32)
    return [
        tuple(places)
        for start in range(0, len(points), _AT_ONCE)
        for places in _dominators(axes, axes[:, start : start + _AT_ONCE])
    ]


def _dominators(axes: NDArray[np.int32], asked: NDArray[np.int32]) -> list[list[int]]:
    """Return the first dominators of some of the points.

    Args:
        axes: (axes, points) int32, the ranks of all points.
        asked: (axes, some) int32, of those that are asked about.
    """
    import numpy as np

    sums, asked_sums = axes.sum(axis=0, dtype=np.int64), asked.sum(axis=0, dtype=np.int64)
    found: list[list[int]] = [[] for _ in asked[0]]
    still = np.arange(len(found))
    for start in range(0, axes.shape[1], _AT_ONCE):
        others = axes[:, start : start + _AT_ONCE]
        # At least as good on every axis, and not equal on all of them.
        better = sums[start : start + _AT_ONCE] > asked_sums[still, np.newaxis]
        for own, other in zip(asked[:, still, np.newaxis], others, strict=True):
            better &= other >= own
        for place, dominates in zip(still.tolist(), better, strict=True):
            own_places = found[place]
            own_places += (np.flatnonzero(dominates)[: MOST_DOMINATORS - len(own_places)] + start).tolist()
        still = still[[len(found[place]) < MOST_DOMINATORS for place in still]]
        if not len(still):
            break
    return found
