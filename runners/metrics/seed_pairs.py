"""Agreement of a stack of dictionaries, seed pair by seed pair: raw observations, never an average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from runners.arrays import Flags, Floats
from runners.metrics.consistency import compare
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
    shortfall: tuple[float, ...]
    """What pw_mcc and pw_mcc_live may lack of the best matching's, at most; 0 up to 16384 latents."""


def score_pairs(
    decoders: Floats,
    seeds: Sequence[int],
    d_model: int,
    cut: float,
    progress: Progress,
    live: Flags | None = None,
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
        compared = compare(decoders[a], decoders[b], d_model)
        whole = compared.agreement()
        # Where every latent is live, the live scores are those of the whole, and no second matching is needed.
        among_live = (whole.matching.mean, whole.mmcs)
        shortfall = whole.matching.shortfall
        if live is not None and not (live[a].all() and live[b].all()):
            # A seed without a live latent has nothing that could agree; 0 keeps it in the mean instead of dropping it.
            among_live = (0.0, 0.0)
            if live[a].any() and live[b].any():
                part = compared.among(live[a], live[b]).agreement()
                among_live = (part.matching.mean, part.mmcs)
                # One number answers for both matchings: the larger of the two errors.
                shortfall = max(shortfall, part.matching.shortfall)
        rows.append((whole.matching.mean, whole.mmcs, whole.matching.fraction_at_least(cut), *among_live, shortfall))
        progress.advance(1)
    return PairScores(
        tuple((seeds[a], seeds[b]) for a, b in pairs), *(tuple(column) for column in zip(*rows, strict=True))
    )
