"""Reading and writing SAELens checkpoints: a folder with `cfg.json` and `sae_weights.safetensors`.

SAELens keeps BatchTopK and matryoshka SAEs as `jumprelu` once they are trained, all latents at one threshold; read back
they are JumpReLU SAEs that compute the same. Saved while in training they keep their names and one `topk_threshold`,
and are read as what SAELens would make of them. Versions 3 to 6 of the configuration are read (see
`runners.saes.formats.sae_lens_config`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError
from runners.saes.architecture import Architecture, Parameters, describe
from runners.saes.batch_topk import BatchTopK
from runners.saes.controls import Control
from runners.saes.formats.folding import centred, with_unit_rows
from runners.saes.formats.sae_format import refuse_other_weights
from runners.saes.formats.sae_lens_config import OF_TRANSFORMERS, current_form, stated_facts
from runners.saes.formats.settings import flag
from runners.saes.gated import Gated
from runners.saes.given.jump_relu_transcoder import JumpReLUTranscoder
from runners.saes.given.per_token import PerToken
from runners.saes.hierarchical_topk import HierarchicalTopK
from runners.saes.jump_relu import JumpReLU
from runners.saes.matryoshka import Matryoshka
from runners.saes.relu import ReLU
from runners.saes.sae import Sae, in_model_units
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder
from runners.saes.weights import checked, read_json, read_safetensors, refused, whole_number
from runners.subjects.hook_names import module_hook

CONFIG, WEIGHTS, SCALER = "cfg.json", "sae_weights.safetensors", "activation_scaler.json"

COMPANIONS = (
    *("sparsity.safetensors", "log_feature_sparsity.pt", "activations_store_state.safetensors", "trainer_state.pt"),
    "activation_whitening.safetensors",
)
"""Files that SAELens writes beside the weights, and that hold none of the SAE."""

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
        "reshape_activations": "hook_z" if hook_name.endswith("hook_z") else "none",
        "metadata": {
            "sae_lens_version": FORMAT_VERSION,
            "model_name": model_name,
            **_place(hook_name),
            "trained_as": describe(sae.architecture),
            "activation_scale_folded_in": sae.scale,
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in parameters.items()}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _place(hook: str) -> dict[str, str]:
    """Return how SAELens names a place in a model: it has a class of its own for models of transformers."""
    module = module_hook(hook)
    if module is None or module.output:
        return {"hook_name": hook}
    return {"hook_name": module.module, "model_class_name": OF_TRANSFORMERS}


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
    config = current_form(config_path, stored)
    facts = stated_facts(config_path, stored, config)
    d_in, d_sae = whole_number(config_path, config, "d_in"), whole_number(config_path, config, "d_sae")
    scale = _scale(folder, config)
    refuse_other_weights(path, COMPANIONS)
    tensors = read_safetensors(path)
    _leave_out_ones(path, tensors, d_sae)
    if "log_threshold" in tensors and "jumprelu" in str(config.get("architecture")):
        tensors["threshold"] = tensors.pop("log_threshold").exp()
    try:
        architecture = _architecture(config_path, config, d_in, d_sae)
    except ValueError as error:
        raise refused(config_path, str(error)) from None
    if isinstance(architecture, BatchTopK | Matryoshka) and "topk_threshold" in tensors:
        tensors["threshold"] = tensors.pop("topk_threshold")
    stored_as = str(tensors["W_dec"].dtype).removeprefix("torch.") if "W_dec" in tensors else None
    parameters = _canonical(config_path, path, config, architecture, checked(path, tensors, architecture.shapes()))
    match facts.normalisation:
        case "layer_norm":
            architecture = PerToken(architecture, "layer_norm")
        case "constant_norm_rescale":
            architecture = PerToken(architecture, "constant_norm_rescale")
    return Sae(
        architecture,
        parameters,
        scale,
        facts={"sae_lens": stored},
        stated=replace(facts, stored_as=stored_as),
    )


def _architecture(config_path: Path, config: Mapping[str, Any], d_in: int, d_sae: int) -> Architecture:
    """Return the architecture that the configuration declares."""
    name = config.get("architecture")
    match name:
        case "standard":
            return ReLU(d_in, d_sae, None)
        case "topk":
            return TopK(d_in, d_sae, whole_number(config_path, config, "k"), 0)
        case "batchtopk":
            return BatchTopK(d_in, d_sae, _mean_k(config_path, config), 0)
        case "matryoshka_batchtopk":
            return Matryoshka(d_in, _widths(config_path, config, d_sae), _mean_k(config_path, config), 0)
        case "jumprelu":
            return JumpReLU(d_in, d_sae, None)
        case "gated":
            return Gated(d_in, d_sae, None)
        case "transcoder" | "skip_transcoder":
            d_out = whole_number(config_path, config, "d_out")
            return Transcoder(d_in, d_out, d_sae, d_sae, 0, skip=name == "skip_transcoder")
        case "jumprelu_transcoder" | "jumprelu_skip_transcoder":
            d_out = whole_number(config_path, config, "d_out")
            return JumpReLUTranscoder(d_in, d_out, d_sae, skip=name == "jumprelu_skip_transcoder")
    raise refused(config_path, f"architecture {name!r} is not known here")


def _mean_k(config_path: Path, config: Mapping[str, Any]) -> int:
    """Return the k of a BatchTopK SAE, which SAELens keeps as a float because it is a mean."""
    k = config.get("k")
    if isinstance(k, float) and k.is_integer():
        config = {**config, "k": int(k)}
    return whole_number(config_path, config, "k")


def _widths(config_path: Path, config: Mapping[str, Any], d_sae: int) -> tuple[int, ...]:
    widths = config.get("matryoshka_widths")
    if not isinstance(widths, list) or not all(isinstance(width, int) for width in widths):
        raise refused(config_path, f"'matryoshka_widths' is {widths!r} and no list of whole numbers")
    return tuple(widths) if widths and widths[-1] == d_sae else (*widths, d_sae)


def _canonical(
    config_path: Path, path: Path, config: Mapping[str, Any], architecture: Architecture, parameters: Parameters
) -> Parameters:
    """Return parameters of our form, which subtracts b_dec from an SAE's input and weighs no latent by a norm."""
    subtracted = flag(config_path, config, "apply_b_dec_to_input", True)
    if isinstance(architecture, Transcoder | JumpReLUTranscoder):
        if flag(config_path, config, "apply_b_dec_to_input", False):
            raise refused(config_path, "'apply_b_dec_to_input' is true of a transcoder, whose b_dec is no input's")
    elif not subtracted:
        parameters = centred(parameters)
    if isinstance(architecture, BatchTopK | Matryoshka) and "rescale_acts_by_decoder_norm" not in config:
        raise refused(config_path, "no 'rescale_acts_by_decoder_norm', whose default changed between versions")
    if isinstance(architecture, TopK | BatchTopK | Matryoshka) and flag(
        config_path, config, "rescale_acts_by_decoder_norm", False
    ):
        parameters = with_unit_rows(path, parameters)
    if isinstance(architecture, BatchTopK | Matryoshka) and not float(parameters["threshold"]) > 0:
        raise refused(path, f"a threshold of {parameters['threshold'].item()}: training never set it")
    if isinstance(architecture, JumpReLU | JumpReLUTranscoder):
        # A latent is rectified too, so a negative threshold does what zero does.
        parameters = {**parameters, "threshold": parameters["threshold"].clamp_min(0.0)}
    return parameters


