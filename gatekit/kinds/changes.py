"""What a table says differently from an earlier one, in words, as far as it could read evidence another way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

from gatekit.kinds.kind import Kind
from gatekit.kinds.measure_spec import MeasureSpec

FOR_PEOPLE = ("name", "description")
"""Fields of a row whose change reads no number another way: the name is what rows are matched by."""


def judging(base: Kind, head: Kind) -> Kind:
    """Return the table that judges a change: the base's rows, and those that only the change brings.

    A new measure has no evidence yet, as a new kind has none; a row that is there already stays what it was.
    """
    new = tuple(spec for spec in head.measures if spec.name not in base.by_name)
    return replace(base, measures=(*base.measures, *new))


def kind_changes(before: Kind, after: Kind | None) -> Iterator[str]:
    """Yield a phrase for every change but an added measure: `success: range [0, 1] -> [0, 2]`."""
    if after is None:
        yield "removed"
        return
    for spec in before.measures:
        other = after.by_name.get(spec.name)
        if other is None:
            yield f"measure {spec.name} removed"
        else:
            yield from _row_changes(spec, other)
    if set(before.baselines) != set(after.baselines):
        yield f"baselines {_word(tuple(sorted(before.baselines)))} -> {_word(tuple(sorted(after.baselines)))}"


def _row_changes(before: MeasureSpec, after: MeasureSpec) -> Iterator[str]:
    for field in fields(MeasureSpec):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if field.name not in FOR_PEOPLE and old != new:
            yield f"{before.name}: {field.name} {_word(old)} -> {_word(new)}"


def _word(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.12g}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_word(item) for item in value) + "]"
    return str(value)
