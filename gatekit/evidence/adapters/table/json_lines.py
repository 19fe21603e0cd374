"""JSON lines: one object a line, read as strictly as every JSON here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence.adapters.table.rows import CELL, MAX_ROWS, Table, check_columns, refuse
from gatekit.evidence.strict_json import JsonLimits, parse_json

LINE = JsonLimits(size=1 << 16, depth=2, values=1000, string=CELL, number=64)
"""A row holds a handful of short values."""


@dataclass(frozen=True)
class JsonRow:
    """A line of a JSON lines file."""

    path: str
    line: int
    source: str
    """The line as it stands."""
    values: Mapping[str, Any]

    @property
    def cells(self) -> Mapping[str, Any]:
        """The members that are not null."""
        return {name: value for name, value in self.values.items() if value is not None}

    def place(self, column: str | None) -> Location:
        """Return the place of a member's name where it can be found in the line, else that of the line."""
        found = -1 if column is None else self.source.find(json.dumps(column, ensure_ascii=False))
        return Location(self.path, self.line, max(found, 0) + 1, source_line=self.source)


def parse_json_lines(data: bytes, path: str) -> Table:
    """Parse a JSON lines file; an empty line is passed over.

    Raises:
        GatekitError: `json.*` with the line, `table.row`, `table.cell`, `table.columns`, `table.rows`, `table.empty`.
    """
    rows: list[JsonRow] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip(b" \t\r"):
            continue
        place = Location(path, number, 1)
        try:
            value = parse_json(line, path, LINE).value
        except GatekitError as error:
            inside = error.location
            column = inside.column if inside is not None and inside.column is not None else 1
            at = f"{inside.pointer[1:]}: " if inside is not None and inside.pointer else ""
            where = Location(path, number, column)
            raise GatekitError(error.error_id, f"{at}{error.message}", where, error.remedy) from None
        if not isinstance(value, dict):
            raise refuse("row", "this line is not a JSON object", place, 'write {"seed": 0, "value": 0.5}')
        for name, cell in value.items():
            if isinstance(cell, dict | list):
                raise refuse("cell", f"{name!r} holds {'an object' if isinstance(cell, dict) else 'a list'}", place)
        columns |= dict.fromkeys(value)
        rows.append(JsonRow(path, number, line.decode("utf-8"), value))
        if len(rows) > MAX_ROWS:
            raise refuse("rows", f"the table has more than {MAX_ROWS} rows", place)
    if not rows:
        raise refuse("empty", "the file has no content", Location(path))
    header = Location(path, rows[0].line, 1)
    check_columns(tuple(columns), header)
    return Table(path, hashlib.sha256(data).hexdigest(), tuple(columns), header, rows)
