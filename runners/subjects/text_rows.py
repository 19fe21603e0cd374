"""A row of one's own files, with the place that every fault of it is said at.

Files are read once from front to back, by the module of their form (`runners.subjects.text_forms`), and of a row no
more is kept than the reader's caller keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gatekit.errors import GatekitError, Location, did_you_mean

LONGEST_ROW = 1 << 26
"""Bytes of one line, or characters of one text: what is longer is no text but a file without line ends."""

ROWS_PER_BATCH = 1024
"""Of a form that holds columns, turned into rows at once."""


_ABSENT = object()


@dataclass(frozen=True)
class TextRow:
    """One row of a file."""

    place: Location
    words: str
    """Before a message, where the place has no line: 'row 17: '."""
    values: Mapping[str, object]

    def value(self, column: str) -> object:
        """Return the value in a column, or in one within another.

        Args:
            column: its name; where the row has none of that name, names from the outer one inwards: 'meta.text'.

        Raises:
            GatekitError: `table.column`: the row has no such column.
        """
        found = self._find(column)
        if found is _ABSENT:
            known = [str(name) for name in self.values]
            raise self.error(
                "table.column",
                f"no column '{column}'",
                did_you_mean(column, known) or f"its columns: {', '.join(known[:20])}",
            )
        return found

    def has(self, column: str) -> bool:
        """Say whether the row has a column, as `value` finds it."""
        return self._find(column) is not _ABSENT

    def _find(self, column: str) -> object:
        found: object = self.values
        for name in [column] if column in self.values else column.split("."):
            found = found.get(name, _ABSENT) if isinstance(found, Mapping) else _ABSENT
        return found

    def text(self, column: str) -> str:
        """Return the text in a column.

        Raises:
            GatekitError: as `value`; `table.text`: the value is none.
        """
        value = self.value(column)
        if not isinstance(value, str):
            raise self.error("table.text", f"column '{column}' holds {kind_of(value)}, not text")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise self.error("table.text", f"column '{column}' holds half of a character (a lone surrogate)") from None
        return value

    def error(self, error_id: str, message: str, remedy: str | None = None) -> GatekitError:
        """Return an error at this row."""
        return GatekitError(error_id, f"{self.words}{message}", self.place, remedy)


def as_written(value: object) -> str:
    """Return a value as JSON writes it, a text as it is: what a filter compares."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return str(value)


def columns_to_read(known: Sequence[str], wanted: Sequence[str], also: Sequence[str], place: Location) -> list[str]:
    """Return the outermost columns that hold the wanted ones.

    Args:
        known: columns that the file has.
        wanted: that must be there, as `TextRow.value` takes them.
        also: that are read where they are there.
        place: of the file.

    Raises:
        GatekitError: `table.column`: a wanted one is not there.
    """
    found = dict.fromkeys(column if column in known else column.partition(".")[0] for column in (*wanted, *also))
    for column in wanted:
        if column not in known and column.partition(".")[0] not in known:
            remedy = did_you_mean(column, known) or f"its columns: {', '.join(known[:20])}"
            raise GatekitError("table.column", f"no column '{column}'", place, remedy)
    return [column for column in found if column in known]


def numbered(rows: Iterable[Mapping[str, object]], place: Location) -> Iterator[TextRow]:
    """Yield rows of what has no lines, by their number from 1."""
    for number, values in enumerate(rows, 1):
        yield TextRow(place, f"row {number}: ", values)


def opened(path: Path) -> BinaryIO:
    """Open a file, packed or not, as it is.

    Raises:
        GatekitError: as `missing`.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise missing(path, error) from None


def missing(path: Path, error: OSError) -> GatekitError:
    """Return `table.file`: a file cannot be read."""
    return GatekitError("table.file", f"the file cannot be read: {error.strerror}", Location(str(path)))


def kind_of(value: object) -> str:
    """Return in words what a value is that is not what it should be."""
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        bytes: "bytes",
    }
    return "nothing" if value is None else names.get(type(value), f"a {type(value).__name__}")
