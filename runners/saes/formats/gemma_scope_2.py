"""Reading Gemma Scope 2, SAEs and transcoders of Gemma 3: a folder with `params.safetensors` and `config.json`.

They compute what Gemma Scope's do (see `runners.saes.formats.gemma_scope`); some transcoders add a linear map of the
input, `affine_skip_connection`, which is stored as (d_in, d_out). Cross-layer transcoders and crosscoders, whose
decoders write into several layers, are refused.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from runners.saes.formats.gemma_scope import jump_relu, refuse_other_width, size_of
from runners.saes.formats.sae_format import refuse_other_weights
from runners.saes.formats.settings import said_flag, said_number, said_text
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts
from runners.saes.weights import read_json, read_safetensors, refused

CONFIG, WEIGHTS = "config.json", "params.safetensors"

_SKIP = "affine_skip_connection"
# Of a block of Gemma 3: the module's output or input, and the same place in TransformerLens.
_HOOKS = {
    "output": "hook_resid_post",
    "self_attn.o_proj.input": "attn.hook_z",
    "post_feedforward_layernorm.output": "hook_mlp_out",
}


def read(folder: Path) -> Sae:
    """Read one SAE or transcoder.

    Raises:
        GatekitError: `checkpoint.invalid`: another architecture, or weights that are not what the files say.
    """
    config_path, path = folder / CONFIG, folder / WEIGHTS
    config = read_json(config_path)
    if config.get("architecture") != "jump_relu":
        raise refused(config_path, f"'architecture' is {config.get('architecture')!r}; only 'jump_relu' is known here")
    if config.get("type") in ("clt", "crosscoder"):
        raise refused(config_path, f"'type' is {config['type']!r}, which writes into several layers and is not read")
    stated = _stated_facts(config_path, config)
    refuse_other_weights(path)
    stored = read_safetensors(path)
    tensors = {re.sub(r"^w_", "W_", name): tensor for name, tensor in stored.items()}
    d_in, d_sae = size_of(path, tensors, "W_enc")
    width = said_number(config_path, config, "width")
    if width is not None and width != d_sae:
        raise refused(path, f"{d_sae} latents where {CONFIG} says 'width' {width}")
    refuse_other_width(path, d_sae, folder)
    said = said_flag(config_path, config, "affine_connection")
    skip = _SKIP in tensors if said is None else said
    transcoder = stated.target_module is not None
    if skip and not transcoder:
        raise refused(config_path, "a linear map of the input, but no 'hf_hook_point_out' that it leads to")
    if skip and _SKIP in tensors:
        tensors["W_skip"] = tensors.pop(_SKIP)
        if tensors["W_skip"].ndim == 2:
            tensors["W_skip"] = tensors["W_skip"].mT
    stored_as = str(tensors["W_dec"].dtype).removeprefix("torch.") if "W_dec" in tensors else None
    architecture, parameters = jump_relu(path, tensors, d_in, d_sae, transcoder=transcoder, skip=skip)
    return Sae(architecture, parameters, facts={"gemma_scope_2": config}, stated=replace(stated, stored_as=stored_as))


def _stated_facts(config_path: Path, config: dict[str, Any]) -> StatedFacts:
    module = said_text(config_path, config, "hf_hook_point_in")
    target = said_text(config_path, config, "hf_hook_point_out")
    if target == module:
        target = None
    place = re.fullmatch(r"(?:.*\.)?layers\.(\d+)\.(.+)", module or "")
    goal = re.fullmatch(r"(?:.*\.)?layers\.(\d+)\.(.+)", target or "")
    return StatedFacts(
        said_by=(config_path.name,),
        # The configurations write `gemma-v3-1b-pt` where the model's name is gemma-3-1b-pt.
        model=(said_text(config_path, config, "model_name") or "").replace("gemma-v3-", "gemma-3-") or None,
        hook=_hook(place),
        module=module,
        target_hook=_hook(goal),
        target_module=target,
        layer=int(place[1]) if place else None,
        flat_heads=place is not None and place[2] == "self_attn.o_proj.input",
        normalisation="none",
    )


def _hook(place: re.Match[str] | None) -> str | None:
    return f"blocks.{place[1]}.{_HOOKS[place[2]]}" if place and place[2] in _HOOKS else None
