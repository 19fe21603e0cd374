"""Reading and writing SAELens checkpoints: a folder with `cfg.json` and `sae_weights.safetensors`.

SAELens keeps BatchTopK and matryoshka SAEs as `jumprelu`, all latents at one threshold; read back they are JumpReLU
SAEs that compute the same. Files from before version 6 have flat configurations in which a TopK SAE is a `standard` one
with another activation function. Normalisations that depend on the token are refused, because ours is one number that
lies in the checkpoint.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError
from runners.saes.architecture import Architecture, Parameters, Shapes, describe
from runners.saes.batch_topk import BatchTopK
from runners.saes.controls import Control
from runners.saes.formats.folding import centred, with_unit_rows
from runners.saes.gated import Gated
from runners.saes.hierarchical_topk import HierarchicalTopK
from runners.saes.jump_relu import JumpReLU
from runners.saes.matryoshka import Matryoshka
from runners.saes.relu import ReLU
from runners.saes.sae import Sae, in_model_units
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder
from runners.saes.weights import checked, read_json, read_safetensors, refused, whole_number

CONFIG, WEIGHTS, SCALER = "cfg.json", "sae_weights.safetensors", "activation_scaler.json"

FORMAT_VERSION = "6.0.0"
"""Written as `sae_lens_version`: SAELens takes a file without one for a flat configuration from before version 6."""


def write(sae: Sae, folder: Path, model_name: str, hook_name: str) -> None:
    """Write an SAE for SAELens, in the model's units: the activation scale is folded into biases and encoder.

    Raises:
        GatekitError: `checkpoint.no_such_format`: SAELens has no class that computes this.
    """
    from safetensors.torch import save_file

    architecture = sae.architecture.base if isinstance(sae.architecture, Control) else sae.architecture
    declared = _declared(architecture)
    if declared is None:
        raise GatekitError("checkpoint.no_such_format", f"SAELens has no class for {describe(sae.architecture)}")
    parameters = {
        name: value.detach().cpu().float()
        for name, value in in_model_units(sae).parameters.items()
        if name in architecture.shapes()
    }
    if declared["architecture"] == "jumprelu":
        parameters["threshold"] = parameters["threshold"].expand(architecture.d_sae)
    config = {
        **declared,
        "d_in": architecture.d_in,
        "d_sae": architecture.d_sae,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": not isinstance(architecture, Transcoder),
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {
            "sae_lens_version": FORMAT_VERSION,
            "model_name": model_name,
            "hook_name": hook_name,
            "trained_as": describe(sae.architecture),
            "activation_scale_folded_in": sae.scale,
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in parameters.items()}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _declared(architecture: Architecture) -> dict[str, Any] | None:
    """Return what SAELens calls this architecture, or None where it has no class that computes the same."""
    match architecture:
        case ReLU():
            return {"architecture": "standard"}
        case TopK() | HierarchicalTopK():
            return {"architecture": "topk", "k": architecture.k, "rescale_acts_by_decoder_norm": False}
        case BatchTopK() | Matryoshka() | JumpReLU():
            return {"architecture": "jumprelu"}
        case Gated():
            return {"architecture": "gated"}
        case Transcoder() if architecture.k == architecture.d_sae:
            name = "skip_transcoder" if architecture.skip else "transcoder"
            return {"architecture": name, "d_out": architecture.d_out}
    return None


def read(folder: Path) -> Sae:
    """Read one SAE or transcoder.

    Raises:
        GatekitError: `checkpoint.invalid`: a class or setting that is not known here, or weights that are not what the
            configuration says.
    """
    config_path, path = folder / CONFIG, folder / WEIGHTS
    stored = read_json(config_path)
    config = stored if _is_nested(stored) else _from_flat(config_path, stored)
    d_in, d_sae = whole_number(config_path, config, "d_in"), whole_number(config_path, config, "d_sae")
    scale = _scale(folder, config)
    tensors = read_safetensors(path)
    if config.get("architecture") == "jumprelu" and "log_threshold" in tensors:
        tensors["threshold"] = tensors.pop("log_threshold").exp()
    try:
        architecture, stored_shapes = _architecture(config_path, config, d_in, d_sae)
    except ValueError as error:
        raise refused(config_path, str(error)) from None
    parameters = checked(path, tensors, stored_shapes)
    return Sae(architecture, _canonical(path, config, architecture, parameters), scale, facts={"sae_lens": stored})


def _architecture(config_path: Path, config: Mapping[str, Any], d_in: int, d_sae: int) -> tuple[Architecture, Shapes]:
    """Return the architecture that the configuration declares, and the shapes that its file then has."""
    name = config.get("architecture")
    match name:
        case "standard":
            architecture: Architecture = ReLU(d_in, d_sae, None)
        case "topk":
            architecture = TopK(d_in, d_sae, whole_number(config_path, config, "k"), 0)
        case "jumprelu":
            architecture = JumpReLU(d_in, d_sae, None)
        case "gated":
            architecture = Gated(d_in, d_sae, None)
        case "transcoder" | "skip_transcoder":
            d_out = whole_number(config_path, config, "d_out")
            architecture = Transcoder(d_in, d_out, d_sae, d_sae, 0, skip=name == "skip_transcoder")
        case _:
            raise refused(config_path, f"architecture {name!r} is not known here")
    return architecture, architecture.shapes()


def _canonical(path: Path, config: Mapping[str, Any], architecture: Architecture, parameters: Parameters) -> Parameters:
    """Return parameters of our form, which subtracts b_dec from an SAE's input and weighs no latent by a norm."""
    if isinstance(architecture, Transcoder):
        return parameters
    if config.get("apply_b_dec_to_input") is False:
        parameters = centred(parameters)
    if isinstance(architecture, TopK) and config.get("rescale_acts_by_decoder_norm") is True:
        parameters = with_unit_rows(path, parameters)
    if isinstance(architecture, JumpReLU):
        # A latent is rectified too, so a negative threshold does what zero does.
        parameters = {**parameters, "threshold": parameters["threshold"].clamp_min(0.0)}
    return parameters


