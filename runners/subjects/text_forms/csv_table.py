"""CSV, and the same with tabs: a header, and a record a line or several."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from gatekit.errors import GatekitError, Location
from runners.subjects.text_forms.encoding_fault import not_utf8
from runners.subjects.text_forms.unpacking import unpacked
from runners.subjects.text_rows import LONGEST_ROW, TextRow


def read_csv(path: Path) -> Iterator[TextRow]:
    """Yield one row a record, as text: nothing is parsed as a number, nothing is missing.

    Raises:
        GatekitError: `table.csv`, `table.encoding`, at the line; or as `unpacked`.
    """
    return _read(path, ",", "CSV")


def read_tsv(path: Path) -> Iterator[TextRow]:
    """Yield one row a record, as `read_csv` does, of values between tabs.

    Raises:
        GatekitError: as `read_csv`.
    """
    return _read(path, "\t", "CSV with tabs")


def _read(path: Path, delimiter: str, form: str) -> Iterator[TextRow]:
    try:
        with unpacked(path) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
            # The module's own limit is 128 KiB a value, which many a document exceeds.
            csv.field_size_limit(max(csv.field_size_limit(), LONGEST_ROW))
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            header: list[str] | None = None
            while True:
                line = reader.line_num + 1
                try:
                    record = next(reader, None)
                except csv.Error as error:
                    message = f"not {form}: {error}"
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
        raise not_utf8(path) from None
