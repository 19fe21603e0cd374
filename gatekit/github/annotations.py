"""Annotations: lines on stdout that GitHub shows beside the changed files.

GitHub keeps ten of each level per step and drops the others without a word, so the last of ten says how many more there
are and where.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gatekit.report import inert

LIMIT = 10
"""Annotations of one level that GitHub shows for one step."""

Level = Literal["error", "warning", "notice"]
LEVELS: tuple[Level, ...] = ("error", "warning", "notice")


@dataclass(frozen=True)
class Annotation:
    """One remark; all text may be other people's."""

    level: Level
    title: str
    message: str
    path: str | None = None
    """Relative to the repository; without it the annotation stands on the run's page only."""
    line: int | None = None
    """1-based; without it GitHub shows the remark at no file."""
    column: int | None = None


def render(annotations: Iterable[Annotation], limit: int = LIMIT) -> str:
    """Return one workflow command per line, the most severe first and at most `limit` per level."""
    found = list(annotations)
    lines: list[str] = []
    for level in LEVELS:
        lines += _lines(level, list(dict.fromkeys(a for a in found if a.level == level)), limit)
    return "".join(f"{line}\n" for line in lines)


def _lines(level: Level, found: Sequence[Annotation], limit: int) -> list[str]:
    if len(found) <= limit:
        return [_command(annotation) for annotation in found]
    left = len(found) - limit + 1
    more = Annotation(level, "gatekit", f"{left} more; the job summary and the reports have all of them")
    return [_command(annotation) for annotation in [*found[: limit - 1], more]]


def _command(annotation: Annotation) -> str:
    place = []
    if annotation.path:
        place.append(f"file={inert.annotation_property(annotation.path)}")
        place.append(f"line={max(1, annotation.line or 1)}")
        if annotation.column is not None:
            place.append(f"col={max(1, annotation.column)}")
    place.append(f"title={inert.annotation_property(annotation.title, 200)}")
    return f"::{annotation.level} {','.join(place)}::{inert.annotation_data(annotation.message)}"
