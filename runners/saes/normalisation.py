"""Centre, scale and spread of activations: computed once from the training rows, in float64, and kept with the weights.

Inputs are multiplied by `scale`, which makes their mean norm sqrt(width), so that one learning rate and one penalty fit
models of different size (Bricken et al. 2023; Templeton et al. 2024). With several layers each has its own scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch

from runners.arrays import Floats
from runners.saes.streamed_rows import Rows, StreamedRows

Scale = float | tuple[float, ...]
"""One number, or one per layer."""

_ROWS_FOR_MEDIAN = 16384
_ROWS_PER_READ = 65536


def norm_scale(rows: Rows) -> Scale:
    """Return sqrt(width) over the mean norm of the rows, (rows, width); one per layer of (rows, layers, width)."""
    if not isinstance(rows, StreamedRows) and rows.ndim == 3:
        return tuple(_norm_scale(rows[:, layer]) for layer in range(rows.shape[1]))
    return _norm_scale(rows)


def _norm_scale(rows: Rows) -> float:
    total = math.fsum(float(np.linalg.norm(chunk, axis=1).sum()) for chunk in _chunks(rows))
    return math.sqrt(rows.shape[1]) * len(rows) / total


def factor_of(scale: Scale, device: torch.device | str) -> float | torch.Tensor:
    """Return what rows are multiplied by: the number, or (layers, 1) float32."""
    if isinstance(scale, float):
        return scale
    return torch.tensor(scale, dtype=torch.float32, device=device).unsqueeze(-1)


def centre_of(rows: Rows, kind: Literal["mean", "geometric_median"]) -> Floats:
    """Return the mean or the geometric median of the rows, (width,) float64.

    The geometric median is taken by Weiszfeld's iteration over at most 16,384 evenly spaced rows.
    """
    if kind == "mean":
        mean: Floats = sum(chunk.sum(axis=0) for chunk in _chunks(rows)) / len(rows)
        return mean
    # Evenly spaced, because rows that stand together tend to come from the same text.
    sample = rows[:: max(1, len(rows) // _ROWS_FOR_MEDIAN)][:_ROWS_FOR_MEDIAN].astype(np.float64)
    centre: Floats = sample.mean(axis=0)
    # Weiszfeld: the next centre is the mean of the rows, each weighted by the inverse of its distance from the last.
    for _ in range(100):
        # A row at the centre itself would weigh infinitely much.
        weights = 1.0 / np.maximum(np.linalg.norm(sample - centre, axis=1), 1e-9)
        moved = (weights[:, None] * sample).sum(axis=0) / weights.sum()
        step = float(np.linalg.norm(moved - centre))
        centre = moved
        if step <= 1e-7 * float(np.linalg.norm(centre)):
            break
    return centre


def scaled_centre(rows: Rows, kind: Literal["mean", "geometric_median"], scale: Scale) -> Floats:
    """Return the centre of the scaled rows, (width,) float64; of several layers, the mean of their centres."""
    if isinstance(scale, float):
        return centre_of(rows, kind) * scale
    assert not isinstance(rows, StreamedRows)
    mean: Floats = np.mean([centre_of(rows[:, i], kind) * factor for i, factor in enumerate(scale)], axis=0)
    return mean


def scaled_variance(rows: Rows, scale: Scale) -> float:
    """Return the variance of the scaled rows, summed over dimensions; of several layers, the mean of theirs."""
    if isinstance(scale, float):
        return scale**2 * _mean_squared_deviation(rows)
    assert not isinstance(rows, StreamedRows)
    layers = [factor**2 * _mean_squared_deviation(rows[:, layer]) for layer, factor in enumerate(scale)]
    return sum(layers) / len(layers)


def _mean_squared_deviation(rows: Rows) -> float:
    """Return the variance summed over dimensions, float64."""
    # Two passes: the difference of two large sums would lose the variance of rows with a large mean.
    mean = centre_of(rows, "mean")
    return math.fsum(float(np.square(chunk - mean).sum()) for chunk in _chunks(rows)) / len(rows)


def _chunks(rows: Rows) -> Iterator[Floats]:
    # One at a time: all of them in double precision are four times what is stored.
    for start in range(0, len(rows), _ROWS_PER_READ):
        chunk: Floats = rows[start : start + _ROWS_PER_READ].astype(np.float64)
        yield chunk
