"""A TopK SAE's latents by its definition, in numpy: what encoders are compared with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def topk_latents(rows: np.ndarray, weights: Mapping[str, np.ndarray], k: int) -> np.ndarray:
    """Return (rows, d_sae): the k largest rectified pre-activations of each row, and zeros."""
    x = rows.astype(np.float64) * float(weights["scale"])
    active = ((x - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"]).clip(min=0)
    least_kept = np.sort(active, axis=1)[:, -k][:, None]
    return np.where(active >= least_kept, active, 0.0)
