"""Typed access to the nodes of a policy file: each refusal names the position and the nearest valid name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from datetime import date, timedelta

from gatekit.errors import GatekitError, did_you_mean
from gatekit.evidence.newer_schema import REMEDY, newer_schema
from gatekit.evidence.strict_yaml import Mapping, Node, Scalar, Sequence, YamlDocument

_DURATION = re.compile(r"([1-9][0-9]{0,5})([hdw])", re.ASCII)
_MEANT_AS_NUMBER = re.compile(r"\s*(-?[0-9]{1,15}(?:[.,][0-9]{1,15})?)\s*(%?)\s*", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def refusal(document: YamlDocument, node: Node, error_id: str, message: str, remedy: str | None = None) -> GatekitError:
    """Return (not raise) the error `policy.ERROR_ID` at a node."""
    return GatekitError(f"policy.{error_id}", message, document.location(node), remedy)


def mapping(document: YamlDocument, node: Node, what: str, known: Iterable[str]) -> dict[str, Node]:
    """Return a mapping's values by key; a key that is not known is refused."""
    names = list(known)
    found: dict[str, Node] = {}
    for key, value in entries(document, node, what):
        name = str(key.value)
        if name not in names:
            remedy = did_you_mean(name, names) or f"known here: {', '.join(names)}"
            raise refusal(document, key, "unknown_key", f"unknown key '{name}' in {what}", remedy)
        found[name] = value
    return found


def entries(document: YamlDocument, node: Node, what: str) -> tuple[tuple[Scalar, Node], ...]:
    """Return a mapping's keys and values as nodes, in the order of the file."""
    if not isinstance(node, Mapping):
        remedy = "write `key: value` in it" + (", not a list" if isinstance(node, Sequence) else "")
        raise refusal(document, node, "type", f"{what} must be a mapping", remedy)
    return tuple(node.items)


def sequence(document: YamlDocument, node: Node, what: str, at_least: int = 1) -> tuple[Node, ...]:
    """Return the items of a list that has at least so many."""
    if not isinstance(node, Sequence):
        raise refusal(document, node, "type", f"{what} must be a list")
    if len(node.items) < at_least:
        raise refusal(document, node, "empty", f"{what} must have at least {at_least} item{'s'[: at_least != 1]}")
    return tuple(node.items)


def text(document: YamlDocument, node: Node, what: str, pattern: str | None = None, limit: int = 500) -> str:
    """Return a non-empty string."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        raise refusal(document, node, "type", f"{what} must be text")
    if not node.value.strip() or len(node.value) > limit:
        raise refusal(document, node, "value", f"{what} must have 1 to {limit} characters")
    if pattern is not None and not re.fullmatch(pattern, node.value, re.ASCII):
        raise refusal(
            document, node, "value", f"{what} '{node.value}' must match {pattern}", _like(node.value, pattern)
        )
    return node.value


def choice(document: YamlDocument, node: Node, what: str, choices: Iterable[str]) -> str:
    """Return one of the allowed words."""
    allowed = list(choices)
    value = text(document, node, what)
    if value not in allowed:
        remedy = did_you_mean(value, allowed) or f"known: {', '.join(allowed)}"
        raise refusal(document, node, "value", f"unknown {what} '{value}'", remedy)
    return value


def refuse_newer(document: YamlDocument, known: str) -> None:
    """Refuse a file of a newer schema, before anything else that is in it is called unknown."""
    node = document.root.get("schema") if isinstance(document.root, Mapping) else None
    newer = newer_schema(node.value, known) if isinstance(node, Scalar) else None
    if node is not None and newer is not None:
        raise refusal(document, node, "newer_schema", newer, REMEDY)


def flag(document: YamlDocument, node: Node, what: str) -> bool:
    """Return true or false."""
    if not isinstance(node, Scalar) or not isinstance(node.value, bool):
        raise refusal(document, node, "type", f"{what} must be true or false")
    return node.value


def number(document: YamlDocument, node: Node, what: str) -> float:
    """Return a finite number; a boolean is not one."""
    if not isinstance(node, Scalar) or isinstance(node.value, bool | str) or not math.isfinite(node.value):
        raise refusal(document, node, "type", f"{what} must be a number", _as_number(node))
    return float(node.value)


def integer(document: YamlDocument, node: Node, what: str, low: int, high: int) -> int:
    """Return an integer in [low, high]."""
    if not isinstance(node, Scalar) or isinstance(node.value, bool) or not isinstance(node.value, int):
        raise refusal(document, node, "type", f"{what} must be an integer", _as_number(node))
    if not low <= node.value <= high:
        raise refusal(document, node, "value", f"{what} {node.value} is outside {low} to {high}")
    return node.value


def confidence(document: YamlDocument, node: Node) -> float:
    """Return a one-sided confidence; half and below would bound nothing."""
    value = number(document, node, "confidence")
    if not 0.5 < value < 1.0:
        raise refusal(
            document, node, "value", f"confidence {value:g} must be above 0.5 and below 1", "for 95 % write 0.95"
        )
    return value


def duration(document: YamlDocument, node: Node, what: str) -> timedelta:
    """Return a duration such as 12h, 30d or 4w."""
    value = node.value if isinstance(node, Scalar) else None
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refusal(document, node, "value", f"{what} must be hours, days or weeks such as 12h, 30d, 4w")
    return int(match[1]) * _UNITS[match[2]]


def day(document: YamlDocument, node: Node, what: str) -> date:
    """Return a date written as a quoted "2026-12-31"."""
    value = text(document, node, what)
    if not re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
        raise refusal(document, node, "value", f"{what} '{value}' is no day", 'write it as "2026-12-31"')
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise refusal(document, node, "value", f"{what} {value} is not a day that exists") from None


def required(
    document: YamlDocument, node: Node, given: MappingOf[str, Node], key: str, what: str, example: str | None = None
) -> Node:
    """Return the value of a key that must be there; `example` is a value that it could have."""
    if key not in given:
        remedy = None if example is None else f"add `{key}: {example}`"
        raise refusal(document, node, "missing_key", f"{what} has no '{key}'", remedy)
    return given[key]


def _as_number(node: Node) -> str | None:
    """Return how to write text that was meant as a number: "0.5", 50% or 0,5."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None
    match = _MEANT_AS_NUMBER.fullmatch(node.value)
    if match is None:
        return None
    meant = float(match[1].replace(",", ".")) / (100 if match[2] else 1)
    only_quoted = node.quoted and not match[2] and "," not in match[1]
    return f"write {meant:.15g}" + (", without quotes" if only_quoted else "")


def _like(value: str, pattern: str) -> str | None:
    """Return the name that a text is close to: My SAEs -> my-saes, or my_saes."""
    words = re.findall(r"[a-z0-9]+", value.lower(), re.ASCII)
    names = (joint.join(words) for joint in "-_")
    found = next((name for name in names if re.fullmatch(pattern, name, re.ASCII)), None)
    return None if found is None else f"such as {found}"
