"""Matching latents by what they do: by the effect that ablating each of them has on the reconstruction.

Setting latent i to zero changes the reconstruction of row x by -z_i(x) d_i, d_i its decoder row. Over held-out rows the
cosine of the effects of latent i of one SAE and latent j of another is

    sum_x z_i(x) z'_j(x) <d_i, d'_j> / (|z_i| |z'_j| |d_i| |d'_j|)  =  cos(z_i, z'_j) cos(d_i, d'_j)

so two latents are the same only if they point the same way and are active together, equally strongly. Matching by
decoder cosine alone sees only the first factor. Effects of the opposite direction, or on disjoint rows, are no match.
What it does not see: what an ablation changes downstream of the reconstruction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from runners.arrays import Floats, Integers
from runners.metrics.candidate_matching import row_blocks
from runners.metrics.consistency import LARGEST_HELD, Matching, compare, match_blocks, matching_of

if TYPE_CHECKING:
    from runners.metrics.reconstruction import Reconstruct

_ROWS_PER_CHUNK = 2048


@dataclass(frozen=True)
class Effects:
    """The live latents of one SAE on some rows, scaled so that products are cosines."""

    places: Integers
    """(live,) their numbers in the SAE."""
    activations: Any
    """(rows, live) scipy.sparse.csc_array float64, each column of unit length."""
    directions: Floats
    """(live, d_model) float64 decoder rows of unit length."""

    def with_rows_of(self, other: Effects, start: int, stop: int) -> Floats:
        """Return the cosines of effects of latents start:stop with all of another SAE's, float32; 0 if negative."""
        # The two factors of the formula above: cosines of activations, then cosines of directions.
        together = (self.activations[:, start:stop].T @ other.activations).toarray()
        cosines = together * (self.directions[start:stop] @ other.directions.T)
        # An effect of the opposite direction is no match: it must not count for less than no partner at all.
        rectified: Floats = np.maximum(cosines, 0.0).astype(np.float32)
        return rectified


@dataclass(frozen=True)
class FunctionalScores:
    """Of one pair of SAEs, over the latents that are live in each."""

    pw_mcc: float
    """Mean cosine of effects in the best one-to-one matching by effects; a latent without partner counts as 0."""
    pw_mcc_by_cosine: float
    """The same for the matching by decoder cosine: what latents that point the same way do alike."""
    agreement: float
    """Share of latents that both matchings give the same partner, of the larger number of live latents."""
    shortfall: float = 0.0
    """What a matching's mean may lack of the best one's, at most; 0 up to 16384 live latents."""


def latents_of(reconstruct: Reconstruct, rows: Floats, device: str) -> list[Any]:
    """Return each seed's latents on `rows`, (rows, d_in), as a scipy.sparse.csr_array (rows, d_sae) float32."""
    import torch
    from scipy.sparse import csr_array, vstack

    parts: list[list[Any]] = []
    for start in range(0, len(rows), _ROWS_PER_CHUNK):
        x = torch.from_numpy(np.ascontiguousarray(rows[start : start + _ROWS_PER_CHUNK])).to(device).float()
        _, latents = reconstruct(x)
        # Made sparse chunk by chunk: dense latents of all rows at once may not fit.
        parts.append([csr_array(of_seed) for of_seed in latents.cpu().numpy()])
    return [vstack(of_seed, format="csr") for of_seed in zip(*parts, strict=True)]


def effects(latents: Any, decoder: Floats) -> Effects:
    """Return the effects of the latents that are active on some row.

    Args:
        latents: (rows, d_sae), sparse.
        decoder: (d_sae, d_model).

    Raises:
        ValueError: the shapes do not go together, or a live latent has no direction.
    """
    from scipy.sparse import csc_array, diags_array

    if latents.shape[1] != len(decoder):
        raise ValueError(f"latents of shape {latents.shape} for a decoder of shape {decoder.shape}")
    columns = csc_array(latents.astype(np.float64))
    sizes = np.sqrt(columns.power(2).sum(axis=0))
    # A latent that is active on no row has no effect, and no length to divide by.
    places = np.flatnonzero(sizes)
    directions = decoder[places].astype(np.float64)
    norms = np.linalg.norm(directions, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or (norms == 0).any():
        raise ValueError("a live latent's decoder row is zero or not finite and has no direction")
    return Effects(places, columns[:, places] @ diags_array(1 / sizes[places]), directions / norms)


def match_effects(a: Effects, b: Effects) -> Matching:
    """Match live latents one to one by the cosine of their effects; pairs without common effect are left out.

    Both must have live latents; `rows` and `columns` of the result are numbers in the SAEs.
    """
    shape = len(a.places), len(b.places)

    def block(start: int, stop: int) -> Floats:
        return a.with_rows_of(b, start, stop)

    def turned(start: int, stop: int) -> Floats:
        return b.with_rows_of(a, start, stop)

    # Held whole where it fits, because only then the matching is sure to be the best one.
    if max(shape) <= LARGEST_HELD:
        held = np.empty(shape, dtype=np.float32)
        for start, stop in row_blocks(*shape):
            held[start:stop] = block(start, stop)
        found = matching_of(held)
    else:
        found = match_blocks(block, turned, *shape)
    # The solver gives a partner to every row, also where nothing is in common. Such pairs are dropped; `larger` still
    # counts their latents, as 0.
    alike = found.cosines > 0
    return Matching(
        found.cosines[alike],
        found.larger,
        a.places[found.rows[alike]],
        b.places[found.columns[alike]],
        found.shortfall,
    )


def functional_scores(a: Effects, b: Effects) -> FunctionalScores:
    """Match two SAEs by effects and by decoder cosine, and compare; all scores are 0 where one has no live latent."""
    if not len(a.places) or not len(b.places):
        return FunctionalScores(0.0, 0.0, 0.0)
    by_effect = match_effects(a, b)
    by_cosine = compare(a.directions, b.directions, a.directions.shape[1]).agreement().matching
    # In the numbers of the SAEs: `by_cosine` counts live latents only.
    partner = dict(zip(by_effect.rows.tolist(), by_effect.columns.tolist(), strict=True))
    same = sum(
        partner.get(row) == column
        for row, column in zip(a.places[by_cosine.rows].tolist(), b.places[by_cosine.columns].tolist(), strict=True)
    )
    # Only matched pairs are multiplied, which is the diagonal of the full product of activations.
    together = a.activations[:, by_cosine.rows].multiply(b.activations[:, by_cosine.columns]).sum(axis=0)
    alike = np.maximum(together * by_cosine.cosines, 0.0)
    return FunctionalScores(
        by_effect.mean,
        min(1.0, float(alike.sum() / by_effect.larger)),
        same / by_effect.larger,
        max(by_effect.shortfall, by_cosine.shortfall),
    )


def score_functional_pairs(
    latents: Sequence[Any], decoders: Floats, pairs: Sequence[tuple[int, int]]
) -> list[FunctionalScores]:
    """Score pairs of a stack of SAEs.

    Args:
        latents: one (rows, d_sae) sparse array per SAE, on the same rows.
        decoders: (SAEs, d_sae, d_model).
        pairs: places in the stack.
    """
    found = [effects(each, decoder) for each, decoder in zip(latents, decoders, strict=True)]
    return [functional_scores(found[a], found[b]) for a, b in pairs]
