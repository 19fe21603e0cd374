"""From an older schema to the newest: one step for each time that a schema changed so that old files needed a change.

There was no such time yet, so STEPS is empty. A step is for JSON, which only programs write; a schema that people write
by hand, in YAML, gets its number for what cannot be read differently, and a message that says what to change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence.newer_schema import REMEDY, newer_schema
from gatekit.evidence.strict_json import SUMMARY_LIMITS, parse_json
from gatekit.evidence.strict_yaml import Mapping as YamlMapping
from gatekit.evidence.strict_yaml import Scalar, parse_yaml
from gatekit.evidence.writing import summary_bytes
from gatekit.kinds import INSTALLED, Kinds

NEWEST: Mapping[str, int] = {
    "candidate": 1,
    "claims": 1,
    "cycle": 1,
    "keys": 1,
    "kind": 1,
    "policy": 1,
    "pull_request": 1,
    "registration": 1,
    "selection": 1,
    "subject": 1,
    "summary": 1,
    "verdict": 1,
}
"""Schema -> the number that this gatekit writes."""
_NAME = re.compile(r"gatekit\.(?P<name>[a-z_]+)/(?P<number>0|[1-9][0-9]{0,3})", re.ASCII)


@dataclass(frozen=True)
class SchemaStep:
    """How a document of one schema becomes one of the next."""

    old: str
    """`gatekit.summary/1`."""
    new: str
    change: Callable[[dict[str, Any]], dict[str, Any]]
    """Gets a document that nobody checked against the old schema; its `schema` is set afterwards."""


STEPS: tuple[SchemaStep, ...] = ()


@dataclass(frozen=True)
class SchemaState:
    """What there is to do about one file."""

    schemas: tuple[str, ...]
    """What it is, and what it became by each step; empty where it names no schema of gatekit."""
    data: bytes | None = None
    """The new content, where there is one."""


def brought_up(data: bytes, name: str, kinds: Kinds = INSTALLED, steps: Sequence[SchemaStep] = STEPS) -> SchemaState:
    """Return a file's state, and its content by the newest schema where that is another.

    Raises:
        GatekitError: `migrate.unknown_schema`, `migrate.newer_schema`, `migrate.no_step`, or what reading the file and
            checking the new summary raise.
    """
    if name.endswith(".json"):
        document = parse_json(data, name, SUMMARY_LIMITS).value
        named = document.get("schema") if isinstance(document, dict) else None
    else:
        root = parse_yaml(data, name).root
        node = root.get("schema") if isinstance(root, YamlMapping) else None
        document, named = None, node.value if isinstance(node, Scalar) else None
    if not isinstance(named, str) or not named.startswith("gatekit."):
        return SchemaState(())
    schemas = [named]
    while (step := _next(schemas[-1], name, steps)) is not None:
        if document is None:
            raise GatekitError("migrate.no_step", f"{named} is changed by hand; docs/compatibility.md", Location(name))
        document = {**step.change(document), "schema": step.new}
        schemas.append(step.new)
    if len(schemas) == 1:
        return SchemaState((named,))
    if schemas[-1].startswith("gatekit.summary/"):
        return SchemaState(tuple(schemas), summary_bytes(document, name, kinds))
    return SchemaState(tuple(schemas), (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())


def _next(schema: str, path: str, steps: Sequence[SchemaStep]) -> SchemaStep | None:
    """Return the step from a schema; None where it is the newest."""
    match = _NAME.fullmatch(schema)
    newest = NEWEST.get(match["name"]) if match else None
    place = Location(path, pointer="/schema") if path.endswith(".json") else Location(path)
    if match is None or newest is None:
        raise GatekitError("migrate.unknown_schema", f"gatekit knows no schema '{schema}'", place)
    if (newer := newer_schema(schema, f"gatekit.{match['name']}/{newest}")) is not None:
        raise GatekitError("migrate.newer_schema", newer, place, REMEDY)
    if int(match["number"]) == newest:
        return None
    step = next((step for step in steps if step.old == schema), None)
    if step is None:
        raise GatekitError("migrate.no_step", f"no step leads from {schema} to a newer schema", place)
    return step
