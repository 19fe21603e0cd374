"""Single values of another library's configuration, each of the type that it must have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runners.saes.weights import refused


def flag(path: Path, config: Mapping[str, Any], name: str, default: bool) -> bool:
    """Return true or false; a setting that is absent or null is the library's default.

    Raises:
        GatekitError: `checkpoint.invalid`: something else.
    """
    value = config.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise refused(path, f"'{name}' is {value!r} and neither true nor false")
    return value


def said_flag(path: Path, config: Mapping[str, Any], name: str) -> bool | None:
    """Return true, false, or None where it is not said."""
    return None if config.get(name) is None else flag(path, config, name, False)


def said_text(path: Path, config: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of these settings that is there, or None.

    Raises:
        GatekitError: `checkpoint.invalid`: it is no text.
    """
    for name in names:
        value = config.get(name)
        if value is None or value == "":
            continue
        if not isinstance(value, str):
            raise refused(path, f"'{name}' is {value!r} and no text")
        return value
    return None


def said_number(path: Path, config: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of these settings that is there, a whole number from 0, or None.

    Raises:
        GatekitError: `checkpoint.invalid`: it is no such number.
    """
    for name in names:
        value = config.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise refused(path, f"'{name}' is {value!r} and no whole number from 0")
        return value
    return None
