"""TopK sparse autoencoder with AuxK (Gao et al. 2024, arXiv 2406.04093).

    z     = TopK(ReLU((x - b_dec) W_enc + b_enc))
    x_hat = z W_dec + b_dec
    loss  = |x - x_hat|^2 + c |x - x_hat - e_hat|^2

with e_hat the reconstruction by dead latents (see `runners.saes.auxk`) and c = 1/32 in the paper. Latents are chosen
among rectified pre-activations in training and after it, so a latent is never negative; fewer than k are active where
fewer are positive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from runners.saes.affine import decode, normalise_rows, plain_shapes, pre_activations, tied_start
from runners.saes.architecture import Batch, Objective, Parameters, Shapes, Term
from runners.saes.auxk import auxiliary_terms, keep_largest
from runners.saes.kept_latents import Latents
from runners.saes.sparse_topk import keeps_few, topk_error


@dataclass(frozen=True)
class TopK:
    """Shape of a TopK SAE and what it computes."""

    name: ClassVar[str] = "topk"
    frozen: ClassVar[frozenset[str]] = frozenset()

    d_in: int
    d_sae: int
    k: int
    """Latents kept per token."""
    auxiliary_k: int
    """Dead latents that share the reconstruction of the error; Gao et al. take d_in / 2, and 0 leaves AuxK out."""

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.d_sae:
            raise ValueError(f"k={self.k} of d_sae={self.d_sae} latents")

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        return plain_shapes(self.d_in, self.d_sae)

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE: unit Gaussian directions as decoder rows, the encoder their transpose, no latent bias."""
        return tied_start(generator, self.d_sae, b_dec)

    def rectified(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return ReLU((x - b_dec) W_enc + b_enc), (..., tokens, d_sae), before any latent is dropped."""
        return pre_activations(parameters, x).relu()

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., tokens, d_sae), at most k of them positive and the others zero."""
        return keep_largest(self.rectified(parameters, x), self.k)

    def decode(self, parameters: Mapping[str, torch.Tensor], latents: torch.Tensor) -> torch.Tensor:
        """Return reconstructions, (..., tokens, d_in), in the units of `x`."""
        return decode(parameters, latents)

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions, (..., tokens, d_in), and the latents that they are made of."""
        latents = self.encode(parameters, x)
        return decode(parameters, latents), latents

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return squared error plus AuxK."""
        if keeps_few(batch.x, self.d_sae, self.k):
            error, auxk, kept = topk_error(parameters, batch, self.k, self.auxiliary_k, centred=True)
            return Objective(error, (Term("squared_error", 1.0, error), *auxk), kept)
        rectified = self.rectified(parameters, batch.x)
        latents = keep_largest(rectified, self.k)
        missing = batch.target - decode(parameters, latents)
        error = missing.square().sum(dim=-1).mean(dim=-1)
        auxk = auxiliary_terms(parameters["W_dec"], rectified, missing, batch, min(self.auxiliary_k, self.d_sae))
        return Objective(error, (Term("squared_error", 1.0, error), *auxk), latents)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:  # noqa: ARG002 (protocol)
        """Bring decoder rows back to unit length."""
        normalise_rows(parameters["W_dec"])
