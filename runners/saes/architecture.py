"""What every architecture offers to training, measuring and checkpoints.

An architecture is a frozen dataclass: its fields are the configuration, its methods are plain functions of parameters
that are passed in. All methods take parameters and activations with or without a leading axis of seeds, and no
reduction runs across seeds. Activations are in scaled units (see `runners.saes.training`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar, Protocol

import torch

from runners.saes.kept_latents import Latents

Parameters = dict[str, torch.Tensor]
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Batch:
    """What one step of training sees."""

    x: torch.Tensor
    """(..., tokens, d_in) inputs; (..., tokens, layers, d_in) for an SAE over several layers."""
    target: torch.Tensor
    """(..., tokens, d_out): what is to be reconstructed; the inputs themselves unless the SAE is a transcoder."""
    dead: torch.Tensor
    """(..., d_sae) bool: latents that have not been active for a while."""
    auxiliary_coefficient: float
    """Weight of AuxK; 0 leaves it out."""
    progress: float
    """The part of the training that is done, in [0, 1)."""


@dataclass(frozen=True)
class Term:
    """One summand of a training loss."""

    name: str
    weight: float
    value: torch.Tensor
    """Mean over tokens, in squared scaled units; one per seed, or per seed that has the term at all."""


@dataclass(frozen=True)
class Objective:
    """The training loss of one batch: the sum over `terms` of weight times value."""

    error: torch.Tensor
    """(...,) squared error of the whole reconstruction, mean over tokens; what training reports."""
    terms: tuple[Term, ...]
    latents: Latents
    """(..., tokens, d_sae), as this batch was trained with them; kept ones alone where training is quicker so."""

    def total(self) -> torch.Tensor:
        """Return the loss, summed over seeds."""
        first, *others = (term.weight * term.value.sum() for term in self.terms)
        return sum(others, start=first)


class Architecture(Protocol):
    """The shape of an SAE, how it encodes, and what it is trained for."""

    name: ClassVar[str]

    @property
    def d_in(self) -> int:
        """Width of an input."""
        ...

    @property
    def d_sae(self) -> int:
        """Number of latents."""
        ...

    @property
    def frozen(self) -> frozenset[str]:
        """Names of parameters that the optimizer leaves alone."""
        ...

    def shapes(self) -> Shapes:
        """Return the shape of every parameter of one SAE, by name."""
        ...

    def initial(self, generator: torch.Generator, b_dec: torch.Tensor) -> Parameters:
        """Draw one SAE from this seed's CPU generator; `b_dec` is the centre of the targets."""
        ...

    def encode(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return the latents, (..., tokens, d_sae), as they are used after training."""
        ...

    def reconstruct(self, parameters: Mapping[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions, (..., tokens, d_out), and the latents that they are made of."""
        ...

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return the published training loss of one batch."""
        ...

    def after_step(self, parameters: Parameters, latents: Latents) -> None:
        """Bring parameters back to where they are constrained to lie, and follow statistics of the batch, in place."""
        ...


def describe(architecture: Architecture) -> dict[str, object]:
    """Return an architecture as JSON data: its name under `architecture`, and its fields."""
    described: dict[str, object] = {"architecture": architecture.name}
    for member in fields(architecture):  # type: ignore[arg-type]
        value = getattr(architecture, member.name)
        described[member.name] = describe(value) if is_dataclass(value) else value  # type: ignore[arg-type]
    return described


def mean_squared_error(target: torch.Tensor, reconstruction: torch.Tensor) -> torch.Tensor:
    """Return the squared error summed over dimensions, mean over tokens: (...,)."""
    return (target - reconstruction).square().sum(dim=-1).mean(dim=-1)


def penalty_weight(coefficient: float | None, progress: float, warmup: float) -> float:
    """Return the weight of a sparsity penalty: it rises linearly from 0 over the first `warmup` of the training.

    Raises:
        ValueError: no coefficient is known: the SAE was read from elsewhere.
    """
    if coefficient is None:
        raise ValueError("an SAE whose penalty is not known cannot be trained")
    return coefficient if progress >= warmup else coefficient * progress / warmup
