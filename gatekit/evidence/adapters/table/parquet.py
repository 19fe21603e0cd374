"""Parquet, where pyarrow is installed: flat columns of integers, floats and text."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence.adapters.table.rows import CELL, MAX_ROWS, MOST_CELLS, Table, check_columns, refuse

UNPACKED = 24 << 20
"""Bytes of all columns; a few kilobytes of parquet can unpack to gigabytes."""


@dataclass(frozen=True)
class ParquetRow:
    """A row of a parquet file."""

    path: str
    index: int
    values: Mapping[str, Any]

    @property
    def cells(self) -> Mapping[str, Any]:
        """The values that are not null."""
        return {name: value for name, value in self.values.items() if value is not None}

    def place(self, column: str | None) -> Location:
        """Return the place of a value, counting rows from 0."""
        return Location(self.path, pointer=f"/{self.index}" + (f"/{column}" if column in self.values else ""))


def parse_parquet(data: bytes, path: str) -> Table:
    """Parse a parquet file.

    Raises:
        GatekitError: `table.pyarrow_missing` with what to install, `table.parquet`, `table.rows`, `table.columns`,
            `table.cell`, `table.empty`.
    """
    place = Location(path)
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        remedy = "pip install pyarrow, or save the table as CSV"
        raise GatekitError("table.pyarrow_missing", "parquet needs the package pyarrow", place, remedy) from None
    try:
        file = parquet.ParquetFile(io.BytesIO(data), memory_map=False)
        facts = file.metadata
        if facts.num_rows > MAX_ROWS:
            raise refuse("rows", f"the table has more than {MAX_ROWS} rows", place)
        if facts.num_rows * facts.num_columns > MOST_CELLS:
            raise refuse("cells", f"the table has more than {MOST_CELLS} cells", place)
        if sum(facts.row_group(index).total_byte_size for index in range(facts.num_row_groups)) > UNPACKED:
            raise refuse("rows", f"the table unpacks to more than {UNPACKED} bytes", place)
        columns = tuple(field.name for field in file.schema_arrow)
        check_columns(columns, place)
        for field in file.schema_arrow:
            if not _is_plain(field.type):
                raise refuse("columns", f"the column '{field.name}' holds {field.type}, not numbers or text", place)
        values = file.read().to_pydict()
    except (pyarrow.ArrowException, OSError, ValueError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        raise refuse("parquet", f"not parquet that can be read: {reason}", place) from None
    if not facts.num_rows:
        raise refuse("empty", "the table has no row", place)
    rows = [
        ParquetRow(path, index, dict(zip(columns, cells, strict=True)))
        for index, cells in enumerate(zip(*(values[name] for name in columns), strict=True))
    ]
    for row in rows:
        for name, value in row.values.items():
            if isinstance(value, str) and len(value) > CELL:
                raise refuse("cell", f"a cell has more than {CELL} characters", row.place(name))
    return Table(path, hashlib.sha256(data).hexdigest(), columns, place, rows)


def _is_plain(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):  # what pandas writes for a column of categories
        kind = kind.value_type
    tests = (types.is_integer, types.is_floating, types.is_string, types.is_large_string, types.is_null)
    return any(test(kind) for test in tests)
