"""GroupMax sparse coder, as in EleutherAI's sparsify.

    pi    = ReLU((x - b_dec) W_enc + b_enc)
    z     = pi where it is the largest of its group, else 0
    y_hat = z W_dec + b_dec [+ x W_skip^T]

The latents lie in k groups of neighbours. A transcoder does not subtract b_dec.
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
class GroupMax:
    """Shape of a GroupMax coder and what it computes."""

    name: ClassVar[str] = "group_max"
    frozen: ClassVar[frozenset[str]] = frozenset()

    d_in: int
    d_sae: int
    k: int
    """Number of groups, each of d_sae / k latents next to each other, and so of latents kept per token."""
    transcoder: bool = False
    """The output is not the input, and the input is not centred."""
    skip: bool = False
    """Add a linear map of the input; of transcoders only."""

    def __post_init__(self) -> None:
        if self.k < 1 or self.d_sae % self.k:
            raise ValueError(f"{self.d_sae} latents do not make k={self.k} groups of one size")

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        shapes: Shapes = {
            "W_enc": (self.d_in, self.d_sae),
            "b_enc": (self.d_sae,),
            "W_dec": (self.d_sae, self.d_in),
            "b_dec": (self.d_in,),
        }
        return {**shapes, "W_skip": (self.d_in, self.d_in)} if self.skip else shapes

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., tokens, d_sae), at most one of each group positive and the others zero."""
        centred = x if self.transcoder else x - parameters["b_dec"].unsqueeze(-2)
        rectified = (centred @ parameters["W_enc"] + parameters["b_enc"].unsqueeze(-2)).relu()
        grouped = rectified.unflatten(-1, (self.k, -1))
        mask = torch.zeros_like(grouped).scatter(-1, grouped.argmax(dim=-1, keepdim=True), 1.0)
        latents: torch.Tensor = (grouped * mask).flatten(-2)
        return latents

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions, (..., tokens, d_in), and the latents that they are made of."""
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
