"""Rows of a table with the place of every cell, whatever the format of the file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gatekit.errors import GatekitError, Location

MAX_ROWS = 900_000
MAX_COLUMNS = 200
MOST_CELLS = 4_000_000
CELL = 1000
"""Characters of one cell; a dataset's name has at most 128."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
NUMBER = 64
"""Characters of one number; the longest shortest-form double has 24."""


class TableRow(Protocol):
    """One row: its cells by column, and where they stand."""

    @property
    def cells(self) -> Mapping[str, Any]:
        """The cells that are not empty, as text (CSV) or as the file's own values."""

    def place(self, column: str | None) -> Location:
        """Return the place of a cell, or of the whole row."""


@dataclass(frozen=True)
class Table:
    """A whole table."""

    path: str
    sha256: str
    """Of the file's bytes."""
    columns: tuple[str, ...]
    """In the order of the file; of JSON lines, of their first occurrence."""
    header: Location
    """Where the columns are named."""
    rows: Sequence[TableRow]


def refuse(error_id: str, message: str, place: Location, remedy: str | None = None) -> GatekitError:
    """Return the error about a place of a table."""
    return GatekitError(f"table.{error_id}", message, place, remedy)


def check_columns(columns: Sequence[str], place: Location) -> None:
    """Refuse a header with an unnamed column, one that is there twice, or too many."""
    if len(columns) > MAX_COLUMNS:
        raise refuse("columns", f"the table has more than {MAX_COLUMNS} columns", place)
    seen: set[str] = set()
    for index, name in enumerate(columns, start=1):
        if not name:
            raise refuse("columns", f"column {index} has no name", place, "the first line names the columns")
        if name in seen:
            raise refuse("columns", f"the column {shown(name)} is there twice", place)
        seen.add(name)


def number_in(cell: Any) -> Any:
    """Return the number that a cell's text writes; a cell that is no text stays what it is, and is checked later.

    Raises:
        ValueError: with the message, when the text is not a number of JSON's grammar or no double holds it.
    """
    if not isinstance(cell, Text):
        return cell
    if len(cell) > NUMBER or not _NUMBER.fullmatch(cell):
        raise ValueError(f"{shown(cell)} is not a number")
    if _INTEGER.fullmatch(cell):
        return int(cell)
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{shown(cell)} is larger than any double")
    if value == 0.0 and cell.lower().partition("e")[0].strip("-0."):
        raise ValueError(f"{shown(cell)} is not zero but reads as zero")
    return value


class Text(str):
    """A cell of a format that has no types: `0.5` is the number, and a JSON string "0.5" is not."""


def shown(text: str) -> str:
    """Return a text as a message quotes it: short, and on one line."""
    return repr(str(text) if len(text) <= 40 else f"{text[:37]}...")
