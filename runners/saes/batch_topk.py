"""BatchTopK sparse autoencoder (Bussmann et al. 2024, arXiv 2412.06410).

    training:  z = the k x tokens largest of ReLU((x - b_dec) W_enc + b_enc) in the whole batch, the others zero
    after it:  z = those above one threshold, the same for all latents
    loss = |x - x_hat|^2 + c |x - x_hat - e_hat|^2        (AuxK, see `runners.saes.auxk`)

The threshold is the expected smallest positive latent of a training batch, followed as a moving average during
training; it is a parameter of the checkpoint, because with any other threshold the SAE is another SAE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from runners.saes.affine import decode, normalise_rows, plain_shapes, pre_activations, tied_start
from runners.saes.architecture import Batch, Objective, Parameters, Shapes, Term
from runners.saes.auxk import auxiliary_terms, keep_largest
from runners.saes.kept_latents import Latents, as_dense

THRESHOLD_RATE = 0.01
"""Weight of a new batch in the moving average: it forgets within some hundred steps, as SAELens's does."""


@dataclass(frozen=True)
class BatchTopK:
    """Shape of a BatchTopK SAE and what it computes."""

    name: ClassVar[str] = "batch_topk"
    frozen: ClassVar[frozenset[str]] = frozenset({"threshold"})

    d_in: int
    d_sae: int
    k: int
    """Latents kept per token, on average over a training batch."""
    auxiliary_k: int
    """Dead latents that share the reconstruction of the error; 0 leaves AuxK out."""

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.d_sae:
            raise ValueError(f"k={self.k} of d_sae={self.d_sae} latents")

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        return {**plain_shapes(self.d_in, self.d_sae), "threshold": ()}

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE: tied unit directions, no threshold seen yet."""
        return {**tied_start(generator, self.d_sae, b_dec), "threshold": torch.zeros(())}

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents above the threshold, (..., tokens, d_sae); a token's do not depend on its batch."""
        return above(pre_activations(parameters, x).relu(), parameters["threshold"])

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions, (..., tokens, d_in), and the latents that they are made of."""
        latents = self.encode(parameters, x)
        return decode(parameters, latents), latents

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return squared error plus AuxK."""
        rectified = pre_activations(parameters, batch.x).relu()
        # In training the batch decides what is kept; `encode` has the threshold instead, so that a token's latents do
        # not depend on the tokens beside it.
        latents = keep_largest_of_batch(rectified, self.k)
        missing = batch.target - decode(parameters, latents)
        error = missing.square().sum(dim=-1).mean(dim=-1)
        auxk = auxiliary_terms(parameters["W_dec"], rectified, missing, batch, min(self.auxiliary_k, self.d_sae))
        return Objective(error, (Term("squared_error", 1.0, error), *auxk), latents)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:
        """Bring decoder rows back to unit length and let the threshold follow the batch."""
        normalise_rows(parameters["W_dec"])
        follow_threshold(parameters["threshold"], as_dense(latents))


def keep_largest_of_batch(rectified: torch.Tensor, k: int) -> torch.Tensor:
    """Return (..., tokens, d_sae) with all but the k x tokens largest of the batch set to zero."""
    # Tokens and latents become one axis, so that one token may keep more than k and another fewer.
    tokens = rectified.shape[-2]
    kept: torch.Tensor = keep_largest(rectified.flatten(-2), k * tokens).unflatten(-1, rectified.shape[-2:])
    return kept


def above(rectified: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """Return rectified pre-activations, (..., tokens, d_sae), with those at or below the (...,) threshold at zero."""
    return rectified * (rectified > threshold[..., None, None])


def follow_threshold(threshold: torch.Tensor, latents: torch.Tensor) -> None:
    """Move a (...,) threshold towards the smallest positive latent of the batch, in place.

    The first batch sets it: an average that starts at zero would let too much through after a short training. A batch
    without an active latent says nothing and changes nothing.
    """
    # Infinite where no latent of the batch is active.
    smallest = torch.where(latents > 0, latents, torch.inf).amin(dim=(-2, -1))
    # A threshold of zero has seen no batch yet.
    moved = torch.where(threshold == 0, smallest, threshold + THRESHOLD_RATE * (smallest - threshold))
    threshold.copy_(torch.where(torch.isfinite(smallest), moved, threshold))
