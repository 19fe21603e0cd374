"""The arguments of a model in a log: what changes its numbers, without the places where its files lie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gatekit.evidence.adapters.recorded_settings import Json, setting

# What differs between seeds because it says where the SAE or the model is.
PLACES = frozenset({"pretrained", "peft", "delta", "tokenizer", "steer_path", "sae_path", "model_path", "cache_dir"})


def recorded_arguments(arguments: Any) -> Json:
    """Return arguments as settings `model_args_NAME`; those that name a file or a folder are left out.

    Args:
        arguments: an object, or `name=value,name=value` as lm-evaluation-harness takes it.
    """
    if isinstance(arguments, str):
        pairs = [part.partition("=") for part in arguments.split(",") if part]
        arguments = {name.strip(): value for name, _, value in pairs}
    if not isinstance(arguments, Mapping):
        return {}
    found: Json = {}
    for name, value in sorted(arguments.items()):
        if name in PLACES or (isinstance(value, str) and ("/" in value or "\\" in value)):
            continue
        key = "model_args_" + re.sub(r"[^a-z0-9_]", "_", str(name).lower(), flags=re.ASCII)
        found[key[:64]] = setting(value)
    return found
