"""Which rows a mean over rows must not be about: those whose norm is many times that of the others.

Language models write vectors of a hundred times the usual norm at a few tokens, mostly the first of a text or a
delimiter (massive activations, Sun et al. 2402.17762; attention sinks, Xiao et al. 2309.17453). A sum of squares over
all rows is theirs alone, and r2 near 1 then says nothing of the tokens that anyone reads. They are told from the others
by one rule, and measured apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.arrays import Flags, Floats

EXTREME_NORM = 10
"""Rows over so many times the median norm are extreme: the multiple that dictionary_learning filters by. Other tokens
keep within three times the median (MiniLM, all layers)."""

RULE = f"held-out rows over {EXTREME_NORM} times the median norm are not measured"
"""As a protocol says it."""

_ROWS_PER_CHUNK = 8192


def extreme_rows(rows: Floats) -> Flags:
    """Say of each row whether its norm is extreme, (rows,) bool.

    Args:
        rows: (rows, d) or (rows, layers, d); of several layers a row is extreme where it is so at one of them.
    """
    import numpy as np  # here, because a plan needs the rule alone

    norms = [_norms(rows[start : start + _ROWS_PER_CHUNK]) for start in range(0, len(rows), _ROWS_PER_CHUNK)]
    if not norms:
        return np.zeros(0, dtype=bool)
    table = np.concatenate(norms)
    extreme: Flags = (table > EXTREME_NORM * np.median(table, axis=0)).any(axis=1)
    return extreme


def ordinary(rows: Floats) -> Floats:
    """Return the rows of no extreme norm: themselves where that is all of them."""
    extreme = extreme_rows(rows)
    return rows[~extreme] if extreme.any() else rows


def _norms(rows: Floats) -> Floats:
    """Return (rows, layers) float64."""
    import numpy as np

    norms: Floats = np.sqrt(np.square(rows.astype(np.float64)).sum(axis=-1))
    return norms.reshape(len(rows), -1)