def _leave_out_ones(path: Path, tensors: Parameters, d_sae: int) -> None:
    """Take out the scaling factors of ones that versions up to 4 wrote into every file.

    Raises:
        GatekitError: `checkpoint.invalid`: others than ones: the decoder is scaled after training.
    """
    factors = tensors.get("scaling_factor")
    if factors is None:
        return
    if factors.shape != (d_sae,) or not bool((factors == 1).all()):
        raise refused(path, "'scaling_factor' is not all ones: a decoder scaled after training is not read")
    del tensors["scaling_factor"]


def _scale(folder: Path, config: Mapping[str, Any]) -> float:
    """Return what inputs are multiplied by before encoding; 1 where each token has a factor of its own.

    Raises:
        GatekitError: `checkpoint.invalid`: a normalisation that is not known, or a factor that is not given.
    """
    kind = config.get("normalize_activations") or "none"
    transcoder = "transcoder" in str(config.get("architecture"))
    if kind == "none" or (kind in ("layer_norm", "constant_norm_rescale") and not transcoder):
        return 1.0
    if kind != "expected_average_only_in":
        of = " of a transcoder" if transcoder else ""
        raise refused(folder / CONFIG, f"'normalize_activations' is {kind!r}, which is not read{of}")
    if not (folder / SCALER).is_file():
        raise refused(folder / CONFIG, f"'normalize_activations' is {kind!r}, and its factor is not beside the weights")
    factor = read_json(folder / SCALER).get("scaling_factor")
    if not isinstance(factor, float | int) or isinstance(factor, bool) or not (math.isfinite(factor) and factor > 0):
        raise refused(folder / SCALER, f"a scaling factor of {factor!r}")
    return float(factor)
