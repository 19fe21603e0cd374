"""Agreement of a stack of dictionaries beside what dictionaries that owe nothing to any model reach at the same shape.

The score of unrelated dictionaries rises with the number of latents and falls with the width of the model, so that raw
scores of two shapes say nothing about each other. What is comparable is where a score lies between chance and identity,
(score - floor) / (1 - floor), with the floor measured at the very shape, and at the very number of live latents where
only those are scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import fmean

from runners.arrays import Flags, Floats
from runners.metrics.consistency import chance_corrected
from runners.metrics.gaussian import gaussian_dictionaries
from runners.metrics.seed_pairs import PairScores, score_pairs
from runners.progress import Progress


@dataclass(frozen=True)
class BesideChance:
    """Scores of one arm, and those of Gaussian dictionaries of its shape on the same pairs of seeds."""

    scores: PairScores
    floor: PairScores
    """Mean over draws; the live scores are those of as many Gaussian rows as the arm has live latents."""

    def corrected(self, name: str) -> list[float]:
        """Return a score, `pw_mcc`, `pw_mcc_live`, `mmcs` or `mmcs_live`, per pair: 0 is chance, 1 identity."""
        pairs = zip(getattr(self.scores, name), getattr(self.floor, name), strict=True)
        return [chance_corrected(score, floor) for score, floor in pairs]


def score_beside_chance(
    decoders: Floats,
    live: Flags,
    seeds: Sequence[int],
    d_model: int,
    draws: int,
    progress: Progress,
    cut: float = 0.7,
) -> BesideChance:
    """Score all pairs of one arm, and of `draws` sets of Gaussian dictionaries.

    Args:
        decoders: (seeds, latents, d_model).
        live: (seeds, latents) bool.
        seeds: in increasing order.
        d_model: width of a decoder row.
        draws: Gaussian dictionaries per seed.
        progress: advanced by one per pair and set: (1 + draws) n (n - 1) / 2 times.
        cut: as in `score_pairs`.
    """
    chance = [gaussian_dictionaries(seeds, decoders.shape[1], d_model, draw) for draw in range(draws)]
    # The floor gets the arm's own live flags, so that as many rows are matched with as many as in the arm.
    scored = [score_pairs(each, seeds, d_model, cut, progress, live) for each in (decoders, *chance)]
    return BesideChance(scored[0], _mean(scored[1:]))


def _mean(drawn: Sequence[PairScores]) -> PairScores:
    """Return the mean over draws of every score, pair by pair."""
    # The pairs of seeds are the same in every draw; only the scores are averaged.
    names = [member.name for member in fields(PairScores) if member.name != "pairs"]
    # From one list of pairs for each draw to one list of draws for each pair.
    by_pair = {name: zip(*(getattr(each, name) for each in drawn), strict=True) for name in names}
    means = {name: tuple(fmean(values) for values in pairs) for name, pairs in by_pair.items()}
    return PairScores(pairs=drawn[0].pairs, **means)
