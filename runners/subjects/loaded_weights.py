"""Whether the loader made of a model's files the model that they hold: no weight drawn at random, none passed over.

transformers completes what a file lacks with new random weights and leaves out what fits nothing, and says so in a
warning at most. Then a summary would name by digest what was never measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from itertools import pairwise
from typing import Any

from gatekit.errors import GatekitError, Location
from runners.subjects.model_files import ModelFiles

_BUFFERS = ("inv_freq", "masked_bias", "attn.bias", "attention.bias", "position_ids")
"""Ends of names of stored values that follow from the configuration, and that newer versions compute anew."""


class RecordingClass:
    """Stands for the model class that TransformerLens would choose, and keeps what loading reported."""

    def __init__(self) -> None:
        """Nothing is loaded yet."""
        self.loaded: Mapping[str, Any] = {}

    def from_pretrained(self, name: str, **options: Any) -> Any:
        """Load as the model class does, from safetensors only.

        Args:
            name: the model's folder.
            options: of the class, `config` among them.
        """
        from transformer_lens.model_bridge.sources.transformers import (
            determine_architecture_from_hf_config,
            get_hf_model_class_for_architecture,
        )

        architecture = determine_architecture_from_hf_config(options["config"])  # type: ignore[no-untyped-call]
        chosen = get_hf_model_class_for_architecture(architecture)
        model, self.loaded = chosen.from_pretrained(name, output_loading_info=True, use_safetensors=True, **options)
        return model


def check_code(files: ModelFiles) -> None:
    """Refuse a model whose classes are not transformers' own, for which TransformerLens would run its folder's code.

    Args:
        files: of the model.

    Raises:
        GatekitError: `runner.model_code`.
        OSError, ValueError: transformers cannot read its configuration, or TransformerLens does not know it.
    """
    import transformers
    from transformer_lens.model_bridge.sources.transformers import determine_architecture_from_hf_config

    config = transformers.AutoConfig.from_pretrained(files.folder)
    architecture = determine_architecture_from_hf_config(config)  # type: ignore[no-untyped-call]
    if not hasattr(transformers, architecture):
        message = f"'{files.name}' is of the class {architecture}, which is code of its own; a model's code is not run"
        remedy = "is 'architectures' in config.json that of these weights?"
        raise GatekitError("runner.model_code", message, Location(str(files.folder)), remedy)


def check_loaded(files: ModelFiles, loaded: Mapping[str, Any], model: Any) -> None:
    """Refuse a model of which a tensor was drawn instead of read, was left out of its layers, or is not finite.

    A head that a checkpoint of another task lacks is allowed to be missing, since nothing here reads it, but not that
    of a causal language model, by which its loss is measured. Stored heads, poolers and buffers may be left over.

    Args:
        files: of the model.
        loaded: what transformers reports: `missing_keys`, `unexpected_keys`, `mismatched_keys`.
        model: as loaded.

    Raises:
        GatekitError: `runner.model_weights`, naming a tensor.
    """
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    causal = type(model).__name__.endswith(("ForCausalLM", "LMHeadModel"))
    place = Location(str(files.folder))
    missing = sorted(loaded.get("missing_keys") or ())
    needed = [name for name in missing if causal or name.startswith(prefix)]
    left_over = sorted(loaded.get("unexpected_keys") or ())
    if needed:
        message = f"the weights lack '{needed[0]}', a tensor of the architecture{_and_more(needed)}"
        remedy = None
        if left_over:
            remedy = f"they hold '{left_over[0]}', which matches nothing: save them without what is before its name"
        raise GatekitError("runner.model_weights", message, place, remedy)
    mismatched = sorted(str(entry[0]) for entry in loaded.get("mismatched_keys") or ())
    if mismatched:
        message = f"'{mismatched[0]}' has another shape than config.json says{_and_more(mismatched)}"
        raise GatekitError("runner.model_weights", message, place)
    inside = _inside(left_over, _block_lists(model))
    if inside:
        message = f"the weights hold '{inside[0]}', which is in none of the architecture's layers{_and_more(inside)}"
        raise GatekitError("runner.model_weights", message, place, "is config.json that of these weights?")
    broken = [name for name, value in model.named_parameters() if not bool(value.isfinite().all())]
    if broken:
        name = broken[0].replace("._original_component", "")
        message = f"'{name}' holds values that are no finite numbers (NaN or infinity){_and_more(broken)}"
        raise GatekitError("runner.model_weights", message, place, "take the weights of an earlier step")


def _inside(names: list[str], lists: Set[str]) -> list[str]:
    """Return the names that lie in a list of layers, or are an adapter's, buffers left out."""
    parts = [(name, name.split(".")) for name in names if not name.endswith(_BUFFERS)]
    return [
        name
        for name, path in parts
        if any("lora" in part for part in path)
        or any(part in lists and following.isdecimal() for part, following in pairwise(path))
    ]


def _block_lists(model: Any) -> Set[str]:
    """Return the names under which a model keeps its lists of layers, such as `layers` or `h`."""
    return {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if type(module).__name__ == "ModuleList" and name
    } | {"layers", "layer", "h", "blocks"}


def _and_more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
