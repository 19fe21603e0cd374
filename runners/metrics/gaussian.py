"""Chance at a shape: dictionaries whose rows are drawn from a normal distribution and owe nothing to any model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runners.arrays import Floats
from runners.seeding import generator


def gaussian_dictionaries(seeds: Sequence[int], d_sae: int, d_model: int, draw: int) -> Floats:
    """Return one Gaussian dictionary per seed, (seeds, d_sae, d_model) float32, the `draw`-th of each seed."""
    import torch

    # The draw is part of the purpose, so each draw has its own stream, whichever others are made.
    purpose = f"gaussian dictionary {draw}"
    return np.stack([torch.randn((d_sae, d_model), generator=generator(purpose, seed)).numpy() for seed in seeds])
