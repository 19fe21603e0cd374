"""Where a file stops being UTF-8."""

from __future__ import annotations

from pathlib import Path

from gatekit.errors import GatekitError, Location
from runners.subjects.text_forms.unpacking import unpacked
from runners.subjects.text_rows import LONGEST_ROW


def not_utf8(path: Path) -> GatekitError:
    """Return `table.encoding` at the first line that is not UTF-8, for which the file is read again."""
    number = 0
    with unpacked(path) as stream:
        while line := stream.readline(LONGEST_ROW):
            number += 1
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                # The place among the line's bytes, since it has no characters from here on.
                place = Location(str(path), number, error.start + 1)
                message = (
                    f"the file is not UTF-8: byte 0x{line[error.start]:02x} at place {error.start + 1} of the line"
                )
                return GatekitError("table.encoding", message, place)
    return GatekitError("table.encoding", "the file is not UTF-8", Location(str(path)))
