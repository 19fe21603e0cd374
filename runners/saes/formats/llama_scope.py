"""Reading Llama Scope (He et al. 2024, arXiv 2410.20526), as OpenMOSS's Language-Model-SAEs writes SAEs.

A folder with `hyperparams.json` and `checkpoints/final.safetensors` (or `checkpoints/pruned.safetensors`, or
`sae_weights.safetensors`). The library rewrites the weights when it loads them, and so it is done here:

* `norm_activation: dataset-wise` trained on x sqrt(d) / n, n the mean norm of the texts' activations. The factor is
  taken into biases and decoder, so that inputs, latents and outputs are in the model's units.
* `sparsity_include_decoder_norm` chose latents by value times decoder norm. The norms are taken into the encoder.
* The threshold of `jumprelu`, which all published SAEs are, is compared after both.

A `topk` SAE with a threshold is refused: the library of 2024 says on loading that it becomes a `jumprelu` one, and goes
on choosing k latents a token, since its activation function was already made.

`lm_config.json` beside it names the model, and so does the name of the published folders
(`Llama3_1-8B-Base-L15R-8x`). What the library writes since 2025 is `runners.saes.formats.openmoss`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from runners.saes.architecture import Architecture, Parameters, Shapes
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

CONFIG, LM_CONFIG = "hyperparams.json", "lm_config.json"
WEIGHTS = ("sae_weights.safetensors", "checkpoints/pruned.safetensors", "checkpoints/final.safetensors")
"""Where weights may lie, in the library's order."""

_FOLDER = re.compile(r"Llama3_1-8B-Base-L(\d+)[A-Z]+-\d+x")
_NAMES = {"encoder.weight": "W_enc", "encoder.bias": "b_enc", "decoder.weight": "W_dec", "decoder.bias": "b_dec"}


def read(folder: Path) -> Sae:
    """Read one SAE or transcoder.

    Raises:
        GatekitError: `checkpoint.invalid`: a setting that is not known here, weights at two places, or weights that are
            not what the configuration says.
    """
    config_path = folder / CONFIG
    config = read_json(config_path)
    found = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if len(found) != 1:
        where = " and ".join(str(path.relative_to(folder)) for path in found)
        raise refused(folder, f"weights at {where}" if found else f"weights at none of {', '.join(WEIGHTS)}")
    path = found[0]
    stated = _stated_facts(config_path, config)
    refuse_other_weights(path)
    d_in = whole_number(config_path, config, "d_model")
    d_sae = _number_of_latents(config_path, config, d_in)
    if flag(config_path, config, "use_glu_encoder", False):
        raise refused(config_path, "'use_glu_encoder' is true, which is not read")
    with_bias = flag(config_path, config, "use_decoder_bias", True)
    shapes: Shapes = {"encoder.weight": (d_sae, d_in), "encoder.bias": (d_sae,), "decoder.weight": (d_in, d_sae)}
    stored = read_safetensors(path)
    tensors = checked(path, stored, {**shapes, "decoder.bias": (d_in,)} if with_bias else shapes)
    stored_as = str(stored["decoder.weight"].dtype).removeprefix("torch.")
    tensors.setdefault("decoder.bias", torch.zeros(d_in))
    parameters = transposed(tensors, _NAMES, frozenset({"encoder.weight", "decoder.weight"}))
    parameters = _in_model_units(config_path, config, parameters)
    if flag(config_path, config, "sparsity_include_decoder_norm", True):
        parameters = with_unit_rows(path, parameters)
    transcoder = stated.target_hook is not None
    architecture, parameters = _architecture(config_path, config, parameters, d_in, d_sae, transcoder)
    if with_bias and flag(config_path, config, "apply_decoder_bias_to_pre_encoder", True):
        if transcoder:
            raise refused(config_path, "'apply_decoder_bias_to_pre_encoder' is true of a transcoder")
    elif not transcoder:
        parameters = centred(parameters)
    if config.get("norm_activation") == "token-wise":
        architecture = PerToken(architecture, "constant_norm_rescale")
    return Sae(
        architecture,
        checked(path, parameters, architecture.shapes()),
        facts={"llama_scope": config},
        stated=replace(stated, stored_as=stored_as),
    )


def _number_of_latents(config_path: Path, config: Mapping[str, Any], d_in: int) -> int:
    if config.get("d_sae") is not None:
        return whole_number(config_path, config, "d_sae")
    return d_in * whole_number(config_path, config, "expansion_factor")


