"""A .json file: an array of records, one object that holds such an array, or JSON lines under that name.

An array is read record by record, so that it may be as long as JSON lines. Which of the three a file is shows in its
first line; an object with several arrays of records is none of them, since any could be meant.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from gatekit.errors import GatekitError, Location
from runners.subjects.text_forms.encoding_fault import not_utf8
from runners.subjects.text_forms.json_lines import read_json_lines
from runners.subjects.text_forms.unpacking import unpacked
from runners.subjects.text_rows import LONGEST_ROW, TextRow, kind_of

LARGEST_OBJECT = 1 << 27
"""Characters of one object that holds all records, which is read whole."""

_CHARACTERS_PER_READ = 1 << 20
_WHITE = " \t\n\r"


def read_json_values(path: Path) -> Iterator[TextRow]:
    """Yield the records of a file.

    Raises:
        GatekitError: `table.json`, `table.encoding`, at the line of the record; or as `unpacked`.
    """
    try:
        with unpacked(path) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8-sig")
            window = _Window(text, path)
            first = window.next_sign()
            if first == "[":
                yield from _records_of_array(window)
                return
            if first and first != "{":
                raise window.error("neither an array of objects nor an object")
            if first and not window.first_line_is_object():
                yield from _records_of_object(window)
                return
    except UnicodeDecodeError:
        raise not_utf8(path) from None
    yield from read_json_lines(path)


class _Window:
    """What was read and is not yet used, and the line that it begins at."""

    def __init__(self, text: TextIO, path: Path) -> None:
        self._text, self._path = text, path
        self._held, self._at, self._ended = "", 0, False
        self.line = 1

    def error(self, message: str, line: int | None = None) -> GatekitError:
        """Return `table.json` at a line, by default that which comes next."""
        return GatekitError("table.json", message, self.place(line or self.line))

    def place(self, line: int) -> Location:
        """Return the place of a line."""
        return Location(str(self._path), line)

    def next_sign(self) -> str:
        """Skip white space, and return the sign behind it; nothing at the end."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in _WHITE:
                self.pass_by(1)
            if self._at < len(self._held) or self._ended:
                return self._held[self._at : self._at + 1]
            self._read()

    def pass_by(self, count: int) -> None:
        """Leave characters behind."""
        self.line += self._held.count("\n", self._at, self._at + count)
        self._at += count

    def first_line_is_object(self) -> bool:
        """Say whether what comes next is one line with an object, and another line behind it."""
        while (end := self._held.find("\n", self._at)) < 0 and not self._ended and self._ahead() <= LONGEST_ROW:
            self._read()
        try:
            alone = isinstance(json.loads(self._held[self._at : end if end >= 0 else None]), dict)
        except (ValueError, RecursionError):
            return False
        while end >= 0 and not self._held[end:].strip(_WHITE) and not self._ended:
            self._read()
        return alone and end >= 0 and bool(self._held[end:].strip(_WHITE))

    def value(self, longest: int) -> object:
        """Return the JSON value that comes next.

        Args:
            longest: characters that it may have.
        """
        decoder = json.JSONDecoder()
        while True:
            try:
                found, end = decoder.raw_decode(self._held, self._at)
            except json.JSONDecodeError as error:
                if self._ended:
                    line = self.line + self._held.count("\n", self._at, error.pos)
                    raise self.error(f"not JSON: {error.msg}", line) from None
                if self._ahead() > longest:
                    raise self.error(f"no JSON value ends within {longest:,} characters") from None
                self._read()
            except (ValueError, RecursionError) as error:
                raise self.error(f"not JSON that can be read: {error}") from None
            else:
                self.pass_by(end - self._at)
                return found

    def _ahead(self) -> int:
        return len(self._held) - self._at

    def _read(self) -> None:
        # Twice as much each time, so that a long value is not parsed from its beginning again and again.
        read = self._text.read(max(_CHARACTERS_PER_READ, self._ahead()))
        self._held, self._at, self._ended = self._held[self._at :] + read, 0, not read


def _records_of_array(window: _Window) -> Iterator[TextRow]:
    window.pass_by(1)
    if window.next_sign() == "]":
        window.pass_by(1)
    else:
        while True:
            sign, line = window.next_sign(), window.line
            record = window.value(LONGEST_ROW) if sign else None
            if not isinstance(record, dict):
                raise window.error(f"a record is an object, this one is {kind_of(record)}", line)
            yield TextRow(window.place(line), "", record)
            sign = window.next_sign()
            if sign not in (",", "]"):
                raise window.error("the array of records does not end" if not sign else "no comma between two records")
            window.pass_by(1)
            if sign == "]":
                break
    if window.next_sign():
        raise window.error("something stands behind the array of records")


def _records_of_object(window: _Window) -> Iterator[TextRow]:
    line = window.line
    whole = window.value(LARGEST_OBJECT)
    assert isinstance(whole, dict)
    if window.next_sign():
        raise window.error("something stands behind the object")
    lists = [name for name, value in whole.items() if _are_records(value)]
    if len(lists) > 1:
        message = f"an object with several arrays of records: {', '.join(lists[:8])}"
        raise GatekitError("table.json", message, window.place(line), f"jq '.{lists[0]}' writes one of them alone")
    if not lists:
        yield TextRow(window.place(line), "", whole)
        return
    for number, record in enumerate(whole[lists[0]]):
        yield TextRow(window.place(line), f"{lists[0]}[{number}]: ", record)


def _are_records(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)
