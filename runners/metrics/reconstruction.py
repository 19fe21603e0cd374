"""How well SAEs reconstruct held-out activations, and how sparsely; one pass per chunk, sums in float64.

Rows of extreme norm (`runners.metrics.extreme_rows`) are left out, and r2 over all rows stands beside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from runners.arrays import Flags, Floats
from runners.metrics.extreme_rows import extreme_rows

Reconstruct = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""(tokens, d_in) -> reconstructions (seeds, tokens, d_in) and latents (seeds, tokens, d_sae)."""

_ROWS_PER_CHUNK = 2048


@dataclass(frozen=True)
class Reconstruction:
    """Of each seed of a stack, on the same rows: those of no extreme norm."""

    r2: tuple[float, ...]
    """1 - SSE / SST, SST about the mean of each dimension over these rows."""
    l0: tuple[float, ...]
    """Mean number of active latents per row."""
    mse: tuple[float, ...]
    """Mean over rows and dimensions, in the model's units."""
    live: Flags
    """(seeds, d_sae) bool: active on at least one row."""
    r2_all_rows: tuple[float, ...] = ()
    """As r2, over the rows of extreme norm too."""
    extreme_rows: int = 0
    """How many rows were left out."""

    @property
    def dead_fraction(self) -> tuple[float, ...]:
        """Fraction of latents that are active on no row."""
        return tuple((1.0 - self.live.mean(axis=1)).tolist())

    @property
    def apart(self) -> dict[str, Sequence[float]]:
        """What stands beside the measures of ordinary rows, by the name of the measure, one value per seed."""
        return {"r2_all_rows": self.r2_all_rows, "extreme_rows": [float(self.extreme_rows)] * len(self.r2)}


def measure_reconstruction(
    reconstruct: Reconstruct, rows: Floats, device: str, targets: Floats | None = None
) -> Reconstruction:
    """Measure a stack of SAEs on held-out `rows`, (rows, d_in).

    A row is left out where it, or its target, has an extreme norm.

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
    extreme = extreme_rows(rows) if targets is None else extreme_rows(rows) | extreme_rows(targets)
    count = int(extreme.sum())
    measured = _measure(reconstruct, rows, device, targets, ~extreme if count else None)
    everything = _measure(reconstruct, rows, device, targets, None).r2 if count else measured.r2
    return replace(measured, r2_all_rows=everything, extreme_rows=count)


def _measure(
    reconstruct: Reconstruct, rows: Floats, device: str, targets: Floats | None, kept: Flags | None
) -> Reconstruction:
    aims = rows if targets is None else targets
    count = len(rows) if kept is None else int(kept.sum())
    starts = range(0, len(rows), _ROWS_PER_CHUNK)

    def part(of: Floats, start: int) -> Floats:
        place = slice(start, start + _ROWS_PER_CHUNK)
        return of[place] if kept is None else of[place][kept[place]]

    # Two passes: the one-pass formula subtracts two near equal sums where the mean is large.
    mean = sum(part(aims, start).astype(np.float64).sum(axis=0) for start in starts) / count
    spread = sum(float(np.square(part(aims, start).astype(np.float64) - mean).sum()) for start in starts)
    if not spread > 0:
        raise ValueError("the rows do not vary, so no share of their variance can be explained")
    # One sum per seed, held on the device, so that no chunk waits for a copy to the CPU.
    squared_error: torch.Tensor | float = 0.0
    active: torch.Tensor | float = 0.0
    fired: torch.Tensor | None = None
    for start in starts:
        x = _on(device, part(rows, start))
        if not len(x):
            continue
        restored, latents = reconstruct(x)
        aim = x if targets is None else _on(device, part(aims, start))
        # float64 before squaring: in float32 a long sum would lose its small terms.
        squared_error = squared_error + (restored.double() - aim.double()).square().sum(dim=(1, 2))
        positive = latents > 0
        active = active + positive.sum(dim=(1, 2), dtype=torch.float64)
        seen = positive.any(dim=1)
        fired = seen if fired is None else fired | seen
    assert isinstance(squared_error, torch.Tensor) and isinstance(active, torch.Tensor) and fired is not None
    return Reconstruction(
        r2=tuple((1.0 - squared_error / spread).tolist()),
        l0=tuple((active / count).tolist()),
        mse=tuple((squared_error / (count * aims.shape[1])).tolist()),
        live=fired.cpu().numpy(),
    )


def _on(device: str, rows: Floats) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rows)).to(device).float()
