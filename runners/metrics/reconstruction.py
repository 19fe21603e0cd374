"""How well SAEs reconstruct held-out activations, and how sparsely; one pass per chunk, sums in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from runners.arrays import Flags, Floats

Reconstruct = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""(tokens, d_in) -> reconstructions (seeds, tokens, d_in) and latents (seeds, tokens, d_sae)."""

_ROWS_PER_CHUNK = 2048


@dataclass(frozen=True)
class Reconstruction:
    """Of each seed of a stack, on the same rows."""

    r2: tuple[float, ...]
    """1 - SSE / SST, SST about the mean of each dimension over these rows."""
    l0: tuple[float, ...]
    """Mean number of active latents per row."""
    mse: tuple[float, ...]
    """Mean over rows and dimensions, in the model's units."""
    live: Flags
    """(seeds, d_sae) bool: active on at least one row."""

    @property
    def dead_fraction(self) -> tuple[float, ...]:
        """Fraction of latents that are active on no row."""
        return tuple((1.0 - self.live.mean(axis=1)).tolist())


def measure_reconstruction(
    reconstruct: Reconstruct, rows: Floats, device: str, targets: Floats | None = None
) -> Reconstruction:
    """Measure a stack of SAEs on held-out `rows`, (rows, d_in).

    Args:
        reconstruct: the stack.
        rows: what it encodes.
        device: to compute on.
        targets: (rows, d_out) what a transcoder reconstructs; None where that is `rows`.

    Raises:
        ValueError: no rows, not as many targets, or targets that do not vary.
    """
    aims = rows if targets is None else targets
    if not len(rows) or len(rows) != len(aims):
        raise ValueError(f"{len(rows)} rows and {len(aims)} targets: nothing to reconstruct")
    starts = range(0, len(rows), _ROWS_PER_CHUNK)
    chunks = [aims[start : start + _ROWS_PER_CHUNK] for start in starts]
    # Two passes: the one-pass formula subtracts two near equal sums where the mean is large.
    mean = sum(chunk.astype(np.float64).sum(axis=0) for chunk in chunks) / len(rows)
    spread = sum(float(np.square(chunk.astype(np.float64) - mean).sum()) for chunk in chunks)
    if not spread > 0:
        raise ValueError("the rows do not vary, so no share of their variance can be explained")
    # One sum per seed, held on the device, so that no chunk waits for a copy to the CPU.
    squared_error: torch.Tensor | float = 0.0
    active: torch.Tensor | float = 0.0
    fired: torch.Tensor | None = None
    for start, chunk in zip(starts, chunks, strict=True):
        x = _on(device, rows[start : start + _ROWS_PER_CHUNK])
        restored, latents = reconstruct(x)
        aim = x if targets is None else _on(device, chunk)
        # float64 before squaring: in float32 a long sum would lose its small terms.
        squared_error = squared_error + (restored.double() - aim.double()).square().sum(dim=(1, 2))
        positive = latents > 0
        active = active + positive.sum(dim=(1, 2), dtype=torch.float64)
        seen = positive.any(dim=1)
        fired = seen if fired is None else fired | seen
    assert isinstance(squared_error, torch.Tensor) and isinstance(active, torch.Tensor) and fired is not None
    return Reconstruction(
        r2=tuple((1.0 - squared_error / spread).tolist()),
        l0=tuple((active / len(rows)).tolist()),
        mse=tuple((squared_error / aims.size).tolist()),
        live=fired.cpu().numpy(),
    )


def _on(device: str, rows: Floats) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rows)).to(device).float()
