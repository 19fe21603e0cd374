"""CE-Bench scores of an SAE on story pairs (arXiv 2509.00691), implemented from the published formulas.

For a pair of stories let V1 and V2 be the mean latents over the tokens of either story, and I1 the mean over the tokens
of both. A distance is a vector over latents, z subtracts its mean over latents and divides by its unbiased standard
deviation, and a score is the largest z:

| score | distance |
|---|---|
| contrastive | abs(V1 - V2) |
| independence | abs(I1 - I2) |
| interpretability | abs(V1 - V2) + abs(I1 - I2) |

The last is what the released code calls interpretability. What the paper calls so combines scores instead of distances:
`interpretability_sum` is contrastive plus independence, without the paper's fitted weights and its term for sparsity.

`paper`: I2 is the mean of I1 over the pairs. `upstream_2025_05`: I2 is 0, as it is in the released code of May 2025,
which adds I2 to itself; independence is then how far the loudest latent stands out. The two are different numbers.

What a score establishes: one latent moves between the two stories, or away from the average pair, far more than the
others do. What it does not: that this latent stands for what the stories contrast. Among F latents no z exceeds
(F - 1) / sqrt(F), and the score grows with F of itself, so scores are comparable at equal width only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gatekit.errors import GatekitError
from runners.arrays import Flags, Floats, Integers

Formula = Literal["paper", "upstream_2025_05"]

_PAIRS_PER_CHUNK = 256


@dataclass(frozen=True)
class PairMeans:
    """Mean latents of story pairs."""

    first: Floats
    """(pairs, d_sae): V1."""
    second: Floats
    """(pairs, d_sae): V2."""
    tokens: Integers
    """(pairs, 2): tokens of either story."""

    def joint(self, start: int, stop: int) -> Floats:
        """Return I1 of the pairs from `start` to `stop`, (pairs, d_sae) float64: every token counts once."""
        tokens = self.tokens[start:stop].astype(np.float64)
        weights = tokens / tokens.sum(axis=1, keepdims=True)
        both: Floats = weights[:, :1] * self.first[start:stop] + weights[:, 1:] * self.second[start:stop]
        return both


@dataclass(frozen=True)
class StoryPairScores:
    """Of every pair, (pairs,) float64."""

    contrastive: Floats
    independence: Floats
    interpretability: Floats
    flat: Flags
    """bool: a distance of the pair is the same at every latent; the score of that distance is then 0."""

    @property
    def interpretability_sum(self) -> Floats:
        """Contrastive plus independence: the scores are added, where `interpretability` adds the distances."""
        return self.contrastive + self.independence


def ceiling(d_sae: int) -> float:
    """Return (F - 1) / sqrt(F): the largest z that one of F values can have under the unbiased standard deviation.

    It is reached when one value differs from all others and these are equal.

    Raises:
        ValueError: fewer than two latents have no spread.
    """
    if d_sae < 2:
        raise ValueError("a z-score over latents needs two of them")
    return (d_sae - 1) / math.sqrt(d_sae)


def score_pairs(means: PairMeans, formula: Formula) -> StoryPairScores:
    """Score every pair.

    A distance that is the same at every latent, above all the zero distance of latents that are silent on both stories,
    has no spread; its score is 0, as in the released code, and no defined score is lower. It is counted in `flat`, so
    that a caller can refuse a baseline that is low for this reason.
    """
    pairs, d_sae = means.first.shape
    highest = ceiling(d_sae)
    chunks = [(start, min(start + _PAIRS_PER_CHUNK, pairs)) for start in range(0, pairs, _PAIRS_PER_CHUNK)]
    # I2 as in the released code; the paper's takes a pass over all pairs before any of them can be scored.
    reference = np.zeros(d_sae)
    if formula == "paper":
        reference = np.sum([means.joint(*chunk).sum(axis=0) for chunk in chunks], axis=0) / pairs
    scores = np.empty((3, pairs))
    flat = np.zeros(pairs, dtype=bool)
    for start, stop in chunks:
        contrast = np.abs(means.first[start:stop].astype(np.float64) - means.second[start:stop])
        distance = np.abs(means.joint(start, stop) - reference)
        # In the order of the table above.
        for place, each in enumerate((contrast, distance, contrast + distance)):
            found, same = largest_z(each)
            # Rounding can lift a lone latent's z above the ceiling by a few units in the last place.
            scores[place, start:stop] = np.minimum(found, highest)
            # One flat distance of the three is enough: the pair's scores are then not all defined.
            flat[start:stop] |= same
    contrastive, independence, interpretability = scores
    return StoryPairScores(contrastive, independence, interpretability, flat)


def largest_z(distances: Floats) -> tuple[Floats, Floats]:
    """Return each row's largest z, (pairs,), 0 where the row does not vary, and which rows these are.

    Args:
        distances: (pairs, d_sae) float64.
    """
    least, largest = (reduce(distances, axis=1, keepdims=True) for reduce in (np.min, np.max))
    same = (largest == least)[:, 0]
    # Brought to [0, 1], which no z notices, because the squares of very small distances would vanish.
    shares = (distances - least) / np.where(largest == least, 1.0, largest - least)
    # The 1.0 only keeps the division defined; rows that do not vary get 0 below.
    spread = np.where(same, 1.0, shares.std(axis=1, ddof=1))
    # The largest share is 1 after the shift, so its z is (1 - mean) / spread.
    return np.where(same, 0.0, (1.0 - shares.mean(axis=1)) / spread), same


@dataclass(frozen=True)
class Conditions:
    """What must agree before the scores of two sides are subtracted."""

    name: str
    hook: str
    d_sae: int
    pairs_sha256: str
    """Over the pairs in order."""
    pairs: int
    l0: tuple[float, ...]
    """Mean active latents per token of the stories; one per seed, or one SAE for all."""


def check_matched(candidate: Conditions, baseline: Conditions, l0_band: float) -> None:
    """Refuse a baseline that is not the candidate's equal in hook, width, pairs and number of active latents.

    Args:
        candidate: the SAEs to judge.
        baseline: what their scores are compared with.
        l0_band: each L0 of the baseline lies within this factor, at least 1, of the candidate's of the same seed.

    Raises:
        GatekitError: `benchmark.unmatched`, with every difference.
    """
    faults = [
        f"{word} {ours} against {theirs}"
        for word, ours, theirs in (
            ("hook", candidate.hook, baseline.hook),
            ("latents", candidate.d_sae, baseline.d_sae),
            ("pairs", candidate.pairs, baseline.pairs),
            ("digest of the pairs", candidate.pairs_sha256, baseline.pairs_sha256),
        )
        if ours != theirs
    ]
    # A single SAE, such as a published one, stands beside every seed of the candidate.
    others = baseline.l0 * len(candidate.l0) if len(baseline.l0) == 1 else baseline.l0
    if len(others) != len(candidate.l0):
        faults.append(f"SAEs {len(candidate.l0)} against {len(others)}")
    else:
        faults += [
            f"L0 {ours:.4g} against {theirs:.4g}, not within a factor of {l0_band:g}"
            for ours, theirs in zip(candidate.l0, others, strict=True)
            # Written with `not`, so that an L0 that is not a number is a fault too.
            if not 0 < ours <= theirs * l0_band or not theirs <= ours * l0_band
        ]
    if faults:
        raise GatekitError(
            "benchmark.unmatched",
            f"{baseline.name} is no match for {candidate.name}: {'; '.join(faults)}",
            remedy="a z-score over latents depends on all of these: take a baseline of the same shape and sparsity",
        )
