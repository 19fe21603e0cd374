"""Rows of one's own files with columns, one at a time: JSON lines, CSV, parquet. Every fault has its file and line.

A file is read once from front to back, and of a row no more is kept than the reader's caller keeps.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gatekit.errors import GatekitError, Location, did_you_mean

LONGEST_ROW = 1 << 26
"""Bytes of one line, or characters of one text: what is longer is no text but a file without line ends."""

_ROWS_PER_BATCH = 1024


@dataclass(frozen=True)
class TextRow:
    """One row of a file."""

    place: Location
    words: str
    """Before a message, where the place has no line: 'row 17: '."""
    values: Mapping[str, object]

    def value(self, column: str) -> object:
        """Return the value in a column.

        Raises:
            GatekitError: `table.column`: the row has no such column.
        """
        if column not in self.values:
            known = [str(name) for name in self.values]
            raise self.error(
                "table.column",
                f"no column '{column}'",
                did_you_mean(column, known) or f"its columns: {', '.join(known[:20])}",
            )
        return self.values[column]

    def text(self, column: str) -> str:
        """Return the text in a column.

        Raises:
            GatekitError: as `value`; `table.text`: the value is none.
        """
        value = self.value(column)
        if not isinstance(value, str):
            raise self.error("table.text", f"column '{column}' holds {_kind(value)}, not text")
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


def read_json_lines(path: Path) -> Iterator[TextRow]:
    """Yield one row a line; blank lines are no rows.

    Raises:
        GatekitError: `table.file`, `table.json`, `table.encoding`, at the line.
    """
    with _opened(path) as stream:
        number = 0
        while line := stream.readline(LONGEST_ROW + 1):
            number += 1
            place = Location(str(path), number)
            if len(line) > LONGEST_ROW:
                raise GatekitError("table.long", f"the line is longer than {LONGEST_ROW:,} bytes", place)
            if not line.strip():
                continue
            try:
                values = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError:
                raise GatekitError("table.encoding", "the line is not UTF-8", place) from None
            except json.JSONDecodeError as error:
                place = Location(str(path), number, error.colno)
                raise GatekitError("table.json", f"not JSON: {error.msg}", place) from None
            except (ValueError, RecursionError) as error:
                raise GatekitError("table.json", f"not JSON that can be read: {error}", place) from None
            if not isinstance(values, dict):
                raise GatekitError("table.json", f"a line is an object, this one is {_kind(values)}", place)
            yield TextRow(place, "", values)


def read_csv(path: Path) -> Iterator[TextRow]:
    """Yield one row a record, as text: nothing is parsed as a number, nothing is missing.

    Raises:
        GatekitError: `table.file`, `table.csv`, `table.encoding`, at the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            # The module's own limit is 128 KiB a value, which many a document exceeds.
            csv.field_size_limit(max(csv.field_size_limit(), LONGEST_ROW))
            reader = csv.reader(stream, strict=True)
            header: list[str] | None = None
            while True:
                line = reader.line_num + 1
                try:
                    record = next(reader, None)
                except csv.Error as error:
                    message = f"not CSV: {error}"
                    raise GatekitError("table.csv", message, Location(str(path), reader.line_num or 1)) from None
                if record is None:
                    return
                place = Location(str(path), line)
                if header is None:
                    header = record
                    if len(set(header)) < len(header):
                        raise GatekitError("table.csv", "the header names a column twice", place)
                elif record:
                    if len(record) != len(header):
                        message = f"{len(record)} values, and the header has {len(header)} columns"
                        raise GatekitError("table.csv", message, place)
                    yield TextRow(place, "", dict(zip(header, record, strict=True)))
    except UnicodeDecodeError:
        raise GatekitError("table.encoding", "the file is not UTF-8", Location(str(path))) from None
    except OSError as error:
        raise _missing(path, error) from None


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> Iterator[TextRow]:
    """Yield the rows of a parquet file, batch by batch.

    Args:
        path: of the file.
        columns: to read; all where None.

    Raises:
        GatekitError: `table.file`, `table.parquet`, `table.column`.
    """
    import pyarrow
    from pyarrow import parquet

    place = Location(str(path))
    _opened(path).close()
    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError):
        raise GatekitError("table.parquet", "not a parquet file", place) from None
    with file:
        known = file.schema_arrow.names
        for column in columns or ():
            if column not in known:
                remedy = did_you_mean(column, known) or f"its columns: {', '.join(known[:20])}"
                raise GatekitError("table.column", f"no column '{column}'", place, remedy)
        number = 0
        try:
            for batch in file.iter_batches(batch_size=_ROWS_PER_BATCH, columns=None if columns is None else [*columns]):
                for values in batch.to_pylist():
                    number += 1
                    yield TextRow(place, f"row {number}: ", values)
        except (pyarrow.ArrowException, OSError) as error:
            said = str(error).split("\n")[0]
            raise GatekitError("table.parquet", f"cannot be read after row {number}: {said}", place) from None


READERS: dict[str, Callable[[Path], Iterator[TextRow]]] = {
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".csv": read_csv,
    ".parquet": read_parquet,
}
"""By the end of a file's name."""


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise _missing(path, error) from None


def _missing(path: Path, error: OSError) -> GatekitError:
    return GatekitError("table.file", f"the file cannot be read: {error.strerror}", Location(str(path)))


def _kind(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return "nothing" if value is None else names.get(type(value), f"a {type(value).__name__}")
