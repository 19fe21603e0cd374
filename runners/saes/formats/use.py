"""Whether an SAE is used where its checkpoint says that it belongs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from runners.saes.stated_facts import StatedFacts
from runners.subjects.hook_names import hook_of_module, is_module, module_hook

_BLOCK = re.compile(r"(?:.*\.)?(?:h|layers?|blocks?)\.(\d+)(?:\..*)?")
_EMBEDDINGS = re.compile(r"(?:.*\.)?(?:embed\w*|wte)")

# Models that TransformerLens, and so the checkpoints of its users, name by a second name.
_SAME = {"gpt2-small": "gpt2", "pythia-70m-deduped-v0": "pythia-70m-deduped"}


@dataclass(frozen=True)
class Use:
    """Where an SAE is to be used."""

    models: tuple[str, ...]
    """Names that the model goes by: its folder's, its name on the hub, the one in its own configuration."""
    hook: str
    """As TransformerLens names it, or a module as `runners.subjects.hook_names` does."""
    max_tokens: int
    """Most tokens per text."""
    target_hook: str | None = None
    """What a transcoder is to predict; None for an SAE, which predicts its own input."""
    begins: bool | None = None
    """Whether texts begin with the token for a beginning; None where that is not known."""


@dataclass(frozen=True)
class Contradiction:
    """One thing in which the checkpoint and its use differ."""

    about: Literal["model", "hook", "context", "positions", "beginning", "loading"]
    message: str
    """Names both."""


_WHERE_LOADED = frozenset(
    {"n_devices", "device", "device_map", "move_to_device", "cache_dir", "local_files_only", "token"}
)
"""Settings of a model's loader that say where it was put and taken from, and change none of its numbers."""


def contradictions(stated: StatedFacts, use: Use) -> tuple[Contradiction, ...]:
    """Return all in which a use differs from what the checkpoint says of itself.

    What it leaves unsaid differs in nothing. A shorter context than the SAE was trained on is no contradiction, a
    longer one is. Nor is it one that a token for the beginning was left out of training, since its row is not measured
    either. Models are loaded without any processing of their weights; an SAE that needs it cannot be used.
    """
    found: list[Contradiction] = []
    if stated.model is not None and not {_name(stated.model)} & {_name(model) for model in use.models}:
        known = " or ".join(repr(model) for model in use.models)
        found.append(Contradiction("model", f"is an SAE of the model {stated.model!r}; the model here is {known}"))
    place = _other_place(stated.hook, stated.module, stated.layer, use.hook)
    if place is not None:
        kind = "the hook " if place == repr(stated.hook) else ""
        found.append(Contradiction("hook", f"is an SAE of {kind}{place}; the hook here is {use.hook!r}"))
    own = _block(stated.hook or stated.module)
    if None not in (own, stated.layer) and own != stated.layer:
        said = f"says the hook {stated.hook or stated.module!r} and the layer {stated.layer}, which are not one place"
        found.append(Contradiction("hook", said))
    if stated.head is not None:
        found.append(Contradiction("hook", f"reads head {stated.head} alone; the hook here gives all of them"))
    goal = _other_place(stated.target_hook, stated.target_module, None, use.target_hook or use.hook)
    if goal is not None:
        held = "its input" if use.target_hook is None else repr(use.target_hook)
        found.append(Contradiction("hook", f"predicts {goal}; here it would be held against {held}"))
    if stated.context_size is not None and use.max_tokens > stated.context_size:
        message = f"was trained on texts of {stated.context_size} tokens; texts here have up to {use.max_tokens}"
        found.append(Contradiction("context", message))
    if stated.positions is not None and not (stated.positions == slice(1, None) and use.begins):
        parts = (stated.positions.start, stated.positions.stop, stated.positions.step)
        said = ":".join("" if part is None else str(part) for part in parts[: 2 if parts[2] is None else 3])
        message = f"was trained on positions {said} of its texts alone (seqpos_slice); here all of them are measured"
        found.append(Contradiction("positions", message))
    if stated.prepend_bos is False and use.begins is not False:
        message = "was trained without a token for the beginning; texts here begin with one"
        found.append(Contradiction("beginning", message))
    if stated.prepend_bos is True and use.begins is False:
        message = "was trained with a token for the beginning; texts here have none"
        found.append(Contradiction("beginning", message))
    for name, value in stated.model_settings.items():
        if name not in _WHERE_LOADED and value is not False and value is not None:
            message = f"needs the model loaded with {name} {value!r}; models here are loaded without processing"
            found.append(Contradiction("loading", message))
    return tuple(found)


def _other_place(hook: str | None, module: str | None, layer: int | None, used: str) -> str | None:
    """Return what a checkpoint says of a place in the model that a hook is not, or None where they may be the same.

    Args:
        hook: what it says, as TransformerLens names it.
        module: what it says, as a module path, or by a name of its own; `.input` behind it is what the module takes.
        layer: number of the block that it says.
        used: hook that is held against it.
    """
    if hook == used:
        return None
    says = module or hook
    if is_module(used):
        place = module_hook(used)
        path = used if place is None else place.module
        if module is not None and not module.endswith(".input"):
            named = module.removesuffix(".output")
            # sparsify leaves out what is before the list of layers.
            return None if path == named or path.endswith(f".{named}") else repr(says)
        # Of a whole block alone is TransformerLens's name surely that of the module's output.
        usual = hook_of_module(path) if path[-1:].isdecimal() else None
        if hook is not None and module is None and hook != usual:
            return repr(says)
    elif hook is not None:
        return repr(hook)
    elif hook_of_module(module or "") not in (None, used):
        return repr(module)
    # Nothing tells the place itself; what there is to compare is the block.
    stated, here = _block(module) if layer is None else layer, _block(used)
    embeds = module is not None and _EMBEDDINGS.fullmatch(module.removesuffix(".output")) is not None
    if here is not None and ((stated is not None and stated != here) or embeds):
        return (
            f"layer {stated}" if module is None else repr(module) if stated is None else f"{module!r}, layer {stated}"
        )
    return None


def _block(place: str | None) -> int | None:
    """Return the number of the block that a hook or module lies in, or None where its name tells none."""
    found = _BLOCK.fullmatch((place or "").removeprefix("hf:").rpartition(":")[0] or (place or ""))
    return None if found is None else int(found[1])


def _name(model: str) -> str:
    """Return a model's name without its owner, in small letters, by its first name."""
    name = model.rstrip("/").rpartition("/")[2].casefold()
    return _SAME.get(name, name)
