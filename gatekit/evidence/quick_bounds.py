"""A schema that accepts the same documents, with its bounds of numbers in the form that is compared fast.

jsonschema_rs compares a number with an integer of 64 bits at once. With any other bound, 1e300 or 0.5, it compares both
as exact fractions, which takes 20 times as long, and a file may hold a million observations. So an integer range
inside the bounds is asked first, and the bounds themselves only of what lies outside of it.
"""

from __future__ import annotations

import math
from typing import Any

_LARGEST = 2**62
"""Of the integers that are compared fast."""
_PLAIN_VALUES = frozenset({"const", "default", "enum", "examples"})
"""Keywords whose value is no schema."""


def with_quick_bounds(schema: Any) -> Any:
    """Return a schema that accepts what `schema` accepts; what it says of what it refuses reads otherwise."""
    if isinstance(schema, list):
        return [with_quick_bounds(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: part if key in _PLAIN_VALUES else with_quick_bounds(part) for key, part in schema.items()}
    slow = {key: found.pop(key) for key in ("minimum", "maximum") if _is_slow(found.get(key))}
    if not slow:
        return found
    low = max(-_LARGEST, math.ceil(slow.get("minimum", -_LARGEST)))
    high = min(_LARGEST, math.floor(slow.get("maximum", _LARGEST)))
    asked_first = {"if": {"minimum": low, "maximum": high}, "else": slow}
    return {**found, "allOf": [*found.get("allOf", ()), asked_first]}


def _is_slow(bound: Any) -> bool:
    return isinstance(bound, float) or (isinstance(bound, int) and abs(bound) > _LARGEST)
