"""An SAE of ours as SAEBench's functions take one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from gatekit.errors import GatekitError
from runners.saes.sae import Sae, in_model_units
from runners.subjects.hook_names import module_hook
from runners.subjects.language_model import LanguageModel


class StandingIn:
    """An SAE with the names that SAEBench reads."""

    def __init__(self, sae: Sae, model: LanguageModel, hook: str, context: int) -> None:
        from sae_bench.custom_saes.custom_sae_config import CustomSAEConfig

        # SAEBench hands over activations as the model has them; the scale is folded into the weights.
        self._sae = in_model_units(sae)
        parameters = {name: value.to(model.device) for name, value in self._sae.parameters.items()}
        self.W_enc, self.W_dec, self.b_dec = (parameters[name] for name in ("W_enc", "W_dec", "b_dec"))
        # Gated SAEs call it b_mag; an SAE without any has zeros.
        self.b_enc = parameters.get("b_enc", parameters.get("b_mag", self.W_enc.new_zeros(self.W_enc.shape[1])))
        self.device, self.dtype = torch.device(model.device), torch.float32
        self.cfg: Any = CustomSAEConfig(
            model_name=model.name,
            d_in=sae.architecture.d_in,
            d_sae=sae.architecture.d_sae,
            hook_layer=layer_of(hook),
            hook_name=hook,
            context_size=context,
            architecture=sae.architecture.name,
            dtype="float32",
            device=model.device,
        )
        # Read only to find the encoder's bias, which is b_enc here whatever the architecture.
        self.cfg.architecture_str = ""
        # SAEBench lays the heads of attn.hook_z out one after the other itself.
        self.hook_z_reshaping_mode = False

    def turn_off_forward_pass_hook_z_reshaping(self) -> None:
        """Do nothing: rows are never reshaped here."""

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., d_sae), of activations in the model's units, (..., d_in)."""
        # SAEBench encodes (texts, tokens, d_in); an SAE here takes rows.
        return self._sae.encode(x.flatten(0, -2)).view(*x.shape[:-1], -1)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the reconstruction, (..., d_in), in the model's units."""
        return latents @ self.W_dec + self.b_dec


def why_no_stand_in(sae: Sae) -> str | None:
    """Return why an SAE cannot stand in for one hook with latents that are decoded alone, or None where it can."""
    if not isinstance(sae.scale, float) or sae.target_scale is not None:
        return f"an SAE of architecture '{sae.architecture.name}' does not stand in for one hook"
    if sae.architecture.name == "per_token":
        return "SAEBench decodes latents alone, and this SAE needs each token's own mean and size for that"
    return None


def layer_of(hook: str) -> int:
    """Return the number of the layer that a hook's name tells.

    Raises:
        GatekitError: `core.hook`: it tells none.
    """
    place = module_hook(hook)
    path = hook if place is None else place.module
    numbers: Sequence[str] = [part for part in path.split(".") if part.isdigit()]
    if not numbers:
        raise GatekitError("core.hook", f"'{hook}' names no layer")
    return int(numbers[0])
