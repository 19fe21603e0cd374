"""What counts as chance where agreement across seeds is measured, in a configuration and in a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from runners.config import Bounds
from runners.summary_writing import Json


@dataclass(frozen=True)
class ChancePlan:
    """What counts as chance."""

    gaussian_draws: Annotated[int, Bounds(1, 1000)]
    """Gaussian dictionaries per seed; a pair's floor is the mean over draws."""


def agreement_settings(gaussian_draws: int) -> Json:
    """Return what a protocol's settings say of scores beside chance, as `score_beside_chance` computes them."""
    return {
        "gaussian_draws": gaussian_draws,
        "pw_mcc": "signed cosine of decoder rows, Hungarian one to one, all latents",
        "pw_mcc_live": "divided by the larger number of live latents",
        "chance_floor": "Gaussian dictionaries of the same shape, same pair of seeds",
        "chance_floor_live": "as many Gaussian rows as there are live latents",
    }
