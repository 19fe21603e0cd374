"""Reading Gemma Scope 2, SAEs and transcoders of Gemma 3: a folder with `params.safetensors`, mostly `config.json` too.

Some published folders have no configuration; their names say the same
(`gemma-scope-2-1b-pt/transcoder_all/layer_5_width_16k_l0_big_affine`). They compute what Gemma Scope's do (see
`runners.saes.formats.gemma_scope`); some transcoders add a linear map of the input, `affine_skip_connection`, which is
stored as (d_in, d_out). Cross-layer transcoders and crosscoders, whose decoders write into several layers, are refused.
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
_KINDS = {
    "resid_post": "output",
    "attn_out": "self_attn.o_proj.input",
    "mlp_out": "post_feedforward_layernorm.output",
    "transcoder": "pre_feedforward_layernorm.output",
}
"""Name of a published folder -> what SAEs in it read of a block."""
_KIND = re.compile(rf"({'|'.join(_KINDS)})(?:_all)?")
_REPOSITORY = re.compile(r"(?:.*--)?gemma-scope-2-(\d+[bm]-(?:pt|it))")
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
    named = not config_path.is_file()
    config = _from_names(folder) if named else read_json(config_path)
    if config.get("architecture") != "jump_relu":
        raise refused(config_path, f"'architecture' is {config.get('architecture')!r}; only 'jump_relu' is known here")
    if config.get("type") in ("clt", "crosscoder"):
        raise refused(config_path, f"'type' is {config['type']!r}, which writes into several layers and is not read")
    stated = _stated_facts("folder name" if named else CONFIG, config_path, config)
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


def _from_names(folder: Path) -> dict[str, Any]:
    """Return what the names of the published folders say, in the form of a configuration.

    Raises:
        GatekitError: `checkpoint.invalid`: they do not say the place in the model, or whether it is a transcoder.
    """
    parts = folder.absolute().parts
    kind = next((found[1] for part in reversed(parts) if (found := _KIND.fullmatch(part))), None)
    layer = re.match(r"layer_(\d+)(?:_|$)", folder.name)
    if kind is None or layer is None:
        raise refused(folder, f"no {CONFIG}, and not in a folder such as resid_post/layer_13_width_16k_l0_big")
    repository = next((found for part in parts if (found := _REPOSITORY.fullmatch(part))), None)
    at = f"model.layers.{layer[1]}."
    config: dict[str, Any] = {"architecture": "jump_relu", "hf_hook_point_in": at + _KINDS[kind]}
    if repository is not None:
        config["model_name"] = f"gemma-3-{repository[1]}"
    if kind == "transcoder":
        config |= {"hf_hook_point_out": at + _KINDS["mlp_out"], "affine_connection": folder.name.endswith("_affine")}
    return config


def _stated_facts(said_by: str, config_path: Path, config: dict[str, Any]) -> StatedFacts:
    module = said_text(config_path, config, "hf_hook_point_in")
    target = said_text(config_path, config, "hf_hook_point_out")
    if target == module:
        target = None
    place = re.fullmatch(r"(?:.*\.)?layers\.(\d+)\.(.+)", module or "")
    goal = re.fullmatch(r"(?:.*\.)?layers\.(\d+)\.(.+)", target or "")
    return StatedFacts(
        said_by=(said_by,),
        model=_model(said_text(config_path, config, "model_name")),
        hook=_hook(place),
        module=module,
        target_hook=_hook(goal),
        target_module=target,
        layer=int(place[1]) if place else None,
        flat_heads=place is not None and place[2] == "self_attn.o_proj.input",
        normalisation="none",
    )


def _model(name: str | None) -> str | None:
    """Return a model's name on the hub; the configurations write `gemma-v3-1b-pt` for gemma-3-1b-pt."""
    # Of the smallest one, the pretrained model is published without the suffix.
    return None if name is None else name.replace("gemma-v3-", "gemma-3-").replace("-270m-pt", "-270m")


def _hook(place: re.Match[str] | None) -> str | None:
    return f"blocks.{place[1]}.{_HOOKS[place[2]]}" if place and place[2] in _HOOKS else None
