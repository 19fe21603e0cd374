from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from runners.saes.architecture import Architecture, Batch, Objective, Parameters

# The gate's environment has no torch, and none of these tests can be collected there.
collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]

if find_spec("torch"):
    import torch

    from runners.saes.architecture import Batch


@pytest.fixture
def drawn() -> Callable[..., Parameters]:
    """Return a function that draws parameters away from their special starting values, so that every term matters."""

    def draw(architecture: Architecture, seed: int = 0, dtype: torch.dtype | None = None) -> Parameters:
        generator = torch.Generator().manual_seed(seed)
        parameters = architecture.initial(generator, torch.randn(architecture.shapes()["b_dec"], generator=generator))
        for name, value in parameters.items():
            # Thresholds stay what float32 can hold, because peers keep them in it.
            noise = 0.1 * torch.randn(value.shape, generator=generator)
            parameters[name] = (value + (noise.abs() if name == "threshold" else noise)).to(dtype or torch.float64)
        return parameters

    return draw


@pytest.fixture
def batch_of() -> Callable[..., Batch]:
    """Return a function that makes a batch of inputs, (tokens, d_in), without dead latents unless some are named."""

    def make(
        architecture: Architecture,
        x: torch.Tensor,
        dead: torch.Tensor | None = None,
        target: torch.Tensor | None = None,
        auxiliary_coefficient: float = 1 / 32,
        progress: float = 1.0,
    ) -> Batch:
        none = torch.zeros((*x.shape[:-2], architecture.d_sae), dtype=torch.bool)
        return Batch(
            x, x if target is None else target, none if dead is None else dead, auxiliary_coefficient, progress
        )

    return make


@pytest.fixture
def learn() -> Callable[..., tuple[Objective, Parameters]]:
    """Return a function that computes a loss and every parameter's gradient (zero where there is none)."""

    def go(
        architecture: Architecture, parameters: Mapping[str, torch.Tensor], batch: Batch
    ) -> tuple[Objective, Parameters]:
        leaves = {
            name: value.clone().requires_grad_(name not in architecture.frozen) for name, value in parameters.items()
        }
        objective = architecture.objective(leaves, batch)
        objective.total().backward()
        gradients = {
            name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            for name, leaf in leaves.items()
            if leaf.requires_grad
        }
        return objective, gradients

    return go


@pytest.fixture
def tokens() -> torch.Tensor:
    """Return 30 inputs of width 12, float64, off centre."""
    generator = torch.Generator().manual_seed(11)
    return 2 * torch.randn((30, 12), generator=generator, dtype=torch.float64) + 0.5
