"""The branches of a stage and the settings of each: named one by one, or every combination of listed values."""

from __future__ import annotations

import itertools
import json
import re

from gatekit.cycles.plan import Branch, Settings
from gatekit.evidence.strict_yaml import Node, Scalar, YamlDocument
from gatekit.policy import fields

BRANCH = r"[A-Za-z0-9][A-Za-z0-9_.=+-]{0,99}"
SETTING = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+){0,9}"
MOST_BRANCHES = 1000
LONGEST_LABEL = 24
"""Characters of a value that stands in a branch's name."""


def settings(document: YamlDocument, node: Node, what: str) -> Settings:
    """Return keys and values that are set over a configuration; the seeds are not among them."""
    found = []
    for key, value in fields.entries(document, node, what):
        name = fields.text(document, key, "setting", SETTING)
        if name.partition(".")[0] == "seeds":
            message = "a stage's seeds are those of the cycle's phases"
            raise fields.refusal(document, key, "value", message, "write them under the cycle's seeds")
        found.append((name, _json(document, value)))
    return tuple(found)


def named(document: YamlDocument, node: Node) -> tuple[Branch, ...]:
    """Return branches that have names of their own."""
    entries = fields.entries(document, node, "branches")
    if not entries:
        raise fields.refusal(document, node, "empty", "branches names no branch")
    return tuple(
        Branch(fields.text(document, key, "branch", BRANCH), settings(document, value, f"branch '{key.value}'"))
        for key, value in entries
    )


def varied(document: YamlDocument, node: Node) -> tuple[Branch, ...]:
    """Return a branch for every combination of listed values, named by them."""
    axes = [_axis(document, key, value) for key, value in fields.entries(document, node, "vary")]
    if not axes:
        raise fields.refusal(document, node, "empty", "vary names no setting")
    count = 1
    for axis in axes:
        count *= len(axis)
    if count > MOST_BRANCHES:
        message = f"vary makes {count} branches; the limit is {MOST_BRANCHES}"
        raise fields.refusal(document, node, "limit", message)
    found = []
    for cell in itertools.product(*axes):
        label = "+".join(label for _, _, label in cell)
        found.append(Branch(label, tuple((name, text) for name, text, _ in cell)))
    if len({branch.name for branch in found}) < len(found):
        message = "two settings of vary give branches of one name"
        raise fields.refusal(document, node, "duplicate", message, "name them under branches")
    return tuple(found)


def _axis(document: YamlDocument, key: Node, value: Node) -> list[tuple[str, str, str]]:
    name = fields.text(document, key, "setting", SETTING)
    if name.partition(".")[0] == "seeds":
        message = "a stage's seeds are those of the cycle's phases"
        raise fields.refusal(document, key, "value", message, "write them under the cycle's seeds")
    items = fields.sequence(document, value, f"vary {name}", 2)
    short = name.rpartition(".")[2]
    axis = [(name, _json(document, item), f"{short}={_label(item, place)}") for place, item in enumerate(items, 1)]
    if len({text for _, text, _ in axis}) < len(axis):
        raise fields.refusal(document, value, "duplicate", f"vary {name} lists a value twice")
    return axis


def _json(document: YamlDocument, node: Node) -> str:
    return json.dumps(document.plain(node), sort_keys=True)


def _label(item: Node, place: int) -> str:
    """Return a value as a folder's name can hold it, or its number in the list."""
    raw = item.raw if isinstance(item, Scalar) else ""
    return raw if re.fullmatch(BRANCH, raw, re.ASCII) and len(raw) <= LONGEST_LABEL else str(place)
