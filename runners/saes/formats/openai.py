"""Reading OpenAI's autoencoders of GPT-2 (Gao et al. 2024, arXiv 2406.04093): one file of a state dict, `8.pt`.

    x_n   = (x - mean(x)) / (std(x) + 1e-5)           of TopK autoencoders; of ReLU ones x itself
    z     = activation((x_n - pre_bias) encoder^T + latent_bias)
    x_hat = (z decoder^T + pre_bias) std(x) + mean(x)

The file names its activation. It does not say of which layer it is; the published folders do
(`gpt2-small/resid_post_mlp_v5_32k/autoencoders/8.pt`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from runners.saes.architecture import Architecture, Parameters
from runners.saes.formats.folding import transposed
from runners.saes.given.per_token import PerToken
from runners.saes.relu import ReLU
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts
from runners.saes.topk import TopK
from runners.saes.weights import checked, read_torch_object, refused, whole_number

MARKS = frozenset({"pre_bias", "latent_bias", "encoder.weight"})
"""Names of tensors by which the file is recognised."""

_STATISTICS = ("stats_last_nonzero", "latents_activation_frequency", "latents_mean_square")
_NAMES = {"encoder.weight": "W_enc", "latent_bias": "b_enc", "decoder.weight": "W_dec", "pre_bias": "b_dec"}
_HOOKS = {
    "mlp_post_act": "mlp.hook_post",
    "resid_delta_attn": "hook_attn_out",
    "resid_post_attn": "hook_resid_mid",
    "resid_delta_mlp": "hook_mlp_out",
    "resid_post_mlp": "hook_resid_post",
}


def read(path: Path) -> Sae:
    """Read one autoencoder.

    Raises:
        GatekitError: `checkpoint.invalid`: another activation, or tensors that are not an autoencoder's.
    """
    stored = read_torch_object(path)
    if not isinstance(stored, Mapping):
        raise refused(path, "holds something other than tensors by name")
    rest = dict(stored)
    activation, settings = rest.pop("activation", "ReLU"), rest.pop("activation_state_dict", {})
    _leave_out_twice_said(path, rest, settings)
    tensors: Parameters = {}
    for name, value in rest.items():
        if not isinstance(value, torch.Tensor):
            raise refused(path, f"'{name}' is {type(value).__name__} and no tensor")
        if name not in _STATISTICS:
            tensors[str(name)] = value
    tied = tensors.pop("decoder.linear.weight", None)
    encoder = tensors.get("encoder.weight")
    if encoder is None or encoder.ndim != 2:
        raise refused(path, "no matrix 'encoder.weight'")
    d_sae, d_in = encoder.shape
    if tied is not None:
        if tied.shape != encoder.shape or not bool((tied == encoder).all()):
            raise refused(path, "'decoder.linear.weight' is tied to 'encoder.weight' and differs from it")
        tensors["decoder.weight"] = encoder.mT
    architecture = _architecture(path, activation, settings, d_in, d_sae)
    shapes = {
        "encoder.weight": (d_sae, d_in),
        "latent_bias": (d_sae,),
        "decoder.weight": (d_in, d_sae),
        "pre_bias": (d_in,),
    }
    stored_as = str(encoder.dtype).removeprefix("torch.")
    tensors = checked(path, tensors, shapes)
    parameters = transposed(tensors, _NAMES, frozenset({"encoder.weight", "decoder.weight"}))
    normalised = isinstance(architecture, PerToken)
    return Sae(
        architecture,
        checked(path, parameters, architecture.shapes()),
        facts={"openai": {"activation": activation}},
        stated=_stated_facts(path, "layer_norm" if normalised else "none", stored_as),
    )


def _leave_out_twice_said(path: Path, rest: dict[Any, Any], settings: object) -> None:
    """Take out the activation's settings, which `state_dict` of the published code writes a second time.

    Raises:
        GatekitError: `checkpoint.invalid`: the two differ.
    """
    for name in ("k", "postact_fn"):
        again = rest.pop(f"activation.{name}", None)
        once = settings.get(name) if isinstance(settings, Mapping) else None
        if again is not None and (type(again) is not type(once) or again != once):
            raise refused(path, f"'activation.{name}' is {again!r}, and {once!r} in 'activation_state_dict'")


def _architecture(path: Path, activation: object, settings: object, d_in: int, d_sae: int) -> Architecture:
    if activation == "ReLU" and settings:
        raise refused(path, f"activation ReLU with the settings {settings!r} of another")
    if activation == "ReLU":
        return ReLU(d_in, d_sae, None)
    if activation != "TopK" or not isinstance(settings, Mapping):
        raise refused(path, f"activation {activation!r} is not known here; known: ReLU, TopK")
    after: Any = settings.get("postact_fn", "ReLU")
    if after != "ReLU":
        raise refused(path, f"activation TopK with {after!r} after it: latents may be negative, which is not read")
    try:
        return PerToken(TopK(d_in, d_sae, whole_number(path, settings, "k"), 0), "layer_norm")
    except ValueError as error:
        raise refused(path, str(error)) from None


def _stated_facts(path: Path, normalisation: str, stored_as: str) -> StatedFacts:
    """Return what the names of the published folders say."""
    places, parts = "|".join(_HOOKS), path.absolute().parts
    place = next((found for part in parts if (found := re.fullmatch(rf"({places})(?:_v\d\w*)?", part))), None)
    layer = int(path.stem) if place and path.stem.isdecimal() else None
    hook = None
    if place and layer is not None:
        hook = f"blocks.{layer}.{_HOOKS[place[1]]}"
    return StatedFacts(
        said_by=("folder name",) if place else (),
        model="gpt2-small" if "gpt2-small" in parts else None,
        hook=hook,
        layer=layer,
        normalisation=normalisation,
        stored_as=stored_as,
    )
