"""Write what the table of operators decides of the published schema of policies: `make schemas`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatekit.policy.operators import OPERATORS

FILE = "policy.schema.json"
BEFORE, AFTER = "measure", "bound"
"""The keys of a rule that operators stand between, in the schema as in what editors offer."""


def with_operators(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of policies with the operators of `OPERATORS`, and no others, in rules and in gates."""
    written: dict[str, Any] = json.loads(json.dumps(schema))
    for name in ("rule", "gate"):
        definition = written["$defs"][name]
        definition["properties"] = _properties(definition["properties"])
        threshold, *combinations = definition["oneOf"]
        threshold["oneOf"] = [{"required": [operator]} for operator in OPERATORS]
        for combination in combinations:
            combination["not"]["anyOf"] = _refused_beside_a_combination(combination["not"]["anyOf"])
    return written


def _properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    names = list(properties)
    start, end = names.index(BEFORE) + 1, names.index(AFTER)
    operators = {operator.name: dict(operator.schema) for operator in OPERATORS.values()}
    return {
        **{name: properties[name] for name in names[:start]},
        **operators,
        **{name: properties[name] for name in names[end:]},
    }


def _refused_beside_a_combination(keys: list[dict[str, list[str]]]) -> list[dict[str, list[str]]]:
    names = [key["required"][0] for key in keys]
    start, end = names.index(BEFORE) + 1, names.index(AFTER)
    return [*keys[:start], *({"required": [operator]} for operator in OPERATORS), *keys[end:]]


if __name__ == "__main__":
    target = Path(sys.argv[1]) / FILE
    published = with_operators(json.loads(target.read_text(encoding="utf-8")))
    target.write_text(json.dumps(published, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
