"""Values of a configuration, from YAML with places into frozen dataclasses.

The type of a field says what it takes; every fault has the place of its value.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from gatekit.errors import GatekitError, Location, did_you_mean
from runners.config_text import ConfigText
from runners.places import ITSELF, note


@dataclass(frozen=True)
class Bounds:
    """Annotates a field whose number, or each of whose numbers, must lie in [low, high]."""

    low: float
    high: float = math.inf


_UNBOUNDED = Bounds(-math.inf)


@dataclass(frozen=True)
class WrittenAs:
    """Annotates a text that a file may also write as a mapping: of this dataclass, whose `str` is the text."""

    shape: type[Any]


def dataclass_of(
    parts: Sequence[tuple[ConfigText, Any]],
    shape: Any,
    place: Location | None = None,
    name: str = "the file",
    said: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """Return a dataclass whose fields stand in one mapping, or in several that share no key.

    Args:
        parts: mappings with the files that they are read from; a missing key is missed in the first.
        shape: the dataclass.
        place: of the first mapping; the start of its file where None.
        name: of the mapping, for messages.
        said: as of `read_config`.
    """
    hints = get_type_hints(shape, include_extras=True)
    known = {member.name: member for member in fields(shape)}
    start = place or parts[0][0].at(0, 0)
    for reading, node in parts:
        _refuse_other_than_mapping(node, start if node is parts[0][1] else reading.at(0, 0), name)
        for key in node:
            if key not in known:
                raise GatekitError(
                    "config.unknown_key",
                    f"unknown key '{key}'",
                    reading.at(*node.lc.key(key)),
                    did_you_mean(str(key), known) or f"known: {', '.join(known)}",
                )
    values: dict[str, Any] = {}
    places = {ITSELF: start}
    for key, member in known.items():
        found = next(((reading, node) for reading, node in parts if key in node), None)
        if found is not None:
            reading, node = found
            places[key] = reading.at(*node.lc.value(key))
            places |= {f"{key}[{i}]": at for i, at in enumerate(reading.places_of_entries(node[key]))}
            places |= {f"{key}[{number}]": at for number, at in reading.places_by_number(node[key]).items()}
            inside = said.get(key)
            said_inside = inside if isinstance(inside, Mapping) else {}
            values[key] = _value_from(reading, node[key], hints[key], _UNBOUNDED, places[key], key, said_inside)
        elif key in said and not isinstance(said[key], Mapping):
            values[key] = said[key]
        elif member.default is MISSING and member.default_factory is MISSING:
            remedy = "the files of the SAEs do not say it" if said else None
            raise GatekitError("config.missing_key", f"{name} has no '{key}'", start, remedy)
    made = shape(**values)
    note(made, places)
    return made


def _value_from(
    reading: ConfigText,
    node: Any,
    hint: Any,
    bounds: Bounds,
    place: Location,
    name: str,
    said: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    if is_dataclass(hint):
        return dataclass_of([(reading, node)], hint, place, f"'{name}'", said)
    origin, options = get_origin(hint), get_args(hint)
    if origin is Annotated and isinstance(options[1], WrittenAs):
        if hasattr(node, "keys"):
            return str(dataclass_of([(reading, node)], options[1].shape, place, f"'{name}'"))
        return _value_from(reading, node, options[0], bounds, place, name, said)
    if origin is Annotated:
        return _value_from(reading, node, options[0], options[1], place, name, said)
    if origin in (Union, types.UnionType):
        if node is None and type(None) in options:
            return None
        return _value_from(reading, node, next(o for o in options if o is not type(None)), bounds, place, name, said)
    if origin is tuple:
        if not hasattr(node, "append") or not node:
            raise GatekitError("config.type", f"'{name}' must be a list with at least one entry", place)
        places = reading.places_of_entries(node)
        parts = zip(node, places, strict=True)
        return tuple(_value_from(reading, entry, options[0], bounds, at, name) for entry, at in parts)
    if origin is Mapping:
        _refuse_other_than_mapping(node, place, f"'{name}'")
        if not node:
            raise GatekitError("config.type", f"'{name}' must have at least one entry", place)
        entries = ((key, reading.at(*node.lc.key(key)), reading.at(*node.lc.value(key))) for key in node)
        return {
            _value_from(reading, key, options[0], bounds, at_key, f"{name}: {key}"): _value_from(
                reading, node[key], options[1], bounds, at, f"{name}: {key}"
            )
            for key, at_key, at in entries
        }
    if origin is Literal:
        if node not in options:
            listed = ", ".join(map(str, options))
            raise GatekitError("config.choice", f"'{name}' is {node!r}; it is one of {listed}", place)
        return node
    if hint is str and isinstance(node, str):
        return str(node)
    if hint is bool and isinstance(node, bool):
        return node
    if hint in (int, float) and isinstance(node, int | float) and not isinstance(node, bool):
        if hint is int and not isinstance(node, int):
            raise GatekitError("config.type", f"'{name}' must be a whole number", place)
        if not (math.isfinite(node) and bounds.low <= node <= bounds.high):
            allowed = f"[{bounds.low:g}, {bounds.high:g}]"
            raise GatekitError("config.range", f"'{name}' is {node}; it lies in {allowed}", place)
        return hint(node)
    raise GatekitError("config.type", f"'{name}' must be of type {getattr(hint, '__name__', hint)}", place)


def _refuse_other_than_mapping(node: Any, place: Location, name: str) -> None:
    # Not isinstance(node, Mapping): to a type checker that would lose the positions that ruamel keeps on the node.
    if not hasattr(node, "keys"):
        raise GatekitError("config.type", f"{name} must be a mapping", place)
    if getattr(node, "anchor", None) is not None and node.anchor.value is not None:
        raise GatekitError("config.anchor", f"{name} has an anchor", place, "write the values out")
