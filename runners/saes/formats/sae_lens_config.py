"""SAELens configurations of all versions, in the form that version 6 writes, and what they say of the SAE's use.

Up to version 5 a configuration is flat: the SAE's settings and those of its training stand side by side, and a TopK SAE
is a `standard` one with another activation function. The oldest files say `hook_point` for `hook_name` and give the
number of latents by `expansion_factor` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runners.saes.formats.settings import flag, said_flag, said_number, said_text
from runners.saes.stated_facts import StatedFacts
from runners.saes.weights import refused


def current_form(config_path: Path, stored: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration of any version as version 6 would write it.

    Raises:
        GatekitError: `checkpoint.invalid`: a flat one with an activation function that no class of today stands for, or
            with a decoder that was scaled after training.
    """
    if not _is_flat(stored):
        return stored
    config = {key: value for key, value in stored.items() if key != "metadata"}
    if flag(config_path, config, "finetuning_scaling_factor", False):
        raise refused(config_path, "'finetuning_scaling_factor' is true: a decoder scaled after training is not read")
    config["architecture"] = config.get("architecture") or "standard"
    config.setdefault("apply_b_dec_to_input", True)
    if isinstance(config.get("normalize_activations"), bool):
        config["normalize_activations"] = "expected_average_only_in" if config["normalize_activations"] else "none"
    if config.get("d_sae") is None and isinstance(config.get("d_in"), int):
        expansion = said_number(config_path, config, "expansion_factor")
        config["d_sae"] = None if expansion is None else config["d_in"] * expansion
    hook = said_text(config_path, config, "hook_name", "hook_point")
    config.setdefault("reshape_activations", "hook_z" if hook is not None and "hook_z" in hook else "none")
    _settle_activation(config_path, config)
    return config


def _is_flat(config: Mapping[str, Any]) -> bool:
    metadata = config.get("metadata")
    version = config.get("sae_lens_version") or (metadata.get("sae_lens_version") if isinstance(metadata, dict) else "")
    major = str(version).split(".")[0]
    return not (major.isdigit() and int(major) >= 6)


def _settle_activation(config_path: Path, config: dict[str, Any]) -> None:
    """Turn the activation function of a flat configuration into an architecture, in place."""
    activation = said_text(config_path, config, "activation_fn_str", "activation_fn") or "relu"
    if activation == "topk":
        if config["architecture"] not in ("standard", "topk"):
            raise refused(config_path, f"activation 'topk' of architecture {config['architecture']!r}")
        arguments = config.get("activation_fn_kwargs")
        config["k"] = arguments.get("k") if isinstance(arguments, dict) else config.get("k")
        config["architecture"] = "topk"
    elif activation != "relu":
        raise refused(config_path, f"activation {activation!r} is not known here")


OF_TRANSFORMERS = "AutoModelForCausalLM"
"""`model_class_name` of an SAE on a model that SAELens loads without TransformerLens."""


def stated_facts(config_path: Path, stored: Mapping[str, Any], config: Mapping[str, Any]) -> StatedFacts:
    """Return what a configuration says of the SAE's use.

    Args:
        config_path: where it stands.
        stored: as it stands there.
        config: in the form of version 6.

    Raises:
        GatekitError: `checkpoint.invalid`: a statement of another type, or inputs by head at a hook that has none.
    """
    metadata = stored.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise refused(config_path, f"'metadata' is {metadata!r} and no JSON object")
    if _is_flat(stored):
        metadata = {**stored, **metadata}
    settings = metadata.get("model_from_pretrained_kwargs") or {}
    if not isinstance(settings, dict):
        raise refused(config_path, f"'model_from_pretrained_kwargs' is {settings!r} and no JSON object")
    reshape = config.get("reshape_activations") or "none"
    hook = said_text(config_path, metadata, "hook_name", "hook_point")
    if reshape not in ("none", "hook_z") or (reshape == "hook_z" and hook is not None and not hook.endswith("_z")):
        raise refused(config_path, f"'reshape_activations' is {reshape!r} at hook {hook!r}")
    module = said_text(config_path, metadata, "hf_hook_name")
    if metadata.get("model_class_name") == OF_TRANSFORMERS:
        # Its hooks are modules, of which the first value is read.
        hook, module = None, module or hook
    return StatedFacts(
        said_by=(config_path.name,),
        model=said_text(config_path, metadata, "model_name"),
        hook=hook,
        module=module,
        target_hook=said_text(config_path, metadata, "hook_name_out"),
        target_module=said_text(config_path, metadata, "hf_hook_name_out"),
        layer=said_number(config_path, metadata, "hook_layer", "hook_point_layer"),
        head=said_number(config_path, metadata, "hook_head_index", "hook_point_head_index"),
        flat_heads=reshape == "hook_z",
        context_size=said_number(config_path, metadata, "context_size"),
        positions=_positions(config_path, metadata),
        prepend_bos=said_flag(config_path, metadata, "prepend_bos"),
        normalisation=said_text(config_path, config, "normalize_activations") or "none",
        dataset=said_text(config_path, metadata, "dataset_path"),
        model_settings=settings,
    )


def _positions(config_path: Path, metadata: Mapping[str, Any]) -> slice | None:
    """Return the positions of a text that the SAE was trained on, or None where they are all.

    Raises:
        GatekitError: `checkpoint.invalid`: `seqpos_slice` is no list of one to three whole numbers or nulls.
    """
    stated = metadata.get("seqpos_slice")
    if stated is None:
        return None
    whole = isinstance(stated, list) and all(part is None or type(part) is int for part in stated)
    if not whole or not 1 <= len(stated) <= 3 or stated[2:] == [0]:
        raise refused(config_path, f"'seqpos_slice' is {stated!r} and no list of start, end and step")
    found = slice(*stated)
    tokens = said_number(config_path, metadata, "context_size")
    everything = found in (slice(None), slice(0, None)) if tokens is None else range(tokens)[found] == range(tokens)
    return None if everything else found
