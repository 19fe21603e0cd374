"""What a schema has to say against a document, in words for the person who wrote it.

The validator's own messages quote whole objects, regular expressions and keywords. Here a place is described by what
its schema says about it, and a key or value that is nearly right is named.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gatekit.errors import did_you_mean

Path = Sequence[str | int]

SHOWN = 60
"""Characters of an offending value that a message quotes."""


def words(error: Any, document: Any, schemas: Sequence[Mapping[str, Any]]) -> tuple[str, str | None]:
    """Return (message, remedy) for one validation error.

    Args:
        error: jsonschema_rs.ValidationError.
        document: what was validated.
        schemas: the document's own schema, then those that it refers to; `error.schema_path` is a path inside one.
    """
    place: Path = list(error.instance_path)
    value = _at(document, place)
    path: Path = list(error.schema_path)
    node = _node(schemas, path)
    name = str(place[-1]) if place and isinstance(place[-1], str) else None
    keyword = type(error.kind).__name__.removeprefix("ValidationErrorKind_")
    if keyword == "Required":
        return f'"{error.kind.property}" is a required property', _misspelt(error.kind.property, value, node)
    if keyword == "AdditionalProperties":
        return error.message if len(error.message) <= 300 else error.message[:297] + "...", did_you_mean(
            error.kind.unexpected[0], node.get("properties", {})
        )
    if keyword == "Enum":
        options = node.get("enum") or json.loads(str(error.kind.options))
        listed = ", ".join(f"'{option}'" if isinstance(option, str) else json.dumps(option) for option in options)
        near = did_you_mean(value, [o for o in options if isinstance(o, str)]) if isinstance(value, str) else None
        return f"{_named(name, value)} is not one of {listed}", near
    if keyword == "FalseSchema":
        return f"{'this' if name is None else repr(name)} is not allowed here", None
    if keyword in ("AnyOf", "OneOf", "Pattern"):
        description = _described(schemas, node)
        if description is not None:
            return f"{_named(name, value)} does not fit: {description}", None
        if keyword == "Pattern":
            return f"{_named(name, value)} does not match {error.kind.pattern}", None
        return f"{_named(name, value)} is none of what may stand here", None
    if keyword == "Type":
        return f"{_named(name, value)} is not of type {' or '.join(map(repr, error.kind.types))}", None
    if isinstance(value, dict | list):
        return _sized(keyword, error, name, value), None
    return error.message if len(error.message) <= 300 else error.message[:297] + "...", None


def missing_parts(errors: Iterable[Any], schemas: Sequence[Mapping[str, Any]]) -> tuple[list[str | int], list[str]]:
    """Return the path of the innermost object that lacks them all, and every missing part, dotted from the root.

    A part that is missing whole is named by the parts that it has to have.

    Args:
        errors: jsonschema_rs.ValidationError of one document, all of them.
        schemas: as of `words`.
    """
    found: dict[str, None] = {}
    places: list[list[str | int]] = []
    for error in errors:
        # What a condition asks for depends on a value that may be at fault itself.
        if type(error.kind).__name__.endswith("Required") and not {"then", "else"} & set(error.schema_path):
            name = error.kind.property
            node = _node(schemas, list(error.schema_path)).get("properties", {}).get(name, {})
            at = ".".join(map(str, (*error.instance_path, name)))
            found |= dict.fromkeys(_required_in(schemas, node, at))
            places.append(list(error.instance_path))
    shared = min(places, key=len, default=[])
    while any(place[: len(shared)] != shared for place in places):
        shared = shared[:-1]
    return shared, list(found)


def _required_in(schemas: Sequence[Mapping[str, Any]], node: Mapping[str, Any], at: str) -> list[str]:
    while "$ref" in node:
        path = node["$ref"].rpartition("#")[2].strip("/").split("/")
        node = next((there for there in (_at(root, path) for root in schemas) if isinstance(there, dict)), {})
    required = node.get("required", ())
    if not required:
        return [at]
    parts = node.get("properties", {})
    return [place for name in required for place in _required_in(schemas, parts.get(name, {}), f"{at}.{name}")]


def _misspelt(missing: str, value: Any, node: Mapping[str, Any]) -> str | None:
    """Return a remedy where the object holds an unknown key that looks like the missing one."""
    unknown = [key for key in value if key not in node.get("properties", {})] if isinstance(value, dict) else []
    near = difflib.get_close_matches(missing, unknown, n=1, cutoff=0.6)
    return f"'{near[0]}' is there: did you mean '{missing}'?" if near else None


def _sized(keyword: str, error: Any, name: str | None, value: dict[str, Any] | list[Any]) -> str:
    limit = getattr(error.kind, "limit", None)
    if limit is not None and keyword.startswith(("Min", "Max")):
        noun = ("entries" if limit != 1 else "entry") if isinstance(value, dict) else f"item{'s' * (limit != 1)}"
        return f"{_named(name, value)} has {'fewer' if keyword.startswith('Min') else 'more'} than {limit} {noun}"
    message: str = error.message
    dumped = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    message = message.replace(dumped, _shown(value))
    return message if len(message) <= 300 else f"{_named(name, value)} is refused by the schema ({keyword.lower()})"


def _named(name: str | None, value: Any) -> str:
    return _shown(value) if name is None else f"{name} {_shown(value)}"


def _shown(value: Any) -> str:
    """Return a value as a message quotes it: an object or array by its size only."""
    if isinstance(value, dict):
        return "{}" if not value else f"{{... {len(value)} entr{'y' if len(value) == 1 else 'ies'}}}"
    if isinstance(value, list):
        return "[]" if not value else f"[... {len(value)} item{'s' * (len(value) != 1)}]"
    # As JSON, so that a line feed or an escape in the value stays visible and on the line.
    text = json.dumps(value)
    text = text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
    return f"'{text[1:-1]}'" if isinstance(value, str) and text[-1:] == '"' else text


def _described(schemas: Sequence[Mapping[str, Any]], node: Mapping[str, Any]) -> str | None:
    """Return what a schema's node says that it wants, without a full stop."""
    description: str | None = node.get("description")
    if description is None and "$ref" in node:
        return _described(schemas, _node(schemas, [*node["$ref"].rpartition("#")[2].strip("/").split("/"), "type"]))
    return None if description is None else description.rstrip(".")


def _node(schemas: Sequence[Mapping[str, Any]], path: Path) -> Mapping[str, Any]:
    """Return the object that holds the keyword at the end of a path, in the first of the schemas that has it there."""
    for root in schemas:
        found = _at(root, path[:-1])
        if isinstance(found, dict) and path[-1:] and path[-1] in found:
            return found
    return {}


def _at(value: Any, path: Path) -> Any:
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value
