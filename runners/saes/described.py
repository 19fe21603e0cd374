"""Architectures from what checkpoints say of them: JSON data that `runners.saes.architecture.describe` wrote."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gatekit.errors import GatekitError, Location, did_you_mean
from runners.saes.architecture import Architecture
from runners.saes.registry import ARCHITECTURES, architecture_class


def architecture_from(described: Mapping[str, Any], location: Location) -> Architecture:
    """Return the architecture that `runners.saes.architecture.describe` wrote; other keys are for others.

    Raises:
        GatekitError: `checkpoint.architecture`: an unknown name, a missing or wrong field, or values that do not go
            together.
    """

    def refuse(what: str, remedy: str | None = None) -> GatekitError:
        return GatekitError("checkpoint.architecture", what, location, remedy)

    name = described.get("architecture")
    if not isinstance(name, str) or name not in ARCHITECTURES:
        known = did_you_mean(str(name), ARCHITECTURES) or f"known: {', '.join(ARCHITECTURES)}"
        raise refuse(f"unknown architecture {name!r}", known)
    shape = architecture_class(name)
    hints = get_type_hints(shape)
    values: dict[str, Any] = {}
    for member in fields(shape):
        if member.name not in described:
            if member.default is MISSING:
                raise refuse(f"an SAE of architecture '{name}' without '{member.name}'")
            continue
        value = described[member.name]
        if hints[member.name] is Architecture:
            if not isinstance(value, Mapping):
                raise refuse(f"'{member.name}' is {value!r} and no architecture")
            values[member.name] = architecture_from(value, location)
        elif _fits(value, hints[member.name]):
            values[member.name] = tuple(value) if isinstance(value, list) else value
        else:
            raise refuse(f"'{member.name}' of architecture '{name}' is {value!r}")
    try:
        built: Architecture = shape(**values)
    except ValueError as error:
        raise refuse(str(error)) from None
    return built


def _fits(value: object, hint: Any) -> bool:
    origin, options = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, option) for option in options)
    if origin is Literal:
        return value in options
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(part, options[0]) for part in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)
