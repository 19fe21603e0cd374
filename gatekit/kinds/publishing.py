"""Write the published schemas from the tables: `make schemas`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatekit.kinds.kind import BASELINES
from gatekit.kinds.lookup import BUILT_IN, Kinds
from gatekit.kinds.schema import kind_schema

SUFFIX = ".schema.json"


def published(folder: Path) -> dict[str, str]:
    """Return file name -> text of every schema that the built-in tables decide, wholly or in part.

    Args:
        folder: where `summary.schema.json` and `policy.schema.json` lie, of which only the lists of kinds and of
            baselines are written anew.
    """
    kinds = Kinds()
    found = {name + SUFFIX: _text(kind_schema(kinds.named(name))) for name in BUILT_IN}
    summary = json.loads((folder / f"summary{SUFFIX}").read_text(encoding="utf-8"))
    summary["properties"]["kind"]["anyOf"][0]["enum"] = list(BUILT_IN)
    baseline = summary["$defs"]["protocol"]["properties"]["baseline"]["properties"]["kind"]
    baseline["enum"] = list(BASELINES)
    kind = json.loads((folder / f"kind{SUFFIX}").read_text(encoding="utf-8"))
    kind["properties"]["baselines"]["items"]["enum"] = list(BASELINES)
    policy = json.loads((folder / f"policy{SUFFIX}").read_text(encoding="utf-8"))
    policy["$defs"]["rule"]["properties"]["from"]["anyOf"][0]["enum"] = list(BUILT_IN)
    policy["$defs"]["measure_of_kind"] = _measure_of_kind(kinds)
    for part in ("rule", "gate", "value"):
        policy["$defs"][part]["allOf"] = [{"$ref": "#/$defs/measure_of_kind"}]
    written = {"summary": summary, "kind": kind, "policy": policy}
    return {**found, **{name + SUFFIX: _text(schema) for name, schema in written.items()}}


def _measure_of_kind(kinds: Kinds) -> dict[str, Any]:
    """Return what an editor needs to complete the measures of our kinds; those of another kind are for the loader."""
    return {
        "description": "The measures of each of gatekit's own kinds.",
        "allOf": [
            {
                "if": {"properties": {"from": {"const": name}}, "required": ["from"]},
                "then": {"properties": {"measure": {"enum": [spec.name for spec in kinds.named(name).measures]}}},
            }
            for name in BUILT_IN
        ],
    }


def _text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    for file, text in published(target).items():
        (target / file).write_text(text, encoding="utf-8")
