"""CSV by RFC 4180: UTF-8, commas, a header, the same number of cells in every row."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from gatekit.errors import Location
from gatekit.evidence.adapters.table.rows import CELL, MAX_ROWS, MOST_CELLS, Table, Text, check_columns, refuse, shown

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]")


@dataclass(frozen=True)
class CsvRow:
    """A record of a CSV file."""

    path: str
    line: int
    """Of its first character."""
    source: str
    """The line as it stands."""
    columns: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def cells(self) -> Mapping[str, Text]:
        """The cells that are not empty."""
        return {name: Text(text) for name, text in zip(self.columns, self.texts, strict=True) if text != ""}

    def place(self, column: str | None) -> Location:
        """Return the place of a cell; in a record with quotes, that of the record."""
        index = self.columns.index(column) if column in self.columns else 0
        plain = ",".join(self.texts) == self.source
        start = sum(len(text) + 1 for text in self.texts[:index]) + 1 if plain else 1
        return Location(self.path, self.line, start, source_line=self.source)


def parse_csv(data: bytes, path: str) -> Table:
    """Parse a CSV file. A byte order mark at its start and any line end are accepted, as spreadsheets write them.

    Raises:
        GatekitError: `table.encoding`, `table.control_character`, `table.csv`, `table.columns`, `table.ragged`,
            `table.cell`, `table.rows`, `table.empty`, with line and column where one is known.
    """
    text = _decode(data, path)
    lines = re.split(r"\r\n|\n|\r", text)
    # Every line end as one character, so that the reader and we count the same lines; one in a cell stays one.
    reader = csv.reader((f"{line}\n" for line in lines), strict=True)
    columns: tuple[str, ...] | None = None
    header = Location(path, 1, 1, source_line=lines[0])
    rows: list[CsvRow] = []
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise refuse("csv", f"not CSV: {error}", _line(path, first, lines)) from None
        if cells is None:
            break
        if not cells:  # an empty line
            continue
        if columns is None:
            header = _line(path, first, lines)
            columns = tuple(cells)
            _check_header(columns, header)
            continue
        if len(cells) != len(columns):
            message = f"this row has {len(cells)} cells, the header {len(columns)}"
            raise refuse("ragged", message, _line(path, first, lines))
        row = CsvRow(path, first, lines[first - 1], columns, tuple(cells))
        for name, cell in zip(columns, cells, strict=True):
            if len(cell) > CELL:
                raise refuse("cell", f"a cell has more than {CELL} characters", row.place(name))
        rows.append(row)
        if len(rows) > MAX_ROWS:
            raise refuse("rows", f"the table has more than {MAX_ROWS} rows", row.place(None))
        if len(rows) * len(columns) > MOST_CELLS:
            raise refuse("cells", f"the table has more than {MOST_CELLS} cells", row.place(None))
    if columns is None:
        raise refuse("empty", "the file has no content", Location(path), "the first line names the columns")
    return Table(path, hashlib.sha256(data).hexdigest(), columns, header, rows)


def _check_header(columns: tuple[str, ...], header: Location) -> None:
    for mark, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(columns) == 1 and mark in columns[0]:
            raise refuse("csv", f"the cells are separated by {word}", header, "separate them by commas")
    for name in columns:
        if name != name.strip():
            raise refuse("columns", f"the column {shown(name)} has spaces around its name", header, "remove them")
    check_columns(columns, header)


def _decode(data: bytes, path: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refuse("encoding", "the file is UTF-16", Location(path), "save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refuse("encoding", "the file is not UTF-8", _at(path, data[: error.start].decode("utf-8"))) from None
    if found := _CONTROL.search(text):
        place = _at(path, text[: found.start()])
        raise refuse("control_character", f"invisible or control character U+{ord(found[0]):04X}", place, "remove it")
    return text


def _at(path: str, before: str) -> Location:
    lines = re.split(r"\r\n|\n|\r", before)
    return Location(path, len(lines), len(lines[-1]) + 1)


def _line(path: str, number: int, lines: list[str]) -> Location:
    return Location(path, number, 1, source_line=lines[number - 1] if number <= len(lines) else None)