def _in_model_units(config_path: Path, config: Mapping[str, Any], parameters: Parameters) -> Parameters:
    """Return parameters that take and give activations of the model, where one factor stands for all texts.

    Raises:
        GatekitError: `checkpoint.invalid`: a normalisation that is not known, or without its norms.
    """
    kind = config.get("norm_activation", "token-wise")
    if kind in ("token-wise", "inference", "none"):
        return parameters
    norms = config.get("dataset_average_activation_norm")
    if kind != "dataset-wise" or not isinstance(norms, dict):
        what = f"'norm_activation' is {kind!r}" + (" without its norms" if kind == "dataset-wise" else "")
        raise refused(config_path, f"{what}, which is not read")
    factors = []
    for end in ("in", "out"):
        norm = norms.get(end)
        if not isinstance(norm, int | float) or isinstance(norm, bool) or not (math.isfinite(norm) and norm > 0):
            raise refused(config_path, f"'dataset_average_activation_norm' has {norm!r} as '{end}'")
        factors.append(math.sqrt(len(parameters["b_dec"])) / norm)
    taken, given = factors
    return {
        **parameters,
        "b_enc": parameters["b_enc"] / taken,
        "W_dec": parameters["W_dec"] * (taken / given),
        "b_dec": parameters["b_dec"] / given,
    }


def _architecture(
    config_path: Path, config: Mapping[str, Any], parameters: Parameters, d_in: int, d_sae: int, transcoder: bool
) -> tuple[Architecture, Parameters]:
    """Return the architecture after training, and the parameters with its thresholds."""
    name = str(config.get("act_fn", "relu")).lower()
    threshold = config.get("jump_relu_threshold", 0.0)
    if not isinstance(threshold, int | float) or isinstance(threshold, bool) or not math.isfinite(threshold):
        raise refused(config_path, f"'jump_relu_threshold' is {threshold!r} and no number")
    if name == "topk" and threshold > 0:
        what = f"'act_fn' is {config['act_fn']!r} beside a 'jump_relu_threshold' of {threshold:g}"
        ask = "write 'jumprelu' where latents are chosen by it, as the published SAEs say, or the threshold 0"
        raise refused(config_path, f"{what}, and which of them chooses latents could not be told; {ask}")
    if name == "jumprelu":
        if "jump_relu_threshold" not in config:
            raise refused(config_path, "'act_fn' is 'jumprelu' and no 'jump_relu_threshold' is said")
        if threshold < 0:
            raise refused(config_path, f"'jump_relu_threshold' is {threshold}: latents may be negative")
        parameters = {**parameters, "threshold": torch.full((d_sae,), float(threshold))}
        return JumpReLUTranscoder(d_in, d_in, d_sae) if transcoder else JumpReLU(d_in, d_sae, None), parameters
    if name not in ("relu", "topk"):
        raise refused(config_path, f"'act_fn' is {config['act_fn']!r}; known here: relu, topk, jumprelu")
    k = whole_number(config_path, config, "top_k") if name == "topk" else d_sae
    try:
        if transcoder:
            return Transcoder(d_in, d_in, d_sae, k, 0), parameters
        return TopK(d_in, d_sae, k, 0) if name == "topk" else ReLU(d_in, d_sae, None), parameters
    except ValueError as error:
        raise refused(config_path, str(error)) from None


def _stated_facts(config_path: Path, config: Mapping[str, Any]) -> StatedFacts:
    """Return what the configuration, that of the model and the folder's name say.

    Raises:
        GatekitError: `checkpoint.invalid`: the folder's name says another layer than the configuration's hook.
    """
    lm_path = config_path.with_name(LM_CONFIG)
    lm = read_json(lm_path) if lm_path.is_file() else {}
    named = next((found for part in config_path.absolute().parts if (found := _FOLDER.fullmatch(part))), None)
    hook = said_text(config_path, config, "hook_point_in")
    target = said_text(config_path, config, "hook_point_out")
    if named is not None and hook is not None and not hook.startswith(f"blocks.{named[1]}."):
        raise refused(config_path, f"'hook_point_in' is {hook!r} in a folder that is named {named[0]!r}")
    model = said_text(lm_path, lm, "model_name")
    says = {config_path.name: True, LM_CONFIG: model is not None, "folder name": named is not None}
    return StatedFacts(
        said_by=tuple(name for name, it_does in says.items() if it_does),
        model=model or (None if named is None else "meta-llama/Llama-3.1-8B"),
        hook=hook,
        target_hook=None if target == hook else target,
        normalisation=said_text(config_path, config, "norm_activation") or "token-wise",
    )
