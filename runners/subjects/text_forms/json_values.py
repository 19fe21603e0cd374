"""A .json file: an array of records, one object that holds such an array, or JSON lines under that name.

Records are read one by one, so that a file may be as long as one of JSON lines. Which of the three it is shows in its
first line; an object with several arrays of records is none of them, since any could be meant: it is read twice.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from gatekit.errors import GatekitError, Location
from runners.subjects.text_forms.encoding_fault import not_utf8
from runners.subjects.text_forms.json_lines import read_json_lines
from runners.subjects.text_forms.unpacking import unpacked
from runners.subjects.text_rows import LONGEST_ROW, TextRow, kind_of

_CHARACTERS_PER_READ = 1 << 20
_WHITE = " \t\n\r"


def read_json_values(path: Path) -> Iterator[TextRow]:
    """Yield the records of a file.

    Raises:
        GatekitError: `table.json`, `table.encoding`, at the line of the record; or as `unpacked`.
    """
    try:
        with _window(path) as window:
            first = window.next_sign()
            if first == "[":
                yield from _records_of_array(window)
                window.end("the array of records")
                return
            if first and first != "{":
                raise window.error("neither an array of objects nor an object")
            in_lines = not first or window.first_line_is_object()
        if in_lines:
            yield from read_json_lines(path)
            return
        with _window(path) as window:
            found = list(dict.fromkeys(row.words for row in _records_of_object(window)))
            if len(found) > 1:
                message = f"an object with several arrays of records: {', '.join(found[:8])}"
                raise GatekitError("table.json", message, window.place(1), f"jq '.{found[0]}' writes one of them alone")
        with _window(path) as window:
            for row in _records_of_object(window):
                yield replace(row, words=f"{row.words}: ")
    except UnicodeDecodeError:
        raise not_utf8(path) from None


@contextmanager
def _window(path: Path) -> Iterator[_Window]:
    with unpacked(path) as stream:
        yield _Window(io.TextIOWrapper(stream, encoding="utf-8-sig"), path)


class _Window:
    """What was read and is not yet used, and the line that it begins at."""

    def __init__(self, text: TextIO, path: Path) -> None:
        self._text, self._path = text, path
        self._held, self._at, self._ended = "", 0, False
        self.line = 1

    def error(self, message: str, line: int | None = None, remedy: str | None = None) -> GatekitError:
        """Return `table.json` at a line, by default that which comes next."""
        return GatekitError("table.json", message, self.place(line or self.line), remedy)

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

    def sign_within(self) -> str:
        """Return the sign behind the next one and white space, and leave neither behind."""
        at = self._at + 1
        while True:
            while at < len(self._held) and self._held[at] in _WHITE:
                at += 1
            if at < len(self._held) or self._ended:
                return self._held[at : at + 1]
            at -= self._at
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

    def end(self, what: str) -> None:
        """Refuse anything but white space behind what was read."""
        if self.next_sign():
            raise self.error(f"something stands behind {what}")

    def value(self) -> object:
        """Return the JSON value that comes next, of at most `LONGEST_ROW` characters or a little more."""
        decoder = json.JSONDecoder()
        while True:
            try:
                found, end = decoder.raw_decode(self._held, self._at)
            except json.JSONDecodeError as error:
                if self._ended:
                    line = self.line + self._held.count("\n", self._at, error.pos)
                    raise self.error(f"not JSON: {error.msg}", line) from None
                if self._ahead() > LONGEST_ROW:
                    raise self.error(f"no JSON value ends within {LONGEST_ROW:,} characters") from None
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
    """Yield the records of the array that comes next, and leave it behind."""
    window.pass_by(1)
    sign = "," if window.next_sign() != "]" else ""
    while sign == ",":
        line = window.line if window.next_sign() else None
        record = window.value() if line is not None else None
        if not isinstance(record, dict):
            remedy = "jq -c '.[] | {text: .}' writes objects" if isinstance(record, str) else None
            raise window.error(f"a record is an object, this one is {kind_of(record)}", line, remedy)
        yield TextRow(window.place(line or 1), "", record)
        sign = window.next_sign()
        if sign not in (",", "]"):
            raise window.error("the array of records does not end" if not sign else "no comma between two records")
        window.pass_by(sign == ",")
    window.pass_by(1)


def _records_of_object(window: _Window) -> Iterator[TextRow]:
    """Yield the records of every array of objects among an object's values, with its name as their `words`.

    An object without one is itself a record.
    """
    window.next_sign()
    held: dict[str, object] = {}
    line, found = window.line, False
    window.pass_by(1)
    sign = "," if window.next_sign() != "}" else ""
    while sign == ",":
        name = window.value() if window.next_sign() == '"' else None
        if name is None or window.next_sign() != ":":
            raise window.error("not JSON: no name and colon in an object")
        window.pass_by(1)
        if window.next_sign() == "[" and window.sign_within() == "{":
            for row in _records_of_array(window):
                found = True
                yield replace(row, words=str(name))
        else:
            held[str(name)] = window.value()
        sign = window.next_sign()
        if sign not in (",", "}"):
            raise window.error("the object does not end" if not sign else "no comma between two values of an object")
        window.pass_by(sign == ",")
    window.pass_by(1)
    window.end("the object")
    if not found:
        yield TextRow(window.place(line), "the only object", held)
