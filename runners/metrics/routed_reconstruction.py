"""Reconstruction by SAEs that pick a layer for each token: judged on the layer that was picked.

Every layer is first brought to the same mean norm, as in training, or r2 would be that of the layer with the largest
activations. SST is about the mean of each token's own layer: a dictionary gets no credit for knowing the layers' means.
Rows whose norm is extreme at one of the layers are left out, and r2 over all rows stands beside.
"""

from __future__ import annotations

import numpy as np
import torch

from runners.arrays import Flags, Floats
from runners.metrics.extreme_rows import extreme_rows
from runners.metrics.reconstruction import Reconstruction
from runners.saes.normalisation import factor_of
from runners.saes.route import RouteSAE
from runners.saes.training import SaeStack

_ROWS_PER_CHUNK = 2048


def measure_routed(stack: SaeStack, rows: Floats, device: str) -> Reconstruction:
    """Measure a stack of RouteSAEs on held-out rows, (rows, layers, d_in), in scaled units.

    Raises:
        ValueError: no RouteSAEs, no rows, or rows that do not vary.
    """
    if not isinstance(stack.architecture, RouteSAE):
        raise ValueError(f"'{stack.architecture.name}' picks no layer")
    if not len(rows):
        raise ValueError("no rows to reconstruct")
    extreme = extreme_rows(rows)
    count = int(extreme.sum())
    places = range(len(stack.seeds))
    found = [_one(stack, place, rows, device, ~extreme if count else None) for place in places]
    everything = [_one(stack, place, rows, device, None) for place in places] if count else found
    return Reconstruction(
        r2=tuple(each[0] for each in found),
        l0=tuple(each[1] for each in found),
        mse=tuple(each[2] for each in found),
        live=np.stack([each[3] for each in found]),
        r2_all_rows=tuple(each[0] for each in everything),
        extreme_rows=count,
    )


def _one(
    stack: SaeStack, place: int, rows: Floats, device: str, kept: Flags | None
) -> tuple[float, float, float, Floats]:
    architecture = stack.architecture
    assert isinstance(architecture, RouteSAE)
    parameters = {name: value[place].to(device) for name, value in stack.parameters.items()}
    factor = factor_of(stack.scale, device)
    squared = active = 0.0
    live = np.zeros(architecture.d_sae, dtype=bool)
    # Sums per picked layer: SST about each layer's own mean is sum |x|^2 - n |mean|^2, in float64.
    counts = torch.zeros(architecture.layers, dtype=torch.float64, device=device)
    sums = torch.zeros((architecture.layers, architecture.d_in), dtype=torch.float64, device=device)
    first = _part(rows, 0, kept).astype(np.float32)
    centre = torch.from_numpy(first).to(device).mul(factor).double().mean(dim=0)
    sizes = 0.0
    for start in range(0, len(rows), _ROWS_PER_CHUNK):
        chunk = np.ascontiguousarray(_part(rows, start, kept))
        if not len(chunk):
            continue
        x = torch.from_numpy(chunk).to(device).float() * factor
        with torch.no_grad():
            restored, latents = architecture.reconstruct(parameters, x)
            routed = architecture.route(parameters, x)
        picked = routed.picked.double()
        squared += float((restored.double() - picked).square().sum())
        active += float((latents > 0).sum())
        live |= (latents > 0).any(dim=0).cpu().numpy()
        # About a point near the means, so that the difference below is not one of two large numbers.
        offset = picked - centre[routed.layer]
        sizes += float(offset.square().sum())
        counts.index_add_(0, routed.layer, torch.ones(len(picked), dtype=torch.float64, device=device))
        sums.index_add_(0, routed.layer, offset)
    spread = sizes - float((sums.square().sum(dim=1) / counts.clamp_min(1)).sum())
    if not spread > 0:
        raise ValueError("the rows do not vary, so no share of their variance can be explained")
    count = len(rows) if kept is None else int(kept.sum())
    return 1.0 - squared / spread, active / count, squared / (count * architecture.d_in), live


def _part(rows: Floats, start: int, kept: Flags | None) -> Floats:
    place = slice(start, start + _ROWS_PER_CHUNK)
    return rows[place] if kept is None else rows[place][kept[place]]
