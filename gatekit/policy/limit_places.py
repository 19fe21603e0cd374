"""Where the numbers of a threshold stand in its policy's file, so that the line can be shown as it would be changed."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingType
from dataclasses import dataclass

from gatekit.errors import Location
from gatekit.evidence.strict_yaml import Mapping, Node, Scalar, Sequence, YamlDocument
from gatekit.policy.limits import sides
from gatekit.policy.model import Threshold


@dataclass(frozen=True)
class LimitPlace:
    """One number of a threshold, as its file has it."""

    location: Location
    """Of its first character, with its line."""
    raw: str
    """As it is written: `0.10`."""
    sign: int
    """-1 where the file says how much worse is tolerated and the limit is minus that; else 1."""

    @property
    def around(self) -> tuple[str, str]:
        """The line before the number and behind it."""
        line, start = self.location.source_line or "", (self.location.column or 1) - 1
        return line[:start], line[start + len(self.raw) :]


def limit_places(document: YamlDocument, rules: Iterable[Threshold]) -> list[tuple[LimitPlace, ...] | None]:
    """Return, for each rule, the place of each end of its limits, in their order; None where the file has them not so.

    Args:
        document: the file that the rules were read from.
        rules: thresholds of it.
    """
    begins: dict[tuple[int, int], Node] = {}
    _note(document.root, begins)
    return [_places(document, rule, begins) for rule in rules]


def _places(
    document: YamlDocument, rule: Threshold, begins: MappingType[tuple[int, int], Node]
) -> tuple[LimitPlace, ...] | None:
    at = rule.limit_location
    found = begins.get((at.line or 0, at.column or 0))
    if isinstance(found, Mapping):
        # every_seed: {at_least: 0.5}; not_worse_than: {base: 0.02}
        found = found.get("base") if rule.against == "base" else found.items[0][1]
    numbers = found.items if isinstance(found, Sequence) else (found,)
    ends = sides(rule.limits)
    if len(numbers) != len(ends):
        return None
    places = []
    for node, end in zip(numbers, ends, strict=True):
        if not isinstance(node, Scalar) or node.quoted or isinstance(node.value, str | bool):
            return None
        sign = -1 if rule.against == "base" and not end.upper else 1
        if sign * node.value != end.limit:
            return None
        location = document.location(node)
        start = node.column - 1
        if (location.source_line or "")[start : start + len(node.raw)] != node.raw:
            return None
        places.append(LimitPlace(location, node.raw, sign))
    return tuple(places)


def _note(node: Node, begins: dict[tuple[int, int], Node]) -> None:
    """Note where each value begins; of several that begin at one place it is the innermost."""
    parts: Iterable[Node] = ()
    if isinstance(node, Mapping):
        parts = (value for _, value in node.items)
    elif isinstance(node, Sequence):
        parts = node.items
    for part in parts:
        _note(part, begins)
    begins.setdefault((node.line, node.column), node)
