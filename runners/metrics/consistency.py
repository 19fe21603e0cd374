"""How far two dictionaries agree. Rows are latents, columns dimensions of the model; nothing is transposed to fit.

The expected score of unrelated dictionaries depends on their shape far more than on anything else (0.25 for 512
Gaussian rows in 128 dimensions, 0.12 for 2048 in 768), so a score says something only beside a control of the same
shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Matching:
    """A one-to-one matching of latents that maximises the sum of signed cosines."""

    cosines: np.ndarray
    """(matched,) signed cosine of each matched pair; min(rows of a, rows of b) of them."""
    larger: int
    """Rows of the larger dictionary."""

    @property
    def mean(self) -> float:
        """Mean over the rows of the larger dictionary; a row without partner counts as cosine 0."""
        return float(self.cosines.sum() / self.larger)

    def fraction_at_least(self, cut: float) -> float:
        """Fraction of the larger dictionary's rows whose match has a cosine of at least `cut`."""
        return float(np.count_nonzero(self.cosines >= cut) / self.larger)


def cosines(a: np.ndarray, b: np.ndarray, d_model: int) -> np.ndarray:
    """Return signed cosines (rows of a, rows of b) float64 of two dictionaries (latents, d_model).

    Raises:
        ValueError: a dictionary is not (latents, d_model), is empty, or has a row that is zero or not finite. A
            dictionary with d_model latents cannot be told from its transpose; it is read as rows = latents.
    """
    product: np.ndarray = _unit_rows(a, d_model) @ _unit_rows(b, d_model).T
    return product


def match(a: np.ndarray, b: np.ndarray, d_model: int) -> Matching:
    """Match the latents of two dictionaries one to one (Hungarian algorithm, exact), as in Song et al. 2505.20254.

    Dictionaries of different size are matched as far as the smaller one goes.
    """
    return matching_of(cosines(a, b, d_model))


def matching_of(similarity: np.ndarray) -> Matching:
    """Match by a matrix of signed cosines (rows of a, rows of b)."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(similarity, maximize=True)
    return Matching(similarity[rows, columns], max(similarity.shape))


def pw_mcc(a: np.ndarray, b: np.ndarray, d_model: int) -> float:
    """Return the mean signed cosine of matched latents of one pair (Song et al. 2505.20254)."""
    return match(a, b, d_model).mean


def mmcs(a: np.ndarray, b: np.ndarray, d_model: int) -> float:
    """Return the mean over latents of the largest |cosine| in the other dictionary, averaged over both directions.

    Not one to one: many latents may share a partner, and duplicates raise the score.
    """
    return mmcs_of(cosines(a, b, d_model))


def mmcs_of(similarity: np.ndarray) -> float:
    """MMCS of a matrix of signed cosines (rows of a, rows of b)."""
    size = np.abs(similarity)
    return float((size.max(axis=1).mean() + size.max(axis=0).mean()) / 2)


def chance_corrected(score: float, floor: float) -> float:
    """Return where a score lies between chance (0) and identity (1); below chance it is negative."""
    return (score - floor) / (1 - floor)


def mean_row_cosine(a: np.ndarray, b: np.ndarray, d_model: int) -> float:
    """Return the mean cosine of each row of `a` with the row of `b` at the same place.

    Raises:
        ValueError: as for `cosines`, or the numbers of rows differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"dictionaries of shapes {a.shape} and {b.shape} have no rows in common")
    return float(np.einsum("fd,fd->f", _unit_rows(a, d_model), _unit_rows(b, d_model)).mean())


def _unit_rows(dictionary: np.ndarray, d_model: int) -> np.ndarray:
    if dictionary.ndim != 2 or dictionary.shape[1] != d_model or not len(dictionary):
        raise ValueError(
            f"a dictionary of shape {dictionary.shape} is not (latents, d_model={d_model}); pass rows = latents"
        )
    rows: np.ndarray = dictionary.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or (norms == 0).any():
        raise ValueError("a dictionary row is zero or not finite and has no direction")
    rows /= norms
    return rows
