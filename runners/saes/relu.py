"""ReLU sparse autoencoder with an L1 penalty (Bricken et al. 2023; the penalty as in Conerly et al., April 2024).

    z     = ReLU((x - b_dec) W_enc + b_enc)
    x_hat = z W_dec + b_dec
    loss  = |x - x_hat|^2 + l1 sum_i z_i |W_dec,i|

Decoder rows are kept at unit length here, where the penalty is Bricken et al.'s l1 |z|_1; the norms stay in the formula
so that the loss is right for decoders from elsewhere. The penalty rises from zero over the first part of the training,
as in the April update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from runners.saes.affine import decode, normalise_rows, plain_shapes, pre_activations, tied_start
from runners.saes.architecture import Batch, Objective, Parameters, Shapes, Term, mean_squared_error, penalty_weight
from runners.saes.kept_latents import Latents


@dataclass(frozen=True)
class ReLU:
    """Shape of a ReLU SAE and what it computes."""

    name: ClassVar[str] = "relu"
    frozen: ClassVar[frozenset[str]] = frozenset()

    d_in: int
    d_sae: int
    l1_coefficient: float | None
    """Price of one unit of one latent, in squared scaled units; None: not known, not to be trained."""
    penalty_warmup: float = 0.05
    """The part of the training over which the price rises from zero; the April update takes 5 %."""

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        return plain_shapes(self.d_in, self.d_sae)

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE: tied unit directions, the encoder scaled so that reconstructions start at the inputs' size."""
        return dense_start(generator, self.d_sae, b_dec)

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., tokens, d_sae)."""
        return pre_activations(parameters, x).relu()

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions, (..., tokens, d_in), and the latents that they are made of."""
        latents = self.encode(parameters, x)
        return decode(parameters, latents), latents

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return squared error plus the L1 penalty."""
        reconstruction, latents = self.reconstruct(parameters, batch.x)
        error = mean_squared_error(batch.target, reconstruction)
        penalty = weighted_l1(latents, parameters["W_dec"])
        weight = penalty_weight(self.l1_coefficient, batch.progress, self.penalty_warmup)
        return Objective(error, (Term("squared_error", 1.0, error), Term("l1", weight, penalty)), latents)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:  # noqa: ARG002 (protocol)
        """Bring decoder rows back to unit length."""
        normalise_rows(parameters["W_dec"])


def weighted_l1(latents: torch.Tensor, decoder: torch.Tensor) -> torch.Tensor:
    """Return sum_i z_i |W_dec,i|, mean over tokens: (...,)."""
    norms: torch.Tensor = decoder.norm(dim=-1)
    return (latents * norms.unsqueeze(-2)).sum(dim=-1).mean(dim=-1)


def dense_start(generator: torch.Generator, d_sae: int, b_dec: torch.Tensor) -> Parameters:
    """Draw one SAE for an activation that half of all latents pass at first.

    d_sae unit directions, half of them active, give back an input d_sae / (2 d_in) times too large; the encoder is
    divided by that where it exceeds 1, so that training does not begin with an error many times the variance.
    """
    parameters = tied_start(generator, d_sae, b_dec)
    parameters["W_enc"] = parameters["W_enc"] * min(1.0, 2 * len(b_dec) / d_sae)
    return parameters
