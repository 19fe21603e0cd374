"""Plain text: a document a line, or one between two separators."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from gatekit.errors import GatekitError, Location
from runners.subjects.text_document import TextDocument
from runners.subjects.text_forms.encoding_fault import not_utf8
from runners.subjects.text_forms.unpacking import unpacked
from runners.subjects.text_rows import LONGEST_ROW, TextRow

CHARACTERS_PER_READ = 1 << 20


def read_plain_text(path: Path, separator: str) -> Iterator[TextDocument]:
    """Yield what stands between the separators; nothing but white space is no document.

    Raises:
        GatekitError: `table.encoding`, `table.long`, at the line; or as `unpacked`.
    """
    left, line = "", 1
    try:
        with unpacked(path) as stream:
            characters = io.TextIOWrapper(stream, encoding="utf-8-sig", newline=None)
            while True:
                read = characters.read(CHARACTERS_PER_READ)
                *whole, left = (left + read).split(separator)
                for text in whole if read else [*whole, left]:
                    if text.strip():
                        yield TextDocument(text, TextRow(Location(str(path), line), "", {}))
                    line += text.count("\n") + separator.count("\n")
                if not read:
                    return
                if len(left) > LONGEST_ROW:
                    message = f"no separator in {LONGEST_ROW:,} characters"
                    raise GatekitError("table.long", message, Location(str(path), line))
    except UnicodeDecodeError:
        raise not_utf8(path) from None
