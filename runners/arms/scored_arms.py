"""SAEs with what most stages ask of them: held-out reconstruction, and agreement beside chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runners.arms.saes import Saes
from runners.metrics.chance import BesideChance, score_beside_chance
from runners.metrics.reconstruction import Reconstruction
from runners.progress import showing


@dataclass(frozen=True)
class ScoredArm:
    """SAEs of one making, one per seed, and how they did."""

    saes: Saes
    held_out: Reconstruction
    agreement: BesideChance

    @property
    def pair_keys(self) -> dict[str, list[int]]:
        """Return the key columns of measurements by pair of seeds."""
        pairs = self.agreement.scores.pairs
        return {"seed_a": [a for a, _ in pairs], "seed_b": [b for _, b in pairs]}


def score_arms(arms: Sequence[Saes], d_model: int, gaussian_draws: int, device: str) -> list[ScoredArm]:
    """Measure every arm on its held-out rows, and every pair of its seeds beside chance at its shape.

    Args:
        arms: of any shapes.
        d_model: width of their decoder rows; stated, so that a decoder read the wrong way round is an error.
        gaussian_draws: Gaussian dictionaries per seed.
        device: to reconstruct on.
    """
    found = []
    pairs = sum(len(arm.seeds) * (len(arm.seeds) - 1) // 2 for arm in arms)
    with showing("matching latents", pairs * (1 + gaussian_draws), "pairs") as progress:
        for arm in arms:
            held_out = arm.reconstruction(device)
            agreement = score_beside_chance(arm.decoders, held_out.live, arm.seeds, d_model, gaussian_draws, progress)
            found.append(ScoredArm(arm, held_out, agreement))
    return found