def _is_nested(config: Mapping[str, Any]) -> bool:
    metadata = config.get("metadata")
    version = config.get("sae_lens_version") or (metadata.get("sae_lens_version") if isinstance(metadata, dict) else "")
    major = str(version).split(".")[0]
    return major.isdigit() and int(major) >= 6


def _from_flat(config_path: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration from before version 6 with today's names.

    Raises:
        GatekitError: `checkpoint.invalid`: an activation function that no class of today stands for.
    """
    if config.get("finetuning_scaling_factor"):
        raise refused(config_path, "a finetuning scaling factor is not known here")
    activation = config.get("activation_fn_str", config.get("activation_fn", "relu"))
    named = {"architecture": "standard", "apply_b_dec_to_input": True, **config}
    if isinstance(named.get("normalize_activations"), bool):
        named["normalize_activations"] = "expected_average_only_in" if named["normalize_activations"] else "none"
    if activation == "topk":
        if named["architecture"] not in ("standard", "topk"):
            raise refused(config_path, f"activation 'topk' of architecture {named['architecture']!r}")
        arguments = config.get("activation_fn_kwargs")
        k = arguments.get("k") if isinstance(arguments, dict) else config.get("k")
        return {**named, "architecture": "topk", "k": k}
    if activation != "relu":
        raise refused(config_path, f"activation {activation!r} is not known here")
    return named


def _scale(folder: Path, config: Mapping[str, Any]) -> float:
    """Return what inputs are multiplied by before encoding.

    Raises:
        GatekitError: `checkpoint.invalid`: a normalisation that depends on the token, or a factor that is not given.
    """
    kind = config.get("normalize_activations") or "none"
    if kind == "none":
        return 1.0
    if kind != "expected_average_only_in":
        raise refused(folder / CONFIG, f"'normalize_activations' is {kind!r}, which no single factor stands for")
    if not (folder / SCALER).is_file():
        raise refused(folder / CONFIG, f"'normalize_activations' is {kind!r}, and its factor is not beside the weights")
    factor = read_json(folder / SCALER).get("scaling_factor")
    if not isinstance(factor, float | int) or isinstance(factor, bool) or not (math.isfinite(factor) and factor > 0):
        raise refused(folder / SCALER, f"a scaling factor of {factor!r}")
    return float(factor)
