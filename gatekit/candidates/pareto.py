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
"""Points that one comparison looks at; most candidates are dominated by one of the first."""


def dominators(points: Sequence[Sequence[float]]) -> list[tuple[int, ...]]:
    """Return, per point, the places of the points that dominate it, in their order, at most `MOST_DOMINATORS`.

    Args:
        points: of equal length; more is better on every axis, and -inf stands for a missing value.
    """
    import numpy as np  # here because no gate needs it

    if not points or not points[0]:
        return [()] * len(points)
    table = np.array(points, dtype=np.float64)
    return [_dominators(table, point) for point in table]


def _dominators(table: NDArray[np.float64], point: NDArray[np.float64]) -> tuple[int, ...]:
    import numpy as np

    found: list[int] = []
    for start in range(0, len(table), _AT_ONCE):
        some = table[start : start + _AT_ONCE]
        better = np.logical_and((some >= point).all(axis=1), (some > point).any(axis=1))
        found += (np.flatnonzero(better) + start).tolist()
        if len(found) >= MOST_DOMINATORS:
            break
    return tuple(found[:MOST_DOMINATORS])
