"""The published JSON Schemas and their compiled validators.

The schemas are the contract between runners and the gate. They lie in `schemas/` of the repository and are shipped
inside the wheel as `gatekit/schemas/`; no `$ref` ever leaves that folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import jsonschema_rs

from gatekit.errors import GatekitError, Location, UsageError, did_you_mean
from gatekit.evidence.complaints import words

KINDS = (
    *(
        "ablation",
        "adaptive_l0",
        "cebench",
        "consistency",
        "frontier",
        "known_circuit",
        "layer_routing",
        "ood",
        "random_model",
    ),
    *("saebench", "scaling", "stability", "transcoder"),
)
DOCUMENTS = ("candidate", "claims", "keys", "policy", "pull_request", "selection", "subject", "summary", "verdict")
INCLUDED = ("summary", "verdict")
"""Schemas that others refer to."""

_PACKAGE = Path(__file__).resolve().parents[1]
_SUFFIX = ".schema.json"


def schema_names() -> tuple[str, ...]:
    """Return the names that `schema_text` takes: the document kinds, then the kinds of summary."""
    return DOCUMENTS + KINDS


def schema_text(name: str) -> str:
    """Return the text of `schemas/NAME.schema.json`.

    Raises:
        UsageError: there is no schema of that name.
    """
    if name not in schema_names():
        raise UsageError(
            f"no schema '{name}'", did_you_mean(name, schema_names()) or f"known: {', '.join(schema_names())}"
        )
    # The wheel carries the schemas inside the package; a checkout (sdist, editable install) has them beside it.
    for folder in (_PACKAGE / "schemas", _PACKAGE.parent / "schemas"):
        path = folder / f"{name}{_SUFFIX}"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise GatekitError(
        "schemas.missing", f"the schema '{name}' is not installed", remedy="install gatekit again"
    )  # pragma: no cover


@cache
def schema(name: str) -> dict[str, Any]:
    """Return the parsed schema; treat it as read-only."""
    parsed: dict[str, Any] = json.loads(schema_text(name))
    return parsed


def _refuse_remote(uri: str) -> NoReturn:
    raise ValueError(f"a schema may not refer to {uri}")


@cache
def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    """Return the compiled validator of one schema; a reference that leaves the folder is refused."""
    resources = [(f"json-schema:///{other}{_SUFFIX}", schema(other)) for other in INCLUDED if other != name]
    return jsonschema_rs.Draft202012Validator(
        schema(name),
        registry=jsonschema_rs.Registry(resources, retriever=_refuse_remote),
        retriever=_refuse_remote,
    )


def _pointer(path: list[str | int]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def check(name: str, value: Any, path: str) -> None:
    """Refuse a document that does not follow its schema.

    Raises:
        GatekitError: `schema.KEYWORD` at the first offending place, in document order.
    """
    compiled = validator(name)
    if compiled.is_valid(value):
        return
    # The deepest complaint names the place itself; a condition (then, else) complains about what another fault caused.
    error = min(
        compiled.iter_errors(value),
        key=lambda e: ("then" in e.schema_path or "else" in e.schema_path, -len(e.instance_path), str(e.instance_path)),
    )
    kind = type(error.kind).__name__.removeprefix("ValidationErrorKind_").lower()
    message, remedy = words(error, value, (schema(name), *(schema(other) for other in INCLUDED if other != name)))
    raise GatekitError(f"schema.{kind}", message, Location(path, pointer=_pointer(list(error.instance_path))), remedy)


def part_faults(
    part: str, value: Any, *, with_missing: bool = False
) -> Iterator[tuple[tuple[str | int, ...], str, str | None]]:
    """Yield (path, message, remedy) for what one definition of the summary's schema refuses in a value, deepest first.

    Args:
        part: name of the definition, such as `subject`.
        value: plain data.
        with_missing: also name missing parts; else they are left to the caller, who may still fill them in.
    """
    whole = {"$defs": schema("summary")["$defs"], "$ref": f"#/$defs/{part}"}
    compiled = jsonschema_rs.Draft202012Validator(whole, retriever=_refuse_remote)
    for error in sorted(compiled.iter_errors(value), key=lambda e: (-len(e.instance_path), str(e.instance_path))):
        if with_missing or type(error.kind).__name__.removeprefix("ValidationErrorKind_") != "Required":
            message, remedy = words(error, value, (schema("summary"),))
            yield tuple(error.instance_path), message, remedy
