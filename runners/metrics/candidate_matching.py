"""One-to-one matching of many latents: solved on the likeliest pairs, and held to a bound over all pairs.

A Hungarian solver takes the full matrix in float64 and, for 16384 unrelated latents, half a minute. Hardly any of the
pairs can be part of the best matching. So the assignment is solved on each row's best candidates only (sparse
Jonker-Volgenant), which gives a matching and hence a lower bound of the best sum. The prices that prove it best among
the candidates (the dual of the assignment problem) bound the best sum from above:

    best sum <= sum_j price_j + sum_i max_j (similarity_ij - price_j)        for any prices >= 0

The pairs that break the proof are added and the problem is solved again, until both bounds meet. Where they meet the
matching is the best one over all pairs; where they do not, their distance is the largest possible error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from runners.arrays import Floats, Integers

Block = Callable[[int, int], Floats]
"""(start, stop) -> similarities of these rows with all columns, float32, finite."""

TOLERANCE = 1e-6
"""Mean shortfall up to which a matching counts as the best: a float32 cosine carries no more."""

_BLOCK_ENTRIES = 2**23
_CHEAPEST = 1e-12
"""Smallest rise of a price; rounding in a cycle of no gain must not raise prices for ever."""


@dataclass(frozen=True)
class CandidateMatching:
    """A matching of every row to a column of its own."""

    columns: Integers
    """(rows,) partner of each row."""
    similarities: Floats
    """(rows,) of each row with its partner, float64."""
    shortfall: float
    """What the sum of its similarities may lack of the best sum, at most, divided by the number of rows."""


@dataclass(frozen=True)
class _CandidatePairs:
    """Candidate pairs, row by row, without repetition."""

    rows: Integers
    columns: Integers
    values: Floats
    """Similarities, float64."""

    def and_also(self, others: _CandidatePairs, width: int) -> _CandidatePairs:
        """Return these pairs and others, sorted by row and column."""
        rows = np.concatenate([self.rows, others.rows])
        columns = np.concatenate([self.columns, others.columns])
        # One number for each pair, so that sorting by it sorts by row and then by column.
        _, places = np.unique(rows * width + columns, return_index=True)
        return _CandidatePairs(rows[places], columns[places], np.concatenate([self.values, others.values])[places])


def row_blocks(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of row blocks that hold some eight million entries each."""
    height = max(1, _BLOCK_ENTRIES // columns)
    return ((start, min(start + height, rows)) for start in range(0, rows, height))


def match_candidates(block: Block, rows: int, columns: int, candidates: int = 32, rounds: int = 8) -> CandidateMatching:
    """Match every row to a column of its own so that the sum of similarities is as large as can be.

    Args:
        block: gives the similarities; called for all rows once per round.
        rows: number of them, at most that of the columns.
        columns: number of them.
        candidates: columns per row to begin with.
        rounds: how often the assignment is solved at most; the bounds nearly always meet in the first or second.

    Raises:
        ValueError: more rows than columns.
    """
    if not 0 < rows <= columns:
        raise ValueError(f"{rows} rows cannot each have one of {columns} columns")
    prices = np.zeros(columns, dtype=np.float32)
    # At prices of zero the bound is the sum of the largest similarity of each row.
    pairs, bound = _survey(prices, block, rows, columns, candidates, None)
    for _ in range(rounds):
        own = _solve(pairs, rows, columns)
        partners, similarities = pairs.columns[own], pairs.values[own]
        prices = _prices(pairs, own, columns)
        # What a row keeps after its partner's price. A pair that leaves the row more breaks the proof.
        kept = (similarities - prices[partners]).astype(np.float32)
        found, above = _survey(prices, block, rows, columns, candidates, kept)
        # Every round's prices give a bound that holds, so the smallest one counts.
        bound = min(bound, above + prices.sum(dtype=np.float64))
        shortfall = max(0.0, (bound - similarities.sum()) / rows)
        if shortfall <= TOLERANCE:
            break
        pairs = pairs.and_also(found, columns)
    return CandidateMatching(partners, similarities, float(shortfall))


def _solve(pairs: _CandidatePairs, rows: int, columns: int) -> Integers:
    """Return the place in `pairs` of every row's pair in the best matching among them."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    # Explicit zeros would count as no pair; costs from 1 up are none.
    costs = 1.0 + pairs.values.max() - pairs.values
    matched_rows, partners = min_weight_full_bipartite_matching(
        csr_array((costs, (pairs.rows, pairs.columns)), shape=(rows, columns))
    )
    # The solver names rows and partners; a binary search in the sorted pairs turns each into its place there.
    order = np.argsort(matched_rows)
    wanted = np.arange(rows) * columns + partners[order]
    places: Integers = np.searchsorted(pairs.rows * columns + pairs.columns, wanted)
    return places


def _prices(pairs: _CandidatePairs, own: Integers, columns: int) -> Floats:
    """Return prices, (columns,) float32, at which no row gains by another candidate than its own, as far as found.

    Longest paths from column to column by Bellman and Ford: leaving column p(i) for column j gains row i
    similarity_ij - similarity_ip(i). In the best matching no cycle gains, so the paths end.
    """
    # Sorted by column, so that `reduceat` takes the largest value of each column in one pass.
    order = np.argsort(pairs.columns, kind="stable")
    by_column = pairs.columns[order]
    reached, starts = np.unique(by_column, return_index=True)
    # For a candidate pair (i, j): the column that row i would leave, and what it would gain by taking j.
    left = pairs.columns[own][pairs.rows[order]]
    gain = (pairs.values - pairs.values[own][pairs.rows])[order]
    prices = np.zeros(columns)
    # Any prices bound the best sum; stopping early only loosens the bound.
    for _ in range(1000):
        # The least price of each column at which no row gains by moving there, at the other prices as they are.
        raised = np.maximum.reduceat(prices[left] + gain, starts)
        higher = raised > prices[reached] + _CHEAPEST
        if not higher.any():
            break
        prices[reached[higher]] = raised[higher]
    return prices.astype(np.float32)


def _survey(
    prices: Floats, block: Block, rows: int, columns: int, count: int, cuts: Floats | None
) -> tuple[_CandidatePairs, float]:
    """Look at all pairs: return those that leave a row more than its cut, and the sum of each row's best.

    What a pair leaves its row is its similarity minus the price of its column.

    Args:
        prices: (columns,) float32.
        block: gives the similarities.
        rows: number of them.
        columns: number of them.
        count: pairs per row, about and at most four times that.
        cuts: (rows,) float32; None takes the cut from every eighth column, so that about `count` pairs pass it, and
            returns the pairs (i, i) as well.
    """
    parts, total = [], 0.0
    for start, stop in row_blocks(rows, columns):
        similarity = block(start, stop)
        left = similarity - prices
        total += float(left.max(axis=1).sum(dtype=np.float64))
        if cuts is None:
            # The cut need not be exact, and ranking every column of every row would take longer: a sample's rank will
            # do.
            sample = left[:, :: 1 if columns <= 64 * count else 8]
            rank = min(columns, max(1, count * sample.shape[1] // columns))
            chosen = left >= np.partition(sample, -rank, axis=1)[:, -rank, None]
            diagonal = np.arange(stop - start), np.arange(start, stop)
        else:
            chosen, diagonal = left > cuts[start:stop, None], None
        for row in np.flatnonzero(np.count_nonzero(chosen, axis=1) > 4 * count):
            # Among many equal values any will do, but not the same for every row.
            order = np.argsort(np.roll(left[row], start + row), kind="stable")[-count:]
            chosen[row] = False
            chosen[row, (order - start - row) % columns] = True
        if diagonal is not None:
            # A column of its own for every row, so that there is always some matching.
            chosen[diagonal] = True
        # Places count row by row, so the pairs come out sorted by row and then by column.
        places = np.flatnonzero(chosen)
        at_rows, at_columns = np.divmod(places, columns)
        parts.append((at_rows + start, at_columns, similarity.ravel()[places].astype(np.float64)))
    return _CandidatePairs(*(np.concatenate(column) for column in zip(*parts, strict=True))), total
