"""Agreement of a stack of dictionaries, seed pair by seed pair: raw observations, never an average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from runners.metrics.consistency import cosines, matching_of, mmcs_of
from runners.progress import Progress


@dataclass(frozen=True)
class PairScores:
    """One entry per pair of seeds, pairs in increasing order."""

    pairs: tuple[tuple[int, int], ...]
    pw_mcc: tuple[float, ...]
    mmcs: tuple[float, ...]
    matched_fraction: tuple[float, ...]
    """Of latents matched at the cut or above."""
    pw_mcc_live: tuple[float, ...]
    """Over live latents; divided by the larger number of them, so that a live latent without partner counts as 0."""
    mmcs_live: tuple[float, ...]


def score_pairs(
    decoders: np.ndarray,
    seeds: Sequence[int],
    d_model: int,
    cut: float,
    progress: Progress,
    live: np.ndarray | None = None,
) -> PairScores:
    """Score all n(n-1)/2 pairs.

    Args:
        decoders: (seeds, latents, d_model).
        seeds: in increasing order.
        d_model: width of a decoder row; checked, never guessed.
        cut: cosine from which a matched pair counts as the same latent.
        progress: advanced by one per pair.
        live: (seeds, latents) bool; None where every latent counts as live. A pair in which a seed has no live latent
            scores 0 on the live measures.
    """
    if list(seeds) != sorted(set(seeds)) or len(seeds) != len(decoders):
        raise ValueError("seeds must be increasing, one per dictionary")
    rows = []
    pairs = list(combinations(range(len(seeds)), 2))
    for a, b in pairs:
        similarity = cosines(decoders[a], decoders[b], d_model)
        matching = matching_of(similarity)
        whole = (matching.mean, mmcs_of(similarity))
        among_live = whole
        if live is not None and not (live[a].all() and live[b].all()):
            part = similarity[live[a]][:, live[b]]
            among_live = (matching_of(part).mean, mmcs_of(part)) if part.size else (0.0, 0.0)
        rows.append((*whole, matching.fraction_at_least(cut), *among_live))
        progress.advance(1)
    return PairScores(
        tuple((seeds[a], seeds[b]) for a, b in pairs), *(tuple(column) for column in zip(*rows, strict=True))
    )
