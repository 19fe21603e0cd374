"""Whether an SAE is used where its checkpoint says that it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runners.saes.stated_facts import StatedFacts
from runners.subjects.hook_names import hook_of_module, is_module, module_hook

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

    about: Literal["model", "hook", "context", "beginning", "loading"]
    message: str
    """Names both."""


def contradictions(stated: StatedFacts, use: Use) -> tuple[Contradiction, ...]:
    """Return all in which a use differs from what the checkpoint says of itself.

    What it leaves unsaid differs in nothing. A shorter context than the SAE was trained on is no contradiction, a
    longer one is. Models are loaded without any processing of their weights; an SAE that needs it cannot be used.
    """
    found: list[Contradiction] = []
    if stated.model is not None and not {_name(stated.model)} & {_name(model) for model in use.models}:
        known = " or ".join(repr(model) for model in use.models)
        found.append(Contradiction("model", f"is an SAE of the model {stated.model!r}; the model here is {known}"))
    if is_module(use.hook) and stated.hook != use.hook:
        found.extend(_of_another_module(stated, use.hook))
    elif stated.hook is not None and stated.hook != use.hook:
        found.append(Contradiction("hook", f"is an SAE of the hook {stated.hook!r}; the hook here is {use.hook!r}"))
    elif stated.hook is None and hook_of_module(stated.module or "") not in (None, use.hook):
        found.append(Contradiction("hook", f"is an SAE of {stated.module!r}; the hook here is {use.hook!r}"))
    if stated.head is not None:
        found.append(Contradiction("hook", f"reads head {stated.head} alone; the hook here gives all of them"))
    if stated.target_hook is not None and stated.target_hook != (use.target_hook or use.hook):
        held = "its input" if use.target_hook is None else repr(use.target_hook)
        found.append(Contradiction("hook", f"predicts {stated.target_hook!r}; here it would be held against {held}"))
    if stated.context_size is not None and use.max_tokens > stated.context_size:
        message = f"was trained on texts of {stated.context_size} tokens; texts here have up to {use.max_tokens}"
        found.append(Contradiction("context", message))
    if stated.prepend_bos is False and use.begins is not False:
        message = "was trained without a token for the beginning; texts here begin with one"
        found.append(Contradiction("beginning", message))
    if stated.prepend_bos is True and use.begins is False:
        message = "was trained with a token for the beginning; texts here have none"
        found.append(Contradiction("beginning", message))
    for name, value in stated.model_settings.items():
        if value is not False and value is not None:
            message = f"needs the model loaded with {name} {value!r}; models here are loaded without processing"
            found.append(Contradiction("loading", message))
    return tuple(found)


def _of_another_module(stated: StatedFacts, hook: str) -> list[Contradiction]:
    """Return in what a checkpoint's place differs from a module's output."""
    place = module_hook(hook)
    path = hook if place is None else place.module
    if stated.module is not None:
        named = stated.module.removesuffix(".output")
        # sparsify leaves out what is before the list of layers.
        differs = path != named and not path.endswith(f".{named}")
        says = stated.module
    else:
        # Of a whole block alone is TransformerLens's name surely that of the module's output.
        usual = hook_of_module(path) if path[-1:].isdecimal() else None
        differs = stated.hook is not None and stated.hook != usual
        says = str(stated.hook)
    return [Contradiction("hook", f"is an SAE of {says!r}; the hook here is {hook!r}")] if differs else []


def _name(model: str) -> str:
    """Return a model's name without its owner, in small letters, by its first name."""
    name = model.rstrip("/").rpartition("/")[2].casefold()
    return _SAME.get(name, name)
