"""A gated SAE, trained in parts of a batch (`runners.saes.in_parts.summed`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from runners.saes.architecture import Batch, Objective
from runners.saes.gated import Gated
from runners.saes.in_parts.summed import check_parts, objective_in_parts


@dataclass(frozen=True)
class GatedInParts(Gated):
    """The same SAE; only the order in which a batch's loss and gradients are summed is another."""

    name: ClassVar[str] = "gated_in_parts"

    parts: int = field(kw_only=True)
    """That a batch is divided into; equal parts, at least two."""

    def __post_init__(self) -> None:
        check_parts(self.parts)

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return the same loss, with its gradients."""
        return objective_in_parts(super().objective, parameters, batch, self.parts)
