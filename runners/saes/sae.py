"""One trained SAE, as a checkpoint holds it: architecture, parameters, and the scale of its activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch

from runners.saes.architecture import Architecture, Parameters
from runners.saes.normalisation import Scale, factor_of
from runners.saes.stated_facts import StatedFacts


@dataclass(frozen=True)
class Sae:
    """What is evaluated is what was trained: thresholds, router and scale are here, and nothing is estimated again."""

    architecture: Architecture
    parameters: Parameters
    scale: Scale = 1.0
    """Inputs are multiplied by this before encoding."""
    target_scale: float | None = None
    """The same for what is reconstructed, where that is not the input."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What else the checkpoint says: model, hook, training."""
    stated: StatedFacts = field(default_factory=StatedFacts)
    """The same in one form for all formats, as far as it bears on where and how the SAE may be used."""
    subtracts_first: bool = False
    """Subtract b_dec from inputs before they are multiplied, as other libraries do, and not from the product.

    The same function, but where one coordinate of all inputs is large (hundreds, in residual streams), rounding differs
    by 1e-4. SAEs that were trained here are evaluated in the order in which they were trained."""

    def encode(self, rows: torch.Tensor) -> torch.Tensor:
        """Return latents, (tokens, d_sae), of rows in the model's units: (tokens, d_in) or (tokens, layers, d_in)."""
        with torch.no_grad():
            x = rows * factor_of(self.scale, rows.device)
            if self.subtracts_first:
                return self.architecture.encode(self._without_b_dec(), x - self.parameters["b_dec"])
            return self.architecture.encode(self.parameters, x)

    def reconstruct(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reconstructions, (tokens, d_out), in the units of the targets, and latents.

        An SAE over several layers returns each token's chosen layer in scaled units (see `RouteSAE.chosen`).
        """
        with torch.no_grad():
            if self.subtracts_first:
                factor, b_dec = factor_of(self.scale, rows.device), self.parameters["b_dec"]
                centred, latents = self.architecture.reconstruct(self._without_b_dec(), rows * factor - b_dec)
                return (centred + b_dec) / factor, latents
            return reconstruct_rows(self.architecture, self.parameters, self.scale, self.target_scale, rows)

    def _without_b_dec(self) -> Parameters:
        return {**self.parameters, "b_dec": torch.zeros_like(self.parameters["b_dec"])}


def reconstruct_rows(
    architecture: Architecture,
    parameters: Mapping[str, torch.Tensor],
    scale: Scale,
    target_scale: float | None,
    rows: torch.Tensor,
    seeds: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale rows, reconstruct them, and scale back; see `Sae.reconstruct`.

    With `seeds` the parameters have that many as first axis, and so has the result; the rows are the same for each.
    """
    factor = factor_of(scale, rows.device)
    x = rows * factor
    reconstruction, latents = architecture.reconstruct(parameters, x if seeds is None else x.expand(seeds, *x.shape))
    if target_scale is not None:
        return reconstruction / target_scale, latents
    return (reconstruction / factor if isinstance(factor, float) else reconstruction), latents


def in_model_units(sae: Sae) -> Sae:
    """Return the same function with the scale folded into the parameters, and latents in units of the targets.

    Every encoder here is positively homogeneous in inputs and biases together, so dividing biases and thresholds by the
    scale divides the latents by it and leaves the choice of latents and the unit decoder rows as they are.

    Raises:
        ValueError: an SAE over several layers has one scale for each, which no single encoder can hold.
    """
    if not isinstance(sae.scale, float):
        raise ValueError("the scales of several layers cannot be folded into one encoder")
    out = sae.scale if sae.target_scale is None else sae.target_scale
    folded: Parameters = {}
    for name, value in sae.parameters.items():
        match name:
            case "W_enc" | "W_skip":
                folded[name] = value * (sae.scale / out)
            case "b_enc" | "b_gate" | "b_mag" | "b_dec" | "threshold":
                folded[name] = value / out
            case _:
                folded[name] = value
    return replace(sae, parameters=folded, scale=1.0, target_scale=None)
