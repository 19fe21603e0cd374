"""Writing a summary: checked exactly as the gate will check it, laid out for people and diffs, written whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from gatekit.evidence.atomic import write_whole
from gatekit.evidence.checks import check_document
from gatekit.evidence.plain_values import plain_value
from gatekit.evidence.schemas import check_summary
from gatekit.evidence.strict_json import SUMMARY_LIMITS, parse_json
from gatekit.kinds import INSTALLED, Kinds


def summary_bytes(document: Mapping[str, Any], path: str, kinds: Kinds = INSTALLED) -> bytes:
    """Return the file form of a summary: UTF-8 JSON, keys sorted, one column per line.

    Equal documents give equal bytes. Numbers and arrays of numpy and torch are taken as what they hold. The bytes are
    read back through the strict reader before they are returned.

    Raises:
        GatekitError: the gate would refuse this summary, or JSON cannot hold a value of it.
    """
    data = (_layout(plain_value(document, path), "") + "\n").encode("utf-8")
    value = parse_json(data, path, SUMMARY_LIMITS).value
    check_document(value, path, check_summary(value, path, kinds))
    return data


def write_summary(document: Mapping[str, Any], path: str, kinds: Kinds = INSTALLED) -> str:
    """Write a summary whole or not at all and return the sha256 of its bytes.

    Raises:
        GatekitError: the gate would refuse it, or the place cannot be written; any older file stays as it was.
    """
    data = summary_bytes(document, path, kinds)
    write_whole(path, data)
    return hashlib.sha256(data).hexdigest()


def _layout(value: Any, indent: str) -> str:
    """Indent objects; keep lists of scalars on one line, where a diff of a column is one line."""
    deeper = indent + " "
    if isinstance(value, Mapping) and value:
        members = (f"{deeper}{json.dumps(key)}: {_layout(value[key], deeper)}" for key in sorted(value))
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value):
        return "[\n" + ",\n".join(deeper + _layout(item, deeper) for item in value) + f"\n{indent}]"
    if isinstance(value, list | tuple):
        return json.dumps(list(value), allow_nan=False)
    return json.dumps(value, allow_nan=False)
