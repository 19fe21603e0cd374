"""The published JSON Schemas and their compiled validators.

The schemas are the contract between runners and the gate. They lie in `schemas/` of the repository and are shipped
inside the wheel as `gatekit/schemas/`; no `$ref` ever leaves that folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import jsonschema_rs

from gatekit.errors import GatekitError, Location, UsageError, did_you_mean
from gatekit.evidence.complaints import missing_parts, words
from gatekit.evidence.quick_bounds import with_quick_bounds
from gatekit.kinds import BUILT_IN, INSTALLED, Kind, Kinds
from gatekit.kinds.schema import kind_schema

DOCUMENTS = (
    "candidate",
    "claims",
    "cycle",
    "history",
    "keys",
    "kind",
    "policy",
    "pull_request",
    "registration",
    "selection",
    "subject",
    "summary",
    "verdict",
)
INCLUDED = ("summary", "verdict")
"""Schemas that others refer to."""

MOST_VALUES = 20_000
"""Values of a document in which every fault is looked for, to find the one that says most. Each takes 12 KB."""
MOST_ITEMS = 200
"""Items of one list that are looked at then; the faults of long lists are alike."""

_PACKAGE = Path(__file__).resolve().parents[1]
_SUFFIX = ".schema.json"


def schema_names() -> tuple[str, ...]:
    """Return the names that `schema_text` takes: the document kinds, then the kinds of summary."""
    return DOCUMENTS + BUILT_IN


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


def _compiled(
    name: str, whole: dict[str, Any], form: Callable[[dict[str, Any]], dict[str, Any]] = lambda given: given
) -> jsonschema_rs.Draft202012Validator:
    resources = [(f"json-schema:///{other}{_SUFFIX}", form(schema(other))) for other in INCLUDED if other != name]
    return jsonschema_rs.Draft202012Validator(
        form(whole),
        registry=jsonschema_rs.Registry(resources, retriever=_refuse_remote),
        retriever=_refuse_remote,
    )


@cache
def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    """Return what says whether a document follows one published schema; a reference that leaves the folder is refused.

    Where it does not, `_fault_finder` says why in the schema's own terms.
    """
    return _compiled(name, schema(name), with_quick_bounds)


@cache
def _fault_finder(name: str) -> jsonschema_rs.Draft202012Validator:
    return _compiled(name, schema(name))


@cache
def kind_validator(kind: Kind) -> jsonschema_rs.Draft202012Validator:
    """Return what says whether a summary follows the schema of its kind, made from its table."""
    return _compiled(kind.name, kind_schema(kind), with_quick_bounds)


@cache
def _kind_fault_finder(kind: Kind) -> jsonschema_rs.Draft202012Validator:
    return _compiled(kind.name, kind_schema(kind))


def _pointer(path: list[str | int]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def check(name: str, value: Any, path: str) -> None:
    """Refuse a document that does not follow its published schema.

    Raises:
        GatekitError: `schema.KEYWORD` at the first offending place, in document order.
    """
    if not validator(name).is_valid(value):
        _refuse(_fault_finder(name), value, path, schema(name))


def check_summary(value: Any, path: str, kinds: Kinds = INSTALLED) -> Kind:
    """Refuse a summary that does not follow the schema of its kind; return its kind.

    Raises:
        GatekitError: as `check`; `summary.kind`: there is no such kind.
    """
    kind = kinds.get(value.get("kind")) if isinstance(value, dict) else None
    if kind is None:
        check("summary", value, path)
        message = f"there is no kind '{value['kind']}', so nothing says what its measurements mean"
        raise GatekitError("summary.kind", message, Location(path, pointer="/kind"), kinds.remedy(value["kind"]))
    if not kind_validator(kind).is_valid(value):
        _refuse(_kind_fault_finder(kind), value, path, kind_schema(kind))
    return kind


def _refuse(compiled: jsonschema_rs.Draft202012Validator, value: Any, path: str, whole: dict[str, Any]) -> NoReturn:
    # The deepest complaint names the place itself; a condition (then, else) complains about what another fault caused.
    errors = _faults(compiled, value)
    error = min(
        errors,
        key=lambda e: ("then" in e.schema_path or "else" in e.schema_path, -len(e.instance_path), str(e.instance_path)),
    )
    keyword = type(error.kind).__name__.removeprefix("ValidationErrorKind_").lower()
    schemas = (whole, *(schema(other) for other in INCLUDED))
    message, remedy = words(error, value, schemas)
    at = list(error.instance_path)
    # All at once: nobody wants to hear of 38 parts one by one.
    outer, missing = missing_parts(errors, schemas) if keyword == "required" and remedy is None else (at, [])
    if len(missing) > 1:
        at, message = outer, f"missing {', '.join(missing)}"
    raise GatekitError(f"schema.{keyword}", message, Location(path, pointer=_pointer(at)), remedy)


def _faults(compiled: jsonschema_rs.Draft202012Validator, value: Any) -> list[Any]:
    """Return what is wrong with a document: everything, as far as it is small enough; else the first fault."""
    left = MOST_VALUES

    def shortened(part: Any) -> Any:
        nonlocal left
        left -= len(part) if isinstance(part, dict) else 1
        if left < 0:
            return None
        if isinstance(part, dict):
            return {key: shortened(inner) for key, inner in part.items()}
        return [shortened(item) for item in part[:MOST_ITEMS]] if isinstance(part, list) else part

    small = shortened(value)
    found = list(compiled.iter_errors(small)) if left >= 0 else []
    if found:
        return found
    try:
        compiled.validate(value)
    except jsonschema_rs.ValidationError as error:
        return [error]
    return []


def document_faults(name: str, value: Any) -> Iterator[tuple[tuple[str | int, ...], str, str | None]]:
    """Yield (path, message, remedy) for what a published schema refuses in plain data, deepest first.

    The path of a key that is not known, or that no key can be called, ends at the key.
    """
    errors = _faults(_fault_finder(name), value)
    for error in sorted(errors, key=lambda e: (-len(e.instance_path), str(e.instance_path))):
        at = tuple(error.instance_path)
        message, remedy = words(error, value, (schema(name),))
        if type(error.kind).__name__.endswith("PropertyNames"):
            key = error.kind.error.instance
            at, message = (*at, key), f"'{key}' is no name: lower-case letters, digits and underscores, a letter first"
        yield (*at, *getattr(error.kind, "unexpected", [])[:1]), message, remedy


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
