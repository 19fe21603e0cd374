"""SAEs and how they came to be what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runners.arms.saes import Saes
from runners.arrays import Floats
from runners.metrics.reconstruction import Reconstruct


@dataclass(frozen=True)
class TrainingPath:
    """SAEs of every seed at the end, and what is known of how they came there."""

    saes: Saes
    decoders: Mapping[str, Floats]
    """Point -> (seeds, d_sae, d_model) rows, for the points that are known from the start, `0`, to the end, `1`."""
    reconstruct: Reconstruct
    """All seeds at the end: (tokens, d_in) -> (seeds, tokens, d_in) and latents."""
    reconstruct_start: Reconstruct | None
    """The same before the first step; None where nobody has it."""
