"""Text as a reader takes it: letters and digits of every script and width that look like Latin ones, as those.

A pattern that looks for `0.99` or `outperforms` must find them in full width, in mathematical bold, with characters of
no width in them and in letters of other scripts. Unicode's compatibility forms say most of that; the letters that only
look alike are listed here.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

_LOOK_ALIKE = {
    **dict(zip("аеорсухіјѕԁԛԝһкмтвнгпӏ", "aeopcyxijsdqwhkmtbhrnl", strict=True)),  # Cyrillic
    **dict(zip("АЕОРСУХІЈЅКМТВНԀԚԜӀ", "AEOPCYXIJSKMTBHDQWI", strict=True)),  # Cyrillic
    **dict(zip("ονρτικυασεηω", "ovptikuaoenw", strict=True)),  # Greek
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),  # Greek
    **dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True)),  # small capitals
    **dict(zip("ıȷɑɡℓꞵօոսցա", "ijaglbonuqw", strict=True)),  # dotless, script, Armenian
    "\u066a": "%",
    "\u2010": "-",
    "\u2011": "-",
    "\u2024": ".",
}
"""A character, and the ASCII one that it looks like; beside those of which Unicode's compatibility forms say so."""
_POINT_BETWEEN_DIGITS = re.compile("(?<=[0-9])[\u00b7\u066b\u2027\u2219\u22c5\u3002\uff61\u2022\u30fb](?=[0-9])")
"""What is a decimal point where it stands between two digits."""
_MOST_LETTERS = 5
"""Of one character, so that no text becomes many times as long. Two Arabic words in one sign have 8 and 18."""
_DRAWN = {
    name: str(value)
    for value, name in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))
} | {"keycap_ten": "10", "100": "100", "heavy_minus_sign": "-", "heavy_plus_sign": "+"}
"""Short codes of pictures that GitHub draws for a digit or sign, without their colons."""
_DRAWN_DIGIT = re.compile(f":({'|'.join(_DRAWN)}):")
_NOT_DRAWN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


@dataclass(frozen=True)
class PlainText:
    """A text in plain letters, and where each of its characters stands in the text that it was made of."""

    text: str
    places: Sequence[int] | None
    """None where they are the same."""

    def place(self, at: int) -> int:
        """Return the place in the original of a place in the text."""
        return at if self.places is None else self.places[at]


def plain(text: str) -> PlainText:
    """Return a text whose letters and digits are the ASCII ones that they look like, without what is not drawn."""
    drawn = {found.start(): found for found in _DRAWN_DIGIT.finditer(text)}
    if text.isascii() and not drawn:
        return PlainText(text, None)
    parts: list[str] = []
    # Numbers of their own would take more than the text.
    places = array("I")
    behind = 0
    for place, character in enumerate(text):
        if place < behind:
            continue
        letters = _letters(character)
        if place in drawn:
            letters = _DRAWN[drawn[place][1]]
            behind = drawn[place].end()
        parts.append(letters)
        for _ in letters:
            places.append(place)
    return PlainText(_POINT_BETWEEN_DIGITS.sub(".", "".join(parts)), places)


@cache
def _letters(character: str) -> str:
    """Return what one character looks like; nothing where it is not drawn by itself."""
    if character.isascii():
        return character
    if character in _LOOK_ALIKE:
        return _LOOK_ALIKE[character]
    if character in _NOT_DRAWN or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return ""
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    if unicodedata.category(character)[0] not in "LNPS":
        return character  # a space keeps its own width, which patterns know
    forms = unicodedata.normalize("NFKD", character)
    if forms == character:
        return character
    visible = [one for one in forms if unicodedata.category(one) not in ("Mn", "Me")]
    return "".join(_LOOK_ALIKE.get(one, one) for one in visible)[:_MOST_LETTERS]
