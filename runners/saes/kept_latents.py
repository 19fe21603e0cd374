"""Latents of which all but a few per token are zero, held as places and values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch


@dataclass(frozen=True)
class KeptLatents:
    """Latents of a batch, all of which are zero but k per token."""

    values: torch.Tensor
    """(..., tokens, k), none negative."""
    indices: torch.Tensor
    """(..., tokens, k) int64, no latent twice in a row."""
    d_sae: int

    def dense(self) -> torch.Tensor:
        """Return (..., tokens, d_sae) with the zeros written out."""
        # A row names no latent twice, so scattering overwrites nothing.
        zeros = self.values.new_zeros((*self.values.shape[:-1], self.d_sae))
        return zeros.scatter(-1, self.indices, self.values)


Latents: TypeAlias = torch.Tensor | KeptLatents
"""Latents of a batch, (..., tokens, d_sae), whichever way they are held."""


def as_dense(latents: Latents) -> torch.Tensor:
    """Return latents, (..., tokens, d_sae), with their zeros written out."""
    return latents if isinstance(latents, torch.Tensor) else latents.dense()


def active_counts(latents: Latents) -> torch.Tensor:
    """Return on how many tokens each latent is active, (..., d_sae)."""
    with torch.no_grad():
        if isinstance(latents, torch.Tensor):
            return (latents > 0).sum(dim=-2)
        lead = latents.values.shape[:-2]
        counts = torch.zeros((*lead, latents.d_sae), dtype=torch.long, device=latents.values.device)
        # A kept value may be zero after ReLU; such a latent is kept but not active, and adds 0.
        return counts.scatter_add_(-1, latents.indices.flatten(-2), (latents.values > 0).long().flatten(-2))
