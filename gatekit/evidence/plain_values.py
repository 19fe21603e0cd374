"""What measuring code has in its hands, arrays of numpy and torch too, as the JSON values that they stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence.strict_json import SUMMARY_LIMITS, value_pointer


def plain_number(value: Any) -> Any:
    """Return the Python number in a numpy scalar, a 0-d array or tensor; anything else as it is."""
    if isinstance(value, bool | int | float | str) or getattr(value, "ndim", None) != 0:
        return value
    return value.item()


def plain_value(value: Any, name: str, keep: tuple[type, ...] = ()) -> Any:
    """Return a document with every array, tensor and scalar of theirs as the JSON value that it is.

    Args:
        value: dicts and lists of text, numbers, booleans and None, and arrays of any dimension, nested.
        name: what errors call the document, usually the path where it goes.
        keep: further types that stay as they are.

    Raises:
        GatekitError: with the JSON pointer of the value: `json.nonfinite` for NaN and infinity, `json.depth`, and
            `summary.value` for what JSON cannot hold, such as a set, a date or a key that is not text.
    """
    return _plain(value, name, (), keep)


def _plain(value: Any, name: str, tokens: tuple[str | int, ...], keep: tuple[type, ...]) -> Any:
    if value is None or isinstance(value, (bool, *keep)):
        return value
    if isinstance(value, str):
        return str(value)  # numpy's strings are subclasses
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise GatekitError("json.nonfinite", f"{float(value)!r} is not a finite number", _place(name, tokens))
        return float(value)
    if len(tokens) >= SUMMARY_LIMITS.depth:
        message = f"more than {SUMMARY_LIMITS.depth} objects and lists inside each other"
        raise GatekitError("json.depth", message, Location(name))
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise GatekitError("summary.value", f"the key {str(key)[:60]} is not text", _place(name, tokens))
        return {str(key): _plain(item, name, (*tokens, str(key)), keep) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, name, (*tokens, index), keep) for index, item in enumerate(value)]
    # An array or tensor gives lists of Python's own numbers, and a scalar of theirs the number itself.
    if isinstance(getattr(value, "ndim", None), int) and hasattr(value, "tolist"):
        listed = value.tolist()
        if isinstance(listed, bool | int | float | str | list):
            return _plain(listed, name, tokens, keep)
    message = f"{type(value).__name__} is nothing that JSON can hold"
    raise GatekitError("summary.value", message, _place(name, tokens), "give text, a number, true, false or null")


def _place(name: str, tokens: tuple[str | int, ...]) -> Location:
    return Location(name, pointer=value_pointer(tokens))
