"""Transcoder with a threshold for each latent (Gemma Scope; Lieberum et al. 2024, arXiv 2408.05147).

Gemma Scope 2 adds a linear map of the input to some of them.

    pi    = x W_enc + b_enc
    z     = pi H(pi - theta)                  H: 1 above zero, else 0
    y_hat = z W_dec + b_dec [+ x W_skip^T]

As in `runners.saes.transcoder` the input is not centred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from runners.saes.affine import decode
from runners.saes.architecture import Batch, Objective, Parameters, Shapes
from runners.saes.given.read_only import refuse_training
from runners.saes.kept_latents import Latents


@dataclass(frozen=True)
class JumpReLUTranscoder:
    """Shape of a JumpReLU transcoder and what it computes."""

    name: ClassVar[str] = "jump_relu_transcoder"
    frozen: ClassVar[frozenset[str]] = frozenset()

    d_in: int
    d_out: int
    d_sae: int
    skip: bool = False
    """Add a linear map of the input."""

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        shapes: Shapes = {
            "W_enc": (self.d_in, self.d_sae),
            "b_enc": (self.d_sae,),
            "threshold": (self.d_sae,),
            "W_dec": (self.d_sae, self.d_out),
            "b_dec": (self.d_out,),
        }
        return {**shapes, "W_skip": (self.d_out, self.d_in)} if self.skip else shapes

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., tokens, d_sae), none negative."""
        pre = x @ parameters["W_enc"] + parameters["b_enc"].unsqueeze(-2)
        return pre.relu() * (pre > parameters["threshold"].unsqueeze(-2))

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return predictions of y, (..., tokens, d_out), and the latents that they are made of."""
        latents = self.encode(parameters, x)
        predicted = decode(parameters, latents)
        return predicted + x @ parameters["W_skip"].mT if self.skip else predicted, latents

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:  # noqa: ARG002 (protocol)
        """Raise ValueError."""
        refuse_training(self.name)

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:  # noqa: ARG002 (protocol)
        """Raise ValueError."""
        refuse_training(self.name)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:  # noqa: ARG002 (protocol)
        """Raise ValueError."""
        refuse_training(self.name)
