"""What is wrong with a table, wherever it comes from."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import get_args

from gatekit.errors import did_you_mean
from gatekit.kinds.kind import BASELINES, Kind
from gatekit.kinds.measure_spec import Ceiling, Design, Direction, MeasureSpec

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
LARGEST = 1e300
"""What a summary's numbers may be."""

Fault = tuple[tuple[str, ...], str, str | None]
"""Keys from the table to the place (measure, field), the message, the remedy."""


def faults(kind: Kind) -> Iterator[Fault]:
    """Yield every fault of a table, in its own order."""
    if NAME.fullmatch(kind.name) is None:
        yield (
            (),
            f"'{kind.name}' is no name: lower-case letters, digits and underscores, a letter first",
            None,
        )
    if not kind.measures:
        yield ("measures",), "a kind without measures measures nothing", None
    for baseline in kind.baselines:
        if baseline not in BASELINES:
            remedy = did_you_mean(str(baseline), BASELINES) or f"known: {', '.join(BASELINES)}"
            yield ("baselines",), f"'{baseline}' is no kind of baseline", remedy
    names: set[str] = set()
    for spec in kind.measures:
        if spec.name in names:
            yield ("measures", spec.name), f"'{spec.name}' is there twice", None
        names.add(spec.name)
        for field, message, advice in _of_one(spec, kind):
            yield ("measures", spec.name, field), message, advice


def _of_one(spec: MeasureSpec, kind: Kind) -> Iterator[tuple[str, str, str | None]]:
    if NAME.fullmatch(spec.name) is None:
        yield "name", f"'{spec.name}' is no name: lower-case letters, digits and underscores, a letter first", None
    if not 1 <= len(spec.unit) <= 64:
        yield "unit", "a unit has 1 to 64 characters", None
    words: tuple[tuple[str, object, tuple[object, ...]], ...] = (
        ("direction", spec.direction, get_args(Direction)),
        ("design", spec.design, get_args(Design)),
        ("ceiling", spec.ceiling, (None, *get_args(Ceiling))),
    )
    for field, value, known in words:
        if value not in known:
            yield field, f"'{value}' is no {field}", f"known: {', '.join(str(word) for word in known if word)}"
    low, high = spec.range
    if not (math.isfinite(low) and math.isfinite(high) and -LARGEST <= low < high <= LARGEST):
        yield "range", f"[{low:g}, {high:g}] is no range: two finite numbers, the smaller one first", None
    if spec.ratio_of is not None:
        for part in (spec.ratio_of.numerator, spec.ratio_of.denominator):
            other = kind.by_name.get(part)
            if other is None or other.design != spec.design or other.ratio_of is not None:
                yield "ratio_of", f"'{part}' is no observed measure of this kind and design", None
    if spec.difference_of is None:
        return
    alone = kind.by_name.get(spec.difference_of)
    if alone is None or alone is spec:
        remedy = did_you_mean(spec.difference_of, [name for name in kind.by_name if name != spec.name])
        yield "difference_of", f"'{spec.difference_of}' is no other measure of this kind", remedy
    elif alone.compares or not spec.compares or (alone.unit, alone.design) != (spec.unit, spec.design):
        message = f"a difference of '{alone.name}' compares, in its unit and design, and {alone.name} stands alone"
        yield "difference_of", message, None
