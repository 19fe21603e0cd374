"""The text of a document and the places in it."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence

from gatekit.errors import GatekitError, Location

LINE_END = re.compile(r"\r\n|\n|\r")


class DocumentText:
    """A document's text with its line starts.

    Args:
        path: of the document.
        text: all of it, or of one part of it.
        part: what people find the part by; None where the text is the whole file.
        lines: line and column in the file where each line of the part starts.
    """

    def __init__(self, path: str, text: str, part: str | None = None, lines: Sequence[tuple[int, int]] = ()) -> None:
        self.path = path
        self._part = part
        self._places = lines
        self.text = text
        self._starts = [0, *(found.end() for found in LINE_END.finditer(text))]
        self._lines: dict[int, str] = {}
        """Lines that were quoted: a line with thousands of findings is kept once."""

    @property
    def is_part(self) -> bool:
        """Whether the text is a part of the file."""
        return self._part is not None

    def location(self, offset: int) -> Location:
        """Return line and column, both from 1, of an offset, with the line that errors quote."""
        line = bisect.bisect_right(self._starts, offset)
        start = self._starts[line - 1]
        if line not in self._lines:
            end = self._starts[line] if line < len(self._starts) else len(self.text)
            self._lines[line] = self.text[start:end].rstrip("\r\n")
        column, quoted = offset - start + 1, self._lines[line]
        if self._part is None:
            return Location(self.path, line, column, source_line=quoted)
        place, first = self._places[line - 1]
        return Location(self.path, place, first + column - 1, source_line=quoted, part=f"{self._part}, line {line}")

    def line(self, number: int) -> str:
        """Return a line, counted from 0, without its end; nothing behind the last."""
        return self.text[self.start_of_line(number) : self.start_of_line(number + 1)].rstrip("\r\n")

    def start_of_line(self, line: int) -> int:
        """Return where a line starts, counted from 0; the end of the text for those behind it."""
        return self._starts[line] if line < len(self._starts) else len(self.text)

    def next_line(self, offset: int) -> int:
        """Return where the line behind that of an offset starts."""
        return self.start_of_line(bisect.bisect_right(self._starts, offset))

    def refusal(self, error_id: str, message: str, offset: int, remedy: str | None = None) -> GatekitError:
        """Return (not raise) the error `claims.ERROR_ID` at an offset."""
        return GatekitError(f"claims.{error_id}", message, self.location(offset), remedy)
