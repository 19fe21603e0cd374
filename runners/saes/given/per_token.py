"""SAEs that bring every token to one size before encoding, and the reconstruction back to that token's own.

| kind | x becomes | x_hat becomes |
|---|---|---|
| layer_norm | (x - mean(x)) / (std(x) + 1e-5) | x_hat std(x) + mean(x) |
| constant_norm_rescale | x sqrt(d_in) / norm(x) | x_hat norm(x) / sqrt(d_in) |

`std` is the sample's, with d_in - 1 in its denominator. Both are SAELens's `normalize_activations`; the first is also
OpenAI's for TopK autoencoders (Gao et al. 2024, and the code published with it). One number in the checkpoint cannot
stand for either, since the factor is another for each token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from runners.saes.architecture import Architecture, Batch, Objective, Parameters, Shapes
from runners.saes.given.read_only import refuse_training
from runners.saes.kept_latents import Latents

TokenNormalisation = Literal["layer_norm", "constant_norm_rescale"]

_EPSILON = 1e-5
"""Added to a token's standard deviation before dividing by it, in SAELens and in OpenAI's code."""


@dataclass(frozen=True)
class PerToken:
    """Another architecture, applied to tokens of one size."""

    name: ClassVar[str] = "per_token"
    frozen: ClassVar[frozenset[str]] = frozenset()

    base: Architecture
    """One that subtracts b_dec from its input and adds it to its output."""
    kind: TokenNormalisation

    @property
    def d_in(self) -> int:
        """Width of an input."""
        return self.base.d_in

    @property
    def d_sae(self) -> int:
        """Number of latents."""
        return self.base.d_sae

    @property
    def k(self) -> int | None:
        """Latents kept per token, where the architecture keeps a number of them."""
        k: int | None = getattr(self.base, "k", None)
        return k

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        return self.base.shapes()

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., tokens, d_sae)."""
        without, b_dec = _apart(parameters)
        return self.base.encode(without, self._normalised(x)[0] - b_dec)

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions, (..., tokens, d_in), in the units of `x`, and the latents that they are made of."""
        normalised, centre, spread = self._normalised(x)
        without, b_dec = _apart(parameters)
        reconstruction, latents = self.base.reconstruct(without, normalised - b_dec)
        return (reconstruction + b_dec) * spread + centre, latents

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:  # noqa: ARG002 (protocol)
        """Raise ValueError."""
        refuse_training(self.name)

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:  # noqa: ARG002 (protocol)
        """Raise ValueError."""
        refuse_training(self.name)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:  # noqa: ARG002 (protocol)
        """Raise ValueError."""
        refuse_training(self.name)

    def _normalised(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | float, torch.Tensor]:
        """Return tokens of one size, and what is added and multiplied to undo it, (..., tokens, 1)."""
        if self.kind == "constant_norm_rescale":
            factor = math.sqrt(self.d_in) / x.norm(dim=-1, keepdim=True)
            return x * factor, 0.0, 1 / factor
        centre = x.mean(dim=-1, keepdim=True)
        centred = x - centre
        spread = centred.std(dim=-1, keepdim=True)
        return centred / (spread + _EPSILON), centre, spread


def _apart(parameters: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Return parameters with b_dec at zero, and b_dec, (..., 1, d_in): subtracted first, less is lost by rounding."""
    b_dec = parameters["b_dec"]
    return {**parameters, "b_dec": torch.zeros_like(b_dec)}, b_dec.unsqueeze(-2)
