"""A model as Hugging Face's transformers has it, read at its own modules: for those that TransformerLens does not know.

The tokeniser is set up as TransformerLens sets one up, so that a text is the same tokens on either way.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from gatekit.errors import GatekitError, did_you_mean
from runners.subjects.hook_names import hook_of_module, is_module, module_hook, module_of_hook, written


def load_network(folder: Path, device: str) -> tuple[Any, Any, Mapping[str, Any]]:
    """Return the model in single precision, its tokeniser, and what transformers reports of loading.

    Args:
        folder: of the model's files.
        device: to put it on.

    Raises:
        OSError, ValueError: as transformers raises them.
    """
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    config = transformers.AutoConfig.from_pretrained(folder)
    # The class that the files name, so that its modules have the paths that its users know.
    names = getattr(config, "architectures", None) or ("AutoModel",)
    chosen = getattr(transformers, str(names[0]), transformers.AutoModel)
    network, loaded = chosen.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True, use_safetensors=True
    )
    return network.to(device).eval(), tokenizer_of(folder), loaded


def tokenizer_of(folder: Path) -> Any:
    """Return a folder's tokeniser as TransformerLens sets it up: with a beginning wherever it has a token for it."""
    from transformer_lens.model_bridge.sources.transformers import setup_tokenizer
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, add_bos_token=True)
    except ValueError:
        # It has no token for the beginning.
        tokenizer = AutoTokenizer.from_pretrained(folder)
    return setup_tokenizer(tokenizer)  # type: ignore[no-untyped-call]


class _ModuleReached(Exception):
    """Ends a forward pass once the module has returned."""


def module_output(network: Any, name: str, hook: str, ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return what a module returns, as it returns it, and compute nothing behind it.

    Args:
        network: of transformers.
        name: of the model, for messages.
        hook: as `runners.subjects.hook_names.ModuleHook` writes it.
        ids: (texts, positions) int64.
        attention_mask: (texts, positions) int64, 0 where there is padding, on either side.

    Raises:
        GatekitError: `runner.hook`: there is no such module, it is not run, or it returns no such tensor.
    """
    place = module_hook(hook)
    modules = dict(network.named_modules())
    if place is None:
        raise _no_module(name, hook, modules)
    if place.module not in modules:
        raise _no_module(name, place.module, modules)
    caught: list[Any] = []

    def catch(_module: object, _inputs: object, output: Any) -> None:
        caught.append(output)
        raise _ModuleReached

    handle = modules[place.module].register_forward_hook(catch)
    options = _positions(network, attention_mask)
    try:
        with torch.no_grad(), contextlib.suppress(_ModuleReached):
            network(input_ids=ids, attention_mask=attention_mask, **options)
    finally:
        handle.remove()
    if not caught:
        raise GatekitError("runner.hook", f"{name} does not run its module '{place.module}' on texts")
    return _value(caught[0], place.module, place.output)


def _value(output: Any, path: str, number: int) -> torch.Tensor:
    """Return one of the values that a module returned."""
    if isinstance(output, torch.Tensor):
        values: tuple[Any, ...] = (output,)
    else:
        values = tuple(output.values()) if isinstance(output, Mapping) else tuple(output)
    if number >= len(values):
        several = f"{len(values)} values" if len(values) > 1 else "one value"
        raise GatekitError("runner.hook", f"'{path}' returns {several}; there is no number {number} (the first is 0)")
    value = values[number]
    if not isinstance(value, torch.Tensor):
        raise GatekitError("runner.hook", f"value {number} of '{path}' is no tensor")
    return value.detach()


def _positions(network: Any, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the positions of tokens behind padding, where there are such and the model takes them."""
    counted = (attention_mask.cumsum(-1) - 1).clamp(min=0)
    usual = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    moved = bool(((counted != usual) & (attention_mask != 0)).any())
    takes = "position_ids" in inspect.signature(network.forward).parameters
    return {"position_ids": counted} if moved and takes else {}


def _no_module(name: str, path: str, modules: Mapping[str, Any]) -> GatekitError:
    """Return the error that a model, run by transformers, has no such module."""
    if path.startswith("blocks."):
        # A name of TransformerLens: there is a module for it, or the model is one that TransformerLens knows.
        found = module_of_hook(path, modules)
        remedies = [] if found is None else [f"write {written(found)}"]
        remedies.append(f"for a hook of TransformerLens write all hooks so, without 'module': {path}")
        return GatekitError("runner.hook", f"{name} has no module '{path}'", remedy="; ".join(remedies))
    if is_module(path):
        remedy = "write {module: PATH, output: NUMBER}, or hf:PATH:NUMBER"
        return GatekitError("runner.hook", f"'{path}' is no name of a module", remedy=remedy)
    return GatekitError("runner.hook", f"{name} has no module '{path}'", remedy=did_you_mean(path, modules))


def instead_of_module(network: Any, hook: str) -> str | None:
    """Return how to name a place that was written as a hook of TransformerLens and is a module; None where it is none.

    Args:
        network: of transformers, or what TransformerLens has made of it.
        hook: as written.
    """
    place = module_hook(hook)
    path = hook if place is None else place.module
    known = hook_of_module(path)
    if known is None and path not in dict(network.named_modules()):
        return None
    written_so = f"as a module write {written(path)} in 'subject.hook' too"
    return written_so if known is None else f"TransformerLens calls it {known}; {written_so}"
