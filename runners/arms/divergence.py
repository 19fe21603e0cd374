"""Whether the SAEs of an arm have diverged, for stages whose kind has no measure that would show it."""

from __future__ import annotations

from runners.arms.saes import Saes
from runners.summary_writing import why_diverged


def diverged(saes: Saes | None, device: str) -> str | None:
    """Return which seeds diverged and by what sign, on the held-out rows; None where none did, or nobody can tell."""
    if saes is None:
        return None
    held_out = saes.reconstruction(device)
    values = {"r2": held_out.r2, "dead_fraction": held_out.dead_fraction}
    return why_diverged(
        {
            name: {"design": "per_seed", "columns": {"seed": saes.seeds, "candidate": value}}
            for name, value in values.items()
        }
    )
