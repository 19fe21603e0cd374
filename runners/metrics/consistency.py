"""How far two dictionaries agree. Rows are latents, columns dimensions of the model; nothing is transposed to fit.

The expected score of unrelated dictionaries depends on their shape far more than on anything else (0.25 for 512
Gaussian rows in 128 dimensions, 0.12 for 2048 in 768), so a score says something only beside a control of the same
shape.

Up to 2048 latents cosines are held in float64 and the Hungarian algorithm runs on them. Up to 16384 they are held in
float32 (1 GiB) and matched by `runners.metrics.candidate_matching`, which proves that its matching is the best;
where it cannot, the Hungarian algorithm decides (2 GiB more). Above that cosines are computed block by block, and the
matching found is reported with the most that it may lack of the best one (`Matching.shortfall`): a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runners.arrays import Flags, Floats, Integers
from runners.metrics.candidate_matching import TOLERANCE, Block, match_candidates, row_blocks

METHOD = (
    "best one to one (Hungarian, or sparse Jonker-Volgenant proved best by its prices) up to 16384 latents; above, "
    "sparse Jonker-Volgenant on candidate pairs: a lower bound"
)
"""For a summary's protocol."""

_LARGEST_DENSE = 2048
LARGEST_HELD = 16384
"""Latents up to which a whole matrix of similarities is held, and a matching is always the best one."""


@dataclass(frozen=True)
class Matching:
    """A one-to-one matching of latents that maximises the sum of signed cosines."""

    cosines: Floats
    """(matched,) signed cosine of each matched pair; min(rows of a, rows of b) of them."""
    larger: int
    """Rows of the larger dictionary."""
    rows: Integers
    """(matched,) rows of the first dictionary, in increasing order."""
    columns: Integers
    """(matched,) their partners in the second."""
    shortfall: float = 0.0
    """What `mean` may lack of the best matching's, at most; 0 for a best matching."""

    @property
    def mean(self) -> float:
        """Mean over the rows of the larger dictionary; a row without partner counts as cosine 0."""
        # Rounding lifts the cosine of a row with itself above 1 by an ulp.
        return min(1.0, float(self.cosines.sum(dtype=np.float64) / self.larger))

    def fraction_at_least(self, cut: float) -> float:
        """Fraction of the larger dictionary's rows whose match has a cosine of at least `cut`."""
        return float(np.count_nonzero(self.cosines >= cut) / self.larger)


@dataclass(frozen=True)
class Agreement:
    """Both scores of one pair of dictionaries."""

    matching: Matching
    mmcs: float


@dataclass(frozen=True)
class Comparison:
    """The signed cosines of two dictionaries, held whole or computed when asked for."""

    a: Floats
    """(rows of a, d_model) of unit length."""
    b: Floats
    """(rows of b, d_model) of unit length."""
    held: Floats | None

    def block(self, start: int, stop: int) -> Floats:
        """Return the cosines of rows start:stop of the first dictionary with all of the second."""
        found: Floats = self.a[start:stop] @ self.b.T if self.held is None else self.held[start:stop]
        return found

    def among(self, live_a: Flags, live_b: Flags) -> Comparison:
        """Return the comparison of some latents only, given as bool (rows of a,) and (rows of b,)."""
        # Cosines that are held are cut out and not computed again.
        held = None if self.held is None else self.held[np.ix_(live_a, live_b)]
        return Comparison(self.a[live_a], self.b[live_b], held)

    def turned(self) -> Comparison:
        """Return the comparison of the second dictionary with the first."""
        return Comparison(self.b, self.a, None if self.held is None else self.held.T)

    def agreement(self) -> Agreement:
        """Return both scores."""
        if self.held is not None:
            return Agreement(matching_of(self.held), mmcs_of(self.held))
        # Too large to hold: cosines are computed again on every pass, which costs time instead of memory.
        matching = match_blocks(self.block, self.turned().block, len(self.a), len(self.b))
        return Agreement(matching, _mmcs_by_blocks(self.block, len(self.a), len(self.b)))


def compare(a: Floats, b: Floats, d_model: int) -> Comparison:
    """Compare two dictionaries (latents, d_model); float64 up to 2048 latents, float32 above.

    Raises:
        ValueError: a dictionary is not (latents, d_model), is empty, or has a row that is zero or not finite. A
            dictionary with d_model latents cannot be told from its transpose; it is read as rows = latents.
    """
    larger = max(len(a), len(b))
    precision = np.float64 if larger <= _LARGEST_DENSE else np.float32
    # Lengths are computed in float64 at every size, so that float32 rounds once, at the end.
    rows_a: Floats = _unit_rows(a, d_model).astype(precision, copy=False)
    rows_b: Floats = _unit_rows(b, d_model).astype(precision, copy=False)
    return Comparison(rows_a, rows_b, rows_a @ rows_b.T if larger <= LARGEST_HELD else None)


def cosines(a: Floats, b: Floats, d_model: int) -> Floats:
    """Return signed cosines (rows of a, rows of b) float64 of two dictionaries (latents, d_model).

    Raises:
        ValueError: as for `compare`.
    """
    product: Floats = _unit_rows(a, d_model) @ _unit_rows(b, d_model).T
    return product


