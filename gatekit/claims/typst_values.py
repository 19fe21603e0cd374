"""gatekit-values.typ: what `gatekit claims sync` writes for Typst documents.

One line per entry of a dictionary of strings, which Typst shows as they are; a number stands in quotes of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from gatekit.claims.entries import NamedEntry
from gatekit.claims.prose import SLOT
from gatekit.claims.written_line import WrittenLine

NAME = "gatekit-values.typ"

_HEAD = """\
// Written by `gatekit claims sync` from claims.yaml and its evidence. Do not edit it: `gatekit claims check`
// compares every byte. The first line of a document is
// #import "gatekit-values.typ": gatekit-claim, gatekit-value, gatekit-literal
#let gatekit-entries = (
"""
_FOOT = """\
)
#let gatekit-claim(id) = gatekit-entries.at("claim-" + id)
#let gatekit-value(name) = gatekit-entries.at("value-" + name)
#let gatekit-literal(body) = body
"""

_CHARACTERS = str.maketrans({"\\": "\\\\", '"': '\\"', SLOT: f'" + "{SLOT}" + "'})
NUMBER = "[0-9.,e%+\u2212]{0,200}"
"""A printed number in the file, as a regular expression."""


def lines(entries: Iterable[NamedEntry]) -> list[WrittenLine]:
    """Return the file line by line; entries with a problem are left out."""
    found = [WrittenLine(line, ()) for line in _HEAD.splitlines()]
    for entry in entries:
        if entry.problem is None:
            template = f'  "{entry.kind}-{entry.name}": "{entry.words.translate(_CHARACTERS)}",'
            numbers = tuple(number.printed.replace("-", "\u2212") for number in entry.numbers)
            found.append(WrittenLine(template, numbers))
    return found + [WrittenLine(line, ()) for line in _FOOT.splitlines()]


def plain_number(written: str) -> str:
    """Return a number of the file as the evidence prints it."""
    return written.replace("\u2212", "-")
