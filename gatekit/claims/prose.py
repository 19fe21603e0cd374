"""What a reader of a document sees, in order, and which place of the source each part comes from.

A reader (Markdown, LaTeX) turns a document into pieces. What a sentence says, whether a number stands alone and what
the scans look at are all taken from these pieces, so that nothing is judged that is not shown and nothing is shown
that is not judged.
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

PieceKind = Literal["text", "code", "edge", "mark", "picture", "marker", "doubt", "extra"]

SLOT = "\ue000"
"""Stands for a bound number in a sentence: no document can hold it, so prose that says `{}` is not a bound number."""
OPENING, CLOSING = "\ue001", "\ue002"
"""Around the number of a marker, while a document is parsed."""
HEADING, EDGE = "\ue003", "\ue004"
"""Where a heading starts; where a block, a cell or a line ends."""
PICTURE = "\ufffc"
"""Stands for a picture: one that touches a number may show a sign or a digit."""
RESERVED = f"{SLOT}-{EDGE}"
"""For a character class: none of them may stand in a document."""


@dataclass(frozen=True)
class Piece:
    """One part of what is shown.

    `text` is text, also a line end; `code` is text in a code span or block; `edge` ends a block, a cell or a line;
    `mark` is shown as nothing or strikes out, but may not stand in a sentence; nor may `picture`, an end of what is
    drawn; `marker` is one of ours; `doubt` is text that some renderers show and others hide; `extra` repeats text as
    other renderers show it.
    """

    kind: PieceKind
    text: str
    offset: int
    """In the source, of the start; of what stands written otherwise there, of the nearest known place before."""


@dataclass(frozen=True)
class Prose:
    """Text with the place in the source of each of its runs."""

    text: str
    starts: tuple[int, ...]
    """Where each run starts in the text."""
    offsets: tuple[int, ...]
    """Where it starts in the source."""

    def offset(self, at: int) -> int:
        """Return the place in the source of a place in the text."""
        run = bisect.bisect_right(self.starts, at) - 1
        return self.offsets[run] + at - self.starts[run] if run >= 0 else 0


def prose(pieces: Sequence[Piece], answered: Sequence[tuple[int, int]]) -> Prose:
    """Return the text that a scan looks at.

    Args:
        pieces: of a document.
        answered: first and last piece of what is left out, because the registry or the evidence answers for it.
    """
    left_out = bytearray(len(pieces))
    for first, last in answered:
        left_out[first : last + 1] = b"\1" * (last + 1 - first)
    parts: list[str] = []
    starts: list[int] = []
    offsets: list[int] = []
    joined: list[tuple[str, int]] = []
    length = 0
    for index, piece in enumerate(pieces):
        if left_out[index]:
            # One space for the whole of it: two numbers with something between do not become one.
            text = "" if index and left_out[index - 1] else " "
        elif piece.kind == "code":
            text = " "
            around = _number_around(pieces, index)
            if around:
                joined.append((around, piece.offset))
        elif piece.kind in ("text", "edge"):
            text = piece.text
        elif piece.kind in ("doubt", "extra"):
            text = f" {piece.text} "
        else:
            text = ""
        if text:
            starts.append(length)
            offsets.append(piece.offset)
            parts.append(text)
            length += len(text)
    for text, offset in joined:
        starts.append(length + 1)
        offsets.append(offset)
        parts += ["\n", text]
        length += len(text) + 1
    return Prose("".join(parts), tuple(starts), tuple(offsets))


_NUMBER_END, _NUMBER_START = re.compile(r"[0-9][0-9.,]{0,40}\Z"), re.compile(r"[.,]?[0-9][0-9.,]{0,40}")


def _number_around(pieces: Sequence[Piece], index: int) -> str:
    """Return the number of which a code span is a part, as in 0.`9`9; nothing where it is none."""
    before = pieces[index - 1] if index else None
    after = pieces[index + 1] if index + 1 < len(pieces) else None
    left = _NUMBER_END.search(before.text[-42:]) if before is not None and before.kind == "text" else None
    right = _NUMBER_START.match(after.text) if after is not None and after.kind == "text" else None
    if left is None and right is None:
        return ""
    return (left[0] if left else "") + pieces[index].text + (right[0] if right else "")


def words(pieces: Sequence[Piece], slots: Sequence[tuple[int, int]] = ()) -> str:
    """Return the words of a passage with single spaces, `SLOT` for each bound number.

    Marks stay in it as they were written, since they could hide or strike out a word.

    Args:
        pieces: of the passage.
        slots: first and last piece of each bound number, in order.
    """
    parts: list[str] = []
    at = 0
    for first, last in slots:
        parts += [_word(piece) for piece in pieces[at:first]]
        parts.append(SLOT)
        at = last + 1
    parts += [_word(piece) for piece in pieces[at:]]
    return " ".join("".join(parts).split())


def _word(piece: Piece) -> str:
    if piece.kind in ("marker", "extra"):
        return ""
    return " " if piece.kind == "edge" else piece.text


def joined_by_doubt(pieces: Sequence[Piece]) -> list[int]:
    """Return the places in the source where hiding what is in doubt, or showing it, makes one number or word of two."""
    found: list[int] = []
    waiting: int | None = None
    last = shown = "\n"
    for piece in pieces:
        if piece.kind == "doubt":
            if waiting is None and _joins(last):
                waiting = piece.offset
            if piece.text and _joins(shown) and _joins(piece.text[0]):
                found.append(piece.offset)
            shown = piece.text[-1:] or shown
        text = visible(piece)
        if not text:
            continue
        if (waiting is not None and _joins(text[0])) or (shown != last and _joins(shown) and _joins(text[0])):
            found.append(piece.offset if waiting is None else waiting)
        waiting = None
        last = shown = text[-1]
    return found


def _joins(character: str) -> bool:
    return is_letter(character) or character in ".,+-\u2212"


def is_letter(character: str) -> bool:
    """Whether a character is a letter, a digit, a mark, or drawn like one of them: a picture of a nine is one."""
    category = unicodedata.category(character)
    return character not in (SLOT, PICTURE) and (category[0] in "LNM" or category == "So")


def visible(piece: Piece) -> str:
    """Return what of a piece is seen: no marks, and no characters that take no room."""
    if piece.kind == "edge":
        return EDGE
    if piece.kind == "picture":
        return PICTURE
    if piece.kind not in ("text", "code"):  # what is in doubt may be hidden
        return ""
    if piece.text.isascii():
        return piece.text
    return "".join(c for c in piece.text if unicodedata.category(c) != "Cf" and c not in _INVISIBLE)


_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Drawn as nothing, although Unicode files them elsewhere."""