def match(a: Floats, b: Floats, d_model: int) -> Matching:
    """Match the latents of two dictionaries one to one, as in Song et al. 2505.20254.

    Dictionaries of different size are matched as far as the smaller one goes.
    """
    return compare(a, b, d_model).agreement().matching


def matching_of(similarity: Floats) -> Matching:
    """Return the best matching by a matrix of signed cosines (rows of a, rows of b)."""
    rows, columns = similarity.shape
    if max(rows, columns) <= _LARGEST_DENSE:
        return _hungarian(similarity)
    if rows > columns:
        # The search by candidates gives each row a column of its own, so rows must be the smaller side.
        return _turned(matching_of(similarity.T))
    found = _match_by_blocks(lambda start, stop: similarity[start:stop], rows, columns)
    # Where the proof failed the slow solver decides, so that the score does not depend on where the search stopped.
    return found if found.shortfall == 0 else _hungarian(similarity)


def match_blocks(block: Block, turned: Block, rows: int, columns: int) -> Matching:
    """Return the matching by similarities that are computed when asked for.

    Args:
        block: gives rows of the similarities.
        turned: gives rows of their transpose.
        rows: of the first dictionary.
        columns: of the second.
    """
    if rows > columns:
        return _turned(_match_by_blocks(turned, columns, rows))
    return _match_by_blocks(block, rows, columns)


def _match_by_blocks(block: Block, rows: int, columns: int) -> Matching:
    found = match_candidates(block, rows, columns)
    # The search divides its shortfall by rows; a mean here is over the larger side, the columns.
    shortfall = 0.0 if found.shortfall <= TOLERANCE else found.shortfall * rows / columns
    return Matching(found.similarities, columns, np.arange(rows), found.columns, shortfall)


def _hungarian(similarity: Floats) -> Matching:
    from scipy.optimize import linear_sum_assignment

    # As costs in float64 the solver takes the matrix as it is; asked to maximise, it would make two copies.
    costs = np.empty(similarity.shape)
    np.negative(similarity, out=costs)
    rows, columns = linear_sum_assignment(costs)
    return Matching(similarity[rows, columns], max(similarity.shape), rows, columns)


def _turned(matching: Matching) -> Matching:
    """Return a matching of b with a as one of a with b."""
    # The rows of a `Matching` are in increasing order; what were columns are the rows now.
    order = np.argsort(matching.columns)
    return Matching(
        matching.cosines[order],
        matching.larger,
        matching.columns[order],
        matching.rows[order],
        matching.shortfall,
    )


def pw_mcc(a: Floats, b: Floats, d_model: int) -> float:
    """Return the mean signed cosine of matched latents of one pair (Song et al. 2505.20254)."""
    return match(a, b, d_model).mean


def mmcs(a: Floats, b: Floats, d_model: int) -> float:
    """Return the mean over latents of the largest |cosine| in the other dictionary, averaged over both directions.

    Not one to one: many latents may share a partner, and duplicates raise the score.
    """
    compared = compare(a, b, d_model)
    return _mmcs_by_blocks(compared.block, len(a), len(b))


def mmcs_of(similarity: Floats) -> float:
    """MMCS of a matrix of signed cosines (rows of a, rows of b)."""
    return _mmcs_by_blocks(lambda start, stop: similarity[start:stop], *similarity.shape)


def _mmcs_by_blocks(block: Block, rows: int, columns: int) -> float:
    of_rows, of_columns = 0.0, np.zeros(columns)
    for start, stop in row_blocks(rows, columns):
        size = np.abs(block(start, stop))
        # A row is complete inside one block; the largest value of a column is known after the last block only.
        of_rows += float(size.max(axis=1).sum(dtype=np.float64))
        of_columns = np.maximum(of_columns, size.max(axis=0))
    return min(1.0, float((of_rows / rows + of_columns.mean()) / 2))


def chance_corrected(score: float, floor: float) -> float:
    """Return where a score lies between chance (0) and identity (1); below chance it is negative."""
    return (score - floor) / (1 - floor)


def mean_row_cosine(a: Floats, b: Floats, d_model: int) -> float:
    """Return the mean cosine of each row of `a` with the row of `b` at the same place.

    Raises:
        ValueError: as for `compare`, or the numbers of rows differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"dictionaries of shapes {a.shape} and {b.shape} have no rows in common")
    return min(1.0, float(np.einsum("fd,fd->f", _unit_rows(a, d_model), _unit_rows(b, d_model)).mean()))


def _unit_rows(dictionary: Floats, d_model: int) -> Floats:
    if dictionary.ndim != 2 or dictionary.shape[1] != d_model or not len(dictionary):
        raise ValueError(
            f"a dictionary of shape {dictionary.shape} is not (latents, d_model={d_model}); pass rows = latents"
        )
    # A copy, so that the division below leaves the caller's dictionary as it is.
    rows: Floats = dictionary.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or (norms == 0).any():
        raise ValueError("a dictionary row is zero or not finite and has no direction")
    rows /= norms
    return rows
