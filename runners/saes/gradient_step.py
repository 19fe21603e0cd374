"""One step's gradients: of the published loss, without what only lengthens decoder rows, clipped per seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from runners.saes.architecture import Architecture, Batch, Objective, Parameters
from runners.saes.plan import TrainingPlan

Precision = Literal["float32", "bfloat16"]
"""Of the products in a loss. Weights, moments, losses and thresholds are float32 either way."""


@dataclass(frozen=True)
class Learned:
    """Parameters as the optimizer holds them: each contiguous, the encoder with one latent's weights in a row.

    The sparse step makes the encoder's gradient in that order, and Adam copies what is not contiguous.
    """

    stored: Parameters

    @classmethod
    def of(cls, parameters: Parameters, frozen: frozenset[str]) -> Learned:
        """Hold (seeds, ...) parameters; all but the `frozen` ones will have gradients."""
        stored = {name: (value.mT if name == "W_enc" else value).contiguous() for name, value in parameters.items()}
        return cls({name: value.detach().requires_grad_(name not in frozen) for name, value in stored.items()})

    def parameters(self) -> Parameters:
        """Return the parameters in the architecture's shapes: the same memory, with a gradient that flows back."""
        return {name: value.mT if name == "W_enc" else value for name, value in self.stored.items()}

    def moved(self) -> list[torch.Tensor]:
        """Return what the optimizer is to move."""
        return [value for value in self.stored.values() if value.requires_grad]


def step_gradients(
    architecture: Architecture,
    learned: Learned,
    batch: Batch,
    plan: TrainingPlan,
    variance: float,
    precision: Precision = "float32",
) -> Objective:
    """Leave each seed's clipped gradient on what is stored and return what was minimised.

    The loss is the published one divided by `variance`, so that the clip means the same at every scale.
    """
    # Autocast copies the float32 weights into bfloat16 for the products; gradients come back in float32.
    with torch.autocast(batch.x.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        objective = architecture.objective(learned.parameters(), batch)
    (objective.total() / variance).backward()
    with torch.no_grad():
        decoder = learned.stored["W_dec"]
        if decoder.grad is not None:
            # A change along a row changes only its length, which is brought back to 1 after the step.
            along = torch.linalg.vecdot(decoder.grad, decoder).unsqueeze(-1)
            decoder.grad.addcmul_(along, decoder, value=-1)
        gradients = [value.grad for value in learned.stored.values() if value.grad is not None]
        norms = [torch.linalg.vector_norm(each.flatten(1), dim=1) for each in gradients]
        norm = torch.linalg.vector_norm(torch.stack(norms), dim=0)
        shrink = (plan.gradient_clip / norm.clamp_min(1e-12)).clamp_max(1.0)
        for gradient in gradients:
            gradient.mul_(shrink.view(-1, *([1] * (gradient.ndim - 1))))
    return objective
