"""What a result file records about its SAE: `sae_cfg_dict`, in each of the forms that SAEBench writes.

SAEBench's own SAEs have one flat object. SAELens 6 keeps model and hook in a `metadata` of its own, which SAEBench
writes as an object or, where the version of SAELens does not turn it into one, as Python's text of it:
`SAEMetadata({'model_name': 'gpt2', ...})`. That text is read as a literal and never evaluated.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.adapters.recorded_settings import setting
from gatekit.evidence.adapters.sae_scores import RecordedSae, plain_name, same_model

_METADATA = re.compile(r"SAEMetadata\((\{.*\})\)", re.DOTALL)
_BLOCK = re.compile(r"blocks\.([0-9]{1,4})\.", re.ASCII)

RECIPE = (
    *("dtype", "apply_b_dec_to_input", "normalize_activations", "rescale_acts_by_decoder_norm", "reshape_activations"),
    *("activation_fn", "activation_fn_str", "activation_fn_kwargs", "finetuning_scaling_factor", "hook_head_index"),
    *("context_size", "prepend_bos", "dataset_path", "training_tokens", "seqpos_slice", "exclude_special_tokens"),
)
"""Members that are the same of SAEs that differ in their seed alone; others may name a file, a run or a machine."""

LONGEST = 1 << 16
"""Characters of SAELens's text of its metadata, which is parsed as Python."""


def recorded_sae(file: Field, member: str = "sae_cfg_dict", *, tuned: bool = False) -> RecordedSae:
    """Read the SAE's configuration and what it must agree with.

    Args:
        file: the result file.
        member: where in it the configuration stands.
        tuned: whether the evaluated model may be a tuned form of the SAE's own (`gemma-2-2b-it` of `gemma-2-2b`).

    Raises:
        GatekitError: `adapter.contradiction`: model or layer differ between two places of the file; `adapter.type`,
            `adapter.name`, `adapter.metadata`.
    """
    config = file[member]
    place = config if config.get("hook_name") is not None or not config.has("metadata") else _metadata(config)
    k = config.get("k")
    architecture = config.get("architecture")
    if architecture is None or not architecture.value:
        architecture = config.get("architecture_str")
    hook = _name_in(place, "hook_name")
    _same_layer(place, hook)
    model, trained_on = _model(file, place, tuned=tuned)
    return RecordedSae(
        model=model,
        hook=hook,
        d_model=config["d_in"].integer(1),
        d_sae=config["d_sae"].integer(1),
        k=None if k is None else k.integer(1),
        architecture=architecture.text() if architecture is not None and architecture.value else None,
        name=_released_as(file) or "unnamed",
        trained_on=trained_on,
        recipe={
            name: setting(place.value[name] if place.has(name) else config.value[name])
            for name in RECIPE
            if place.has(name) or config.has(name)
        },
    )


def _model(file: Field, place: Field, *, tuned: bool) -> tuple[str | None, str | None]:
    """Return the model that was evaluated, and the one that the SAE was trained on where that is another."""
    recorded = place.get("model_name")
    loaded = file["eval_config"].get("model_name") if file.has("eval_config") else None
    if loaded is None or not loaded.value:
        return (None if recorded is None else recorded.name()), None
    if recorded is None or same_model(loaded.name(), recorded.name()):
        return (loaded if recorded is None else recorded).name(), None
    if tuned and plain_name(loaded.name()).startswith(plain_name(recorded.name()) + "-"):
        return loaded.name(), recorded.name()
    raise loaded.refuse("contradiction", f"{loaded.value!r} was evaluated, the SAE is of {recorded.value!r}")


def _same_layer(place: Field, hook: str | None) -> None:
    layer = place.get("hook_layer")
    match = _BLOCK.match(hook or "")
    if layer is not None and match and layer.integer(-1) != int(match[1]):
        raise layer.refuse("contradiction", f"layer {layer.value} here, and {hook!r} is the hook")


def _metadata(config: Field) -> Field:
    """Return `metadata` as an object, whichever way it is written; without one, the configuration itself."""
    found = config.get("metadata")
    if found is None:
        return config
    if isinstance(found.value, dict):
        return found
    match = _METADATA.fullmatch(found.text())
    if match is None:
        raise found.refuse("metadata", f"{found.value[:40]!r} is not SAELens's text of its metadata")
    return Field(found.document, found.tokens, _literal(found, match[1]))


def _literal(found: Field, text: str) -> dict[str, Any]:
    """Return the members of a Python dictionary that are plain values or rows of them; others are left out."""
    if len(text) > LONGEST:
        raise found.refuse("metadata_length", f"SAELens's text of its metadata has more than {LONGEST} characters")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if not isinstance(tree, ast.Dict):
        raise found.refuse("metadata", "SAELens's text of its metadata cannot be read")
    members: dict[str, Any] = {}
    for key, value in zip(tree.keys, tree.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            raise found.refuse("metadata", "SAELens's text of its metadata has a key that is no string")
        if key.value in members:
            raise found.refuse("metadata", f"SAELens's text of its metadata has {key.value[:40]!r} twice")
        if _is_plain(value):
            members[key.value] = ast.literal_eval(value)
        elif isinstance(value, ast.Tuple | ast.List) and all(map(_is_plain, value.elts)):
            members[key.value] = [ast.literal_eval(part) for part in value.elts]
    return members


def _is_plain(value: ast.expr) -> bool:
    """Say whether an expression is a text, a number of either sign, a truth value or None."""
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        return isinstance(value.operand, ast.Constant) and type(value.operand.value) in (int, float)
    return isinstance(value, ast.Constant) and isinstance(value.value, str | int | float | None)


def _name_in(place: Field, key: str) -> str | None:
    found = place.get(key)
    return None if found is None else found.name()


def _released_as(file: Field) -> str:
    names = ("sae_lens_release_id", "sae_lens_id", "sae_release", "sae_id")  # the last two are CE-Bench's
    parts = [file.get(name) for name in names]
    return "/".join(part.text() for part in parts if part is not None)
