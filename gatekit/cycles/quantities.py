"""Quantities of a plan: what a task needs, what may be spent, and the paths that a plan names."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import timedelta

from gatekit.cycles.plan import Budget, Needs
from gatekit.evidence.strict_yaml import Node, Scalar, YamlDocument
from gatekit.policy import fields

_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(MiB|GiB|TiB)", re.ASCII)
_SIZES = {"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_WALL = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_WALLS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


@dataclass(frozen=True)
class NamedPaths:
    """The paths that a plan names, below the repository's root, and where it names them."""

    document: YamlDocument
    found: list[tuple[str, Node]] = field(default_factory=list)

    def take(self, node: Node, what: str) -> str:
        """Return a path and remember it; one that leads out of the repository, or is written oddly, is refused."""
        path = fields.text(self.document, node, what)
        parts = path.split("/")
        if os.path.isabs(path) or ".." in parts or "\\" in path or path != os.path.normpath(path):
            message = f"{what} '{path}' is no plain path below the repository's root"
            remedy = "write it without '..', '.', '//' or a leading '/'"
            raise fields.refusal(self.document, node, "path", message, remedy)
        self.found.append((path, node))
        return path


def needs(document: YamlDocument, node: Node, default: Needs) -> Needs:
    """Return what a task needs; what is not said is the default's."""
    given = fields.mapping(document, node, "needs", ("gpus", "memory", "disk", "wall"))
    return Needs(
        gpus=fields.integer(document, given["gpus"], "gpus", 0, 1024) if "gpus" in given else default.gpus,
        memory=_size(document, given["memory"], "memory") if "memory" in given else default.memory,
        disk=_size(document, given["disk"], "disk") if "disk" in given else default.disk,
        wall=_wall(document, given["wall"], "wall") if "wall" in given else default.wall,
    )


def budget(document: YamlDocument, node: Node) -> Budget:
    """Return what may be spent; at least one limit."""
    given = fields.mapping(document, node, "budget", ("device_hours", "wall", "disk"))
    if not given:
        raise fields.refusal(document, node, "empty", "a budget limits at least one of device_hours, wall, disk")
    hours = None
    if "device_hours" in given:
        if _WALL.fullmatch(_raw(given["device_hours"])):
            message, remedy = "device_hours has a unit, and is hours", "write the number alone, as 35 or 0.5"
            raise fields.refusal(document, given["device_hours"], "type", message, remedy)
        hours = fields.number(document, given["device_hours"], "device_hours")
        if hours <= 0:
            message = f"device_hours {hours:g} must be above 0"
            raise fields.refusal(document, given["device_hours"], "value", message)
    return Budget(
        device_hours=hours,
        wall=_wall(document, given["wall"], "wall") if "wall" in given else None,
        disk=_size(document, given["disk"], "disk") if "disk" in given else None,
    )


def _size(document: YamlDocument, node: Node, what: str) -> int:
    match = _SIZE.fullmatch(_raw(node))
    if match is None:
        raise fields.refusal(document, node, "value", f"{what} must be a size such as 500MiB, 40GiB, 2TiB")
    return int(float(match[1]) * _SIZES[match[2]])


def _wall(document: YamlDocument, node: Node, what: str) -> timedelta:
    match = _WALL.fullmatch(_raw(node))
    if match is None:
        raise fields.refusal(document, node, "value", f"{what} must be a time such as 90s, 20m, 6h, 14d")
    return int(match[1]) * _WALLS[match[2]]


def _raw(node: Node) -> str:
    value = node.value if isinstance(node, Scalar) else None
    return value if isinstance(value, str) else ""
