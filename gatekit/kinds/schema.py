"""The JSON Schema of a kind, made from its table."""

from __future__ import annotations

from typing import Any

from gatekit.kinds.kind import Kind
from gatekit.kinds.measure_spec import MeasureSpec

_SUMMARY = "summary.schema.json"


def kind_schema(kind: Kind) -> dict[str, Any]:
    """Return the schema of the summaries of one kind; it refers to `summary.schema.json` for all that kinds share."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{kind.name} summary",
        "description": kind.description,
        "$ref": _SUMMARY,
        "properties": {
            "kind": {"const": kind.name},
            "protocol": {"properties": {"baseline": {"properties": {"kind": {"enum": list(kind.baselines)}}}}},
            "measurements": {
                "type": "object",
                "properties": {spec.name: _measurement(spec) for spec in kind.measures},
                "additionalProperties": False,
            },
        },
    }


def _measurement(spec: MeasureSpec) -> dict[str, Any]:
    return {
        "description": spec.description,
        "$ref": f"{_SUMMARY}#/$defs/{'with_baseline' if spec.compares else 'without_baseline'}",
        "properties": {
            "unit": {"const": spec.unit},
            "direction": {"const": spec.direction},
            "range": {"const": [_number(end) for end in spec.range]},
            "design": {"enum": [spec.design, "reported"]},
        },
    }


def _number(value: float) -> float:
    """Return a whole number as an integer, as people write it; JSON Schema takes both for one value."""
    return int(value) if value == int(value) and abs(value) < 1e15 else value
