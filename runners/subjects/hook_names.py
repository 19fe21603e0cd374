"""Names of places in a model: hooks of TransformerLens, and modules of Hugging Face's own model.

A hook is one text everywhere, in summaries and keys of caches too: TransformerLens's name, or `hf:MODULE:OUTPUT` for
what a module returns. A configuration may write the second as a mapping, `{module: model.layers.12, output: 0}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from runners.config import Bounds, WrittenAs

_PREFIX = "hf:"
_NAME = re.compile(r"hf:(\w+(?:\.\w+)*):(\d+)")
_BLOCK = re.compile(r"(?:\w+\.)*(?:h|layers?|blocks?)\.(\d+)(?:\.(\w+))?")
_HOOK = re.compile(r"blocks\.(\d+)\.hook_(resid_post|resid_pre|mlp_out|attn_out)")
_PARTS = {"mlp_out": ("mlp", "feed_forward", "ffn"), "attn_out": ("attn", "self_attn", "attention")}
"""Hook -> names of the part of a block whose output it is in most models."""
_HEADS = re.compile(r".*\.hook_[qkvz]")


@dataclass(frozen=True)
class ModuleHook:
    """What a module of Hugging Face's model returns."""

    module: str
    """Its path, as in `model.named_modules()`: model.layers.12."""
    output: Annotated[int, Bounds(0, 1000)] = 0
    """Which of the values that it returns; a module that returns one value returns number 0."""

    def __str__(self) -> str:
        """Return the hook's name."""
        return f"{_PREFIX}{self.module}:{self.output}"


HookName = Annotated[str, WrittenAs(ModuleHook)]
"""A hook in a configuration."""


def is_module(hook: str) -> bool:
    """Say whether a hook is a module of Hugging Face's model, and no hook of TransformerLens."""
    return hook.startswith(_PREFIX)


def module_hook(hook: str) -> ModuleHook | None:
    """Return the module that a hook's name stands for; None where it stands for none."""
    matched = _NAME.fullmatch(hook)
    return None if matched is None else ModuleHook(matched[1], int(matched[2]))


def holds_heads(hook: str) -> bool:
    """Say whether a hook of TransformerLens holds one vector per head, to be laid out one after the other."""
    return _HEADS.fullmatch(hook) is not None


def hook_of_module(path: str) -> str | None:
    """Return TransformerLens's usual name for a module's output; None where it is no block or part of one."""
    matched = _BLOCK.fullmatch(path)
    if matched is None:
        return None
    if matched[2] is None:
        return f"blocks.{matched[1]}.hook_resid_post"
    return next((f"blocks.{matched[1]}.hook_{name}" for name, parts in _PARTS.items() if matched[2] in parts), None)


def module_of_hook(hook: str, modules: Iterable[str]) -> str | None:
    """Return the one of these modules whose output a hook of TransformerLens usually is; None where there is none."""
    matched = _HOOK.fullmatch(hook)
    if matched is None:
        return None
    number = int(matched[1]) - (matched[2] == "resid_pre")
    wanted = _PARTS.get(matched[2], (None,))
    for path in sorted(modules, key=lambda path: (len(path), path)):
        block = _BLOCK.fullmatch(path)
        if block is not None and int(block[1]) == number and block[2] in wanted:
            return path
    return None


def written(path: str) -> str:
    """Return how a configuration names a module's output."""
    return f"{{module: {path}, output: 0}}"
