"""Where the strings of a JSON document stand in its text, so that one of them can change and every other byte stay."""

from __future__ import annotations

import bisect
import json
import re
from dataclasses import dataclass, field
from functools import cached_property

Keys = tuple[str | int, ...]
"""From the top of a document: names and, in arrays, indices."""

# Possessive: an unclosed string, which no sound document has, is read once.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]+')
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL
)
"""One character as it may be written: two escapes are one beyond the first plane."""


@dataclass(frozen=True)
class JsonString:
    """One string and its place."""

    text: str
    """What it says."""
    start: int
    """In the document's text, in characters, behind the quote that opens it."""
    token: str = field(repr=False)
    """The string as it is written, with its quotes."""

    def place(self, offset: int) -> int:
        """Return where a character of the string stands in the document, or its end."""
        return self.start + offset if self._starts is None else self._starts[offset]

    @cached_property
    def _starts(self) -> tuple[int, ...] | None:
        """Where each of its characters starts, and the end; None where it is written as it is."""
        if "\\" not in self.token:
            return None
        starts = tuple(found.start() + self.start for found in _CHARACTER.finditer(self.token[1:-1]))
        return (*starts, self.start + len(self.token) - 2)


def strings_under(text: str, top: str) -> dict[Keys, JsonString]:
    """Return the strings that are values anywhere under one key of a document that is an object.

    Args:
        text: of a document that was parsed before: what is no JSON, or has a key twice, gives anything.
        top: the key.
    """
    found: dict[Keys, JsonString] = {}
    keys: list[str | int] = []
    """Of the value that comes next."""
    awaits_key = False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark == "{":
            keys.append("")
            awaits_key = True
        elif mark == "[":
            keys.append(0)
            awaits_key = False
        elif mark in "}]":
            keys.pop()
            awaits_key = False
        elif mark == ",":
            last = keys[-1]
            awaits_key = isinstance(last, str)
            if isinstance(last, int):
                keys[-1] = last + 1
        elif mark == ":":
            awaits_key = False
        elif mark[0] == '"':
            if awaits_key:
                keys[-1] = json.loads(mark)
            elif keys and keys[0] == top:
                found[tuple(keys)] = _string(mark, token.start() + 1)
    return found


def written(text: str) -> str:
    """Return text as it stands between the quotes of a string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _string(token: str, start: int) -> JsonString:
    return JsonString(json.loads(token) if "\\" in token else token[1:-1], start, token)


class LineStarts:
    """Lines of a text, each ended by a line feed."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset, both from 1."""
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1
