"""Whether the SAEs of an arm have diverged, for stages whose kind has no measure that would show it."""

from __future__ import annotations

from runners.arms.saes import Saes
from runners.summary_writing import in_words


def diverged(saes: Saes | None, device: str) -> str | None:
    """Return which seeds diverged and by what sign, on the held-out rows; None where none did, or nobody can tell."""
    if saes is None:
        return None
    held_out = saes.reconstruction(device)
    return in_words(
        {
            ("r2", "below_mean"): dict(zip(saes.seeds, held_out.r2, strict=True)),
            ("dead_fraction", "all_dead"): dict(zip(saes.seeds, held_out.dead_fraction, strict=True)),
        }
    )
