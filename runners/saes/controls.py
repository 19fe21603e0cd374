"""Sanity controls: an SAE of which one part is held or shared.

| control | what it holds |
|---|---|
| frozen_decoder | decoder rows stay the random directions that they started as |
| soft_frozen_decoder | each decoder row keeps a cosine of at least 0.8 with its start, by projection after every step |
| frozen_encoder | encoder directions stay random; biases, thresholds and decoder learn |
| shared_start | nothing, but every seed starts from the same weights; seeds differ in the order of rows only |

The first three are those of Korznikov et al. 2026 (arXiv 2602.14111): an SAE that does no better than these on some
measure has not shown by it that its directions were found in the model. The last says how much of an agreement between
seeds a shared initialisation would bring by itself ("Ablating Archetypes", arXiv 2606.02061).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from runners.saes.architecture import Architecture, Batch, Objective, Parameters, Shapes
from runners.saes.architecture_options import ControlKind
from runners.saes.kept_latents import Latents
from runners.seeding import generator as derived

START = "W_dec_start"
"""Parameter that keeps a soft-frozen decoder's first rows, so that a checkpoint's reader can check the cosine."""


@dataclass(frozen=True)
class Control:
    """Another architecture, one part of which is held."""

    name: ClassVar[str] = "control"

    base: Architecture
    kind: ControlKind
    minimum_cosine: float = 0.8
    """Of a soft-frozen decoder's rows with their start; the paper's value."""

    def __post_init__(self) -> None:
        if not 0 < self.minimum_cosine < 1:
            raise ValueError(f"minimum_cosine={self.minimum_cosine} does not lie in (0, 1)")

    @property
    def d_in(self) -> int:
        """Width of an input."""
        return self.base.d_in

    @property
    def d_sae(self) -> int:
        """Number of latents."""
        return self.base.d_sae

    @property
    def frozen(self) -> frozenset[str]:
        """Names of parameters that the optimizer leaves alone."""
        held = {"frozen_decoder": "W_dec", "soft_frozen_decoder": START, "frozen_encoder": "W_enc"}
        return self.base.frozen | ({held[self.kind]} if self.kind in held else set())

    def shapes(self) -> Shapes:
        """Return the shape of every parameter."""
        shapes = self.base.shapes()
        return {**shapes, START: shapes["W_dec"]} if self.kind == "soft_frozen_decoder" else shapes

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE as its architecture does; a shared start is drawn the same whatever the seed."""
        draws = derived("shared start", 0) if self.kind == "shared_start" else generator
        parameters = self.base.initial(draws, b_dec)
        if self.kind == "soft_frozen_decoder":
            parameters[START] = parameters["W_dec"].clone()
        return parameters

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return the latents, (..., tokens, d_sae)."""
        return self.base.encode(parameters, x)

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions, (..., tokens, d_out), and the latents that they are made of."""
        return self.base.reconstruct(parameters, x)

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return the architecture's own loss."""
        return self.base.objective(parameters, batch)

    def after_step(self, parameters: Parameters, latents: Latents) -> None:
        """Do what the architecture does, but leave a held decoder as it was or bring it back near its start."""
        if self.kind == "frozen_decoder":
            # Dividing by norms of nearly 1 would move held rows by a rounding error at every step.
            self.base.after_step({**parameters, "W_dec": parameters["W_dec"].clone()}, latents)
            return
        self.base.after_step(parameters, latents)
        if self.kind == "soft_frozen_decoder":
            bring_near(parameters["W_dec"], parameters[START], self.minimum_cosine)


def bring_near(rows: torch.Tensor, start: torch.Tensor, cosine: float) -> None:
    """Project unit rows, (..., rows, width), onto the cone of at least this cosine about `start`, in place.

    The nearest point of the cone keeps a row's direction across `start` and takes the cone's own angle.
    """
    along = (rows * start).sum(dim=-1, keepdim=True)
    across = rows - along * start
    across = across / across.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    nearest = cosine * start + (1 - cosine**2) ** 0.5 * across
    rows.copy_(torch.where(along < cosine, nearest, rows))
