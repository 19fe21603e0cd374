"""JSON lines: an object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from gatekit.errors import GatekitError, Location
from runners.subjects.text_forms.unpacking import unpacked
from runners.subjects.text_rows import LONGEST_ROW, TextRow, kind_of


def read_json_lines(path: Path) -> Iterator[TextRow]:
    """Yield one row a line, with all that it holds; blank lines are no rows.

    Raises:
        GatekitError: `table.file`, `table.json`, `table.encoding`, at the line; or as `unpacked`.
    """
    with unpacked(path) as stream:
        number = 0
        while line := stream.readline(LONGEST_ROW + 1):
            number += 1
            if line.isspace() and len(line) <= LONGEST_ROW:
                continue
            place = Location(str(path), number)
            if len(line) > LONGEST_ROW:
                raise GatekitError("table.long", f"the line is longer than {LONGEST_ROW:,} bytes", place)
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
                raise GatekitError("table.json", f"a line is an object, this one is {kind_of(values)}", place)
            yield TextRow(place, "", values)
