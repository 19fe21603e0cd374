"""Reading what OpenMOSS's Language-Model-SAEs (llamascopium) has written since 2025, such as Llama Scope R1-Distill.

A folder with `config.json` and `sae_weights.safetensors`. Tensors are named `encoder.weight`, ... in earlier files and
`W_E`, ... in later ones; thresholds are stored as logarithms. With hidden = f x W_E + b_E

    z     = hidden H(hidden |W_D row| - threshold)       of jumprelu; |W_D row| where `sparsity_include_decoder_norm`
    x_hat = (z W_D + b_D) / g

f and g are sqrt(d) over the mean norm of the texts' activations at the two hooks (`norm_activation: dataset-wise`; the
norms are tensors of the file), or sqrt(d) over a token's own norm (`token-wise`), or 1 (`inference`: they are in the
weights). A `topk` SAE that is chosen by value times decoder norm has those norms in its latents here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from runners.saes.architecture import Architecture, Parameters
from runners.saes.formats.folding import centred, transposed, with_unit_rows
from runners.saes.formats.sae_format import refuse_other_weights
from runners.saes.formats.settings import flag, said_text
from runners.saes.given.jump_relu_transcoder import JumpReLUTranscoder
from runners.saes.given.per_token import PerToken
from runners.saes.jump_relu import JumpReLU
from runners.saes.relu import ReLU
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder
from runners.saes.weights import checked, read_json, read_safetensors, refused, whole_number

CONFIG, WEIGHTS = "config.json", "sae_weights.safetensors"

_EARLIER = {"encoder.weight": "W_enc", "encoder.bias": "b_enc", "decoder.weight": "W_dec", "decoder.bias": "b_dec"}
_LATER = {"W_E": "W_enc", "b_E": "b_enc", "W_D": "W_dec", "b_D": "b_dec"}
_THRESHOLDS = ("log_jumprelu_threshold", "activation_function.log_jumprelu_threshold")
_NORMS = "dataset_average_activation_norm."
_KINDS = {"dataset-wise": "dataset-wise", "token-wise": "constant_norm_rescale", "inference": "none"}


def read(folder: Path) -> Sae:
    """Read one SAE or transcoder.

    Raises:
        GatekitError: `checkpoint.invalid`: a setting that is not known here, norms that are missing, or weights that
            are not what the configuration says.
    """
    config_path, path = folder / CONFIG, folder / WEIGHTS
    config = read_json(config_path)
    _refuse_unknown(config_path, config)
    stated = _stated_facts(config_path, config)
    refuse_other_weights(path)
    d_in = whole_number(config_path, config, "d_model")
    d_sae = _number_of_latents(config_path, config, d_in)
    transcoder = stated.target_hook is not None
    stored = read_safetensors(path)
    norms = {name.removeprefix(_NORMS): stored.pop(name) for name in list(stored) if name.startswith(_NORMS)}
    stored_as = next((str(stored[name].dtype) for name in ("W_D", "decoder.weight") if name in stored), "")
    parameters = _parameters(config_path, path, config, stored, d_in, d_sae)
    architecture, parameters = _architecture(config_path, path, config, parameters, d_in, d_sae, transcoder)
    if flag(config_path, config, "apply_decoder_bias_to_pre_encoder", False):
        if transcoder:
            raise refused(config_path, "'apply_decoder_bias_to_pre_encoder' is true of a transcoder")
    elif not transcoder:
        parameters = centred(parameters)
    parameters = checked(path, parameters, architecture.shapes())
    scale, target_scale = 1.0, None
    if config.get("norm_activation", "dataset-wise") == "dataset-wise":
        scale = _factor(path, norms, stated.hook, d_in)
        target_scale = _factor(path, norms, stated.target_hook, d_in) if transcoder else None
    elif config["norm_activation"] == "token-wise":
        if transcoder:
            raise refused(config_path, "'norm_activation' is 'token-wise', which is not read of a transcoder")
        architecture = PerToken(architecture, "constant_norm_rescale")
    stated = replace(stated, stored_as=stored_as.removeprefix("torch.") or None)
    return Sae(architecture, parameters, scale, target_scale, facts={"openmoss": config}, stated=stated)


def _refuse_unknown(config_path: Path, config: Mapping[str, Any]) -> None:
    if config.get("sae_type", "sae") != "sae":
        raise refused(config_path, f"'sae_type' is {config['sae_type']!r}; only 'sae' is read")
    kind = config.get("norm_activation", "dataset-wise")
    if kind not in _KINDS:
        raise refused(config_path, f"'norm_activation' is {kind!r}, which is not read")
    if flag(config_path, config, "use_glu_encoder", False):
        raise refused(config_path, "'use_glu_encoder' is true, which is not read")


def _number_of_latents(config_path: Path, config: Mapping[str, Any], d_in: int) -> int:
    factor = config.get("expansion_factor")
    if not isinstance(factor, int | float) or isinstance(factor, bool) or not (math.isfinite(factor) and factor > 0):
        raise refused(config_path, f"'expansion_factor' is {factor!r} and no positive number")
    return max(1, int(d_in * factor))


def _parameters(
    config_path: Path, path: Path, config: Mapping[str, Any], stored: Parameters, d_in: int, d_sae: int
) -> Parameters:
    """Return weights under our names, with `threshold` where the activation has one."""
    earlier = "encoder.weight" in stored
    names = dict(_EARLIER if earlier else _LATER)
    sizes = {"W_enc": (d_in, d_sae), "b_enc": (d_sae,), "W_dec": (d_sae, d_in), "b_dec": (d_in,)}
    turned = frozenset({"encoder.weight", "decoder.weight"})
    shapes = {theirs: sizes[ours][::-1] if theirs in turned else sizes[ours] for theirs, ours in names.items()}
    bias = next(theirs for theirs, ours in names.items() if ours == "b_dec")
    without = not flag(config_path, config, "use_decoder_bias", True)
    if without:
        del shapes[bias]
    if _activation(config) == "jumprelu":
        threshold = next((name for name in _THRESHOLDS if name in stored), _THRESHOLDS[not earlier])
        names[threshold], shapes[threshold] = "threshold", (d_sae,)
    tensors = checked(path, stored, shapes)
    if without:
        tensors[bias] = torch.zeros(d_in)
    parameters = transposed(tensors, names, turned)
    if "threshold" in parameters:
        parameters["threshold"] = parameters["threshold"].exp()
    return parameters


def _activation(config: Mapping[str, Any]) -> str:
    return str(config.get("act_fn", "relu")).lower()


def _architecture(
    config_path: Path,
    path: Path,
    config: Mapping[str, Any],
    parameters: Parameters,
    d_in: int,
    d_sae: int,
    transcoder: bool,
) -> tuple[Architecture, Parameters]:
    """Return what the weights compute once inputs are scaled, and the weights with decoder norms taken in."""
    name = _activation(config)
    weighed = flag(config_path, config, "sparsity_include_decoder_norm", True)
    if name == "jumprelu":
        if weighed:
            norms = parameters["W_dec"].double().norm(dim=1)
            if bool((norms == 0).any()):
                raise refused(path, "a decoder row has length zero")
            parameters = {**parameters, "threshold": (parameters["threshold"].double() / norms).float()}
        return JumpReLUTranscoder(d_in, d_in, d_sae) if transcoder else JumpReLU(d_in, d_sae, None), parameters
    if name not in ("relu", "topk"):
        raise refused(config_path, f"'act_fn' is {config['act_fn']!r}; known here: relu, topk, jumprelu")
    k = whole_number(config_path, config, "top_k") if name == "topk" else d_sae
    if name == "topk" and weighed:
        parameters = with_unit_rows(path, parameters)
    try:
        if transcoder:
            return Transcoder(d_in, d_in, d_sae, k, 0), parameters
        return TopK(d_in, d_sae, k, 0) if name == "topk" else ReLU(d_in, d_sae, None), parameters
    except ValueError as error:
        raise refused(config_path, str(error)) from None


def _factor(path: Path, norms: Mapping[str, torch.Tensor], hook: str | None, d_in: int) -> float:
    """Return what activations at a hook are multiplied by before encoding.

    Raises:
        GatekitError: `checkpoint.invalid`: the file has no norm of that hook, or one that is none.
    """
    stored = norms.get(hook or "")
    norm = math.nan if stored is None or stored.numel() != 1 else float(stored)
    if not (math.isfinite(norm) and norm > 0):
        shown = "no norm" if stored is None else f"{stored.tolist()} as the norm"
        raise refused(path, f"{shown} of the activations at {hook!r}, by which 'dataset-wise' inputs are divided")
    return math.sqrt(d_in) / norm


def _stated_facts(config_path: Path, config: Mapping[str, Any]) -> StatedFacts:
    hook = said_text(config_path, config, "hook_point_in")
    target = said_text(config_path, config, "hook_point_out")
    return StatedFacts(
        said_by=(config_path.name,),
        hook=hook,
        target_hook=None if target == hook else target,
        normalisation=_KINDS[config.get("norm_activation", "dataset-wise")],
    )
