"""Registered sentences in text of any kind, marked up in whatever way: which of them it says, and with which numbers.

Nothing is parsed here. What a reader of reStructuredText, HTML, MDX or a notebook's JSON sees is taken to be the
letters and digits of its source, without tags, comments, escapes and marks. That finds a sentence that was carried into
a format which nothing reads; one that was reworded is another sentence.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gatekit.claims.beside import makes_another
from gatekit.claims.entries import registered_words
from gatekit.claims.html_text import EDGES
from gatekit.claims.model import BADGE, Claim
from gatekit.claims.plain_letters import plain
from gatekit.claims.printed_number import MINUS, plain_number
from gatekit.claims.prose import SLOT

_KEY = 12
"""Letters by which a sentence is found; one whose longest piece between two numbers is shorter is not looked for."""
_GAP = 40
"""Letters and digits that may stand in the place of a number."""
_SAID = 0.6
"""Share of a sentence's letters, around its numbers, that make it said."""
MOST_TRIED = 500_000
"""Places that begin like a sentence, for all texts; one that is looked at closely counts as hundreds."""
_TRIES_OF_A_FIND = 200
_BESIDE = 80
"""Characters before and behind a sentence in which its first or last number, and its status, may stand."""

_TAG_OR_ESCAPE = re.compile(
    r"</?(?P<tag>[A-Za-z][A-Za-z0-9-]*+)(?:[^<>\"']|(?<==)\"[^\"]{0,100}\"|(?<==)'[^']{0,100}'|[\"'])*+>"
    r"|(?P<entity>&(?:\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{1,31});)"
    r"|\\(?:u(?P<code>[0-9A-Fa-f]{4})|x(?P<byte>[0-9A-Fa-f]{2})|U(?P<long>[0-9A-Fa-f]{8})|u\{(?P<braced>[0-9A-Fa-f]{1,6})\})"
    r"|\]\([^()\s\"']{0,300}\)|\]\[[^\[\]]{0,100}\]|\[\^[^\[\]\s]{1,50}\]|\[[0-9]{1,3}\]"  # links and notes of Markdown
    r"|\[\[[^\[\]|]{1,300}(?:\]\[|\|)|(?:link:|xref:|https?://)[^\s\[\]]{1,300}\["  # links of Org, wikis, AsciiDoc
    r"|\{%[^{}%]{0,100}%\}"
    r"|\\(?:text[a-z]{2,8}|emph|underline|math[a-z]{2,8}|[mh]box|ensuremath|num|noindent)\b"
    r"|(?P<times>\\(?:times|cdot|div)(?![A-Za-z]))"
    r"|\\[nrt]"
)
_TAG_WITH_ATTRIBUTE = re.compile(r"<[A-Za-z][A-Za-z0-9]*\b[^<>=]{0,500}=[^<>]{12,2000}>")
_COMMAND = re.compile(
    r"\\[A-Za-z]{1,20}\*?(?:\[[^\[\]]{0,50}\])?|\]\([^()\"']{0,300}(?:\"[^\"]{0,200}\"|'[^']{0,200}')\)"
)
"""What else may be a command of TeX or RTF, or the title of a link."""
_NO_LETTER = re.compile(r"[\W_]+")
_LETTERS = re.compile(r"[^\W_]+")
_NUMBER = re.compile(
    r"[+\-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})(?![0-9,])|0,[0-9]+"  # a decimal comma
    r"|[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|(?<!\w)\.[0-9]+)(?:[eE][+\-]?[0-9]{1,3})?(?:\s?\\?[%‰])?"
)
_DECIMAL_COMMA = re.compile(r"[+\-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+,|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})(?![0-9,])|0,)")
_LEFT_OVER = re.compile(
    r"[^\W_]|[%‰+<\u2264\u2265\u221a-\u221c\u00ac^\u00b0\u00d7\U0001f51f\U0001f4af]|[-\u2010-\u2015\u2212]\s*(?:\0|\Z)"
)
"""Beside the numbers between two pieces of a sentence, what makes other words or numbers of it."""
_MARKS = "$*_`~\"'"
"""Beside a number, markup that is no part of it."""
_IN_WORDS = re.compile(
    r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-[a-z]+)?|hundred|half|thirds?|quarters?|per[ ]?cent"
    r"|[ivxlcdm]{2,})\W*\Z"
    r"|[一二三四五六七八九十百]\s*\Z",
    re.IGNORECASE,
)
"""A number before a sentence in words, Roman or Chinese numerals."""
_OTHER_BEFORE = re.compile(r"[<\u2264\u2265]\s*\Z|\bnot\s+\Z", re.IGNORECASE)
_OTHER_BEHIND = re.compile(r"\s*(?:(?:to|or|bis)\s|[-\u2010-\u2015\u2212\u00b1/])?\s*[+\-]?[0-9]+[.,\u2044][0-9]")
_ENDS = re.compile(r"[.!?;](?:\s|\Z)|\n\s*\n")


@dataclass(frozen=True)
class Saying:
    """One place where a text says a registered sentence."""

    claim: Claim
    offset: int
    """In the text, of the first letter that was found."""
    numbers: tuple[str | None, ...]
    """What stands in the place of each of its numbers; None where there is none, or it was not found."""
    is_exact: bool
    """Whether between its words there are its numbers and nothing else."""
    shows_status: bool
    """Whether the words for the claim's status stand before it."""

    def shows(self, printed: Sequence[str]) -> bool:
        """Whether the numbers that it has are these, as documents print them; rounding makes no other number."""
        pairs = zip(self.numbers, printed, strict=False)
        return self.is_exact and all(number is None or _is_same(number, other) for number, other in pairs)


@dataclass(frozen=True)
class _Sentence:
    claim: Claim
    pieces: tuple[str, ...]
    """Letters before, between and behind its numbers."""
    anchor: int
    """The longest piece."""


class SentenceSearch:
    """Looks for the sentences of some claims in texts, until it has found so much that it stops."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        self._left = MOST_TRIED
        self._by_key: dict[str, list[_Sentence]] = {}
        for claim in claims:
            pieces = tuple(letters(piece) for piece in registered_words(claim).split(SLOT))
            anchor = max(range(len(pieces)), key=lambda index: len(pieces[index]))
            if len(pieces[anchor]) >= _KEY:
                self._by_key.setdefault(pieces[anchor][:_KEY], []).append(_Sentence(claim, pieces, anchor))

    @property
    def has_stopped(self) -> bool:
        """Whether there is too much to find: what `sayings` returns is not all."""
        return self._left < 0

    def sayings(self, text: str) -> list[Saying]:
        """Return each place where the text says one of the sentences: in what it shows, then in attributes of tags."""
        found = self._said(_without_markup(text))
        attributes = _in_attributes(text)
        found += self._said(attributes) if attributes is not None else []
        if _COMMAND.search(text):
            bare = _COMMAND.sub(lambda command: "\0" * len(command[0]), text)
            known = {(saying.claim.id, saying.offset) for saying in found}
            found += [s for s in self._said(_without_markup(bare)) if (s.claim.id, s.offset) not in known]
        return found

    def _said(self, text: str) -> list[Saying]:
        keys = self._by_key
        shown = plain(text)
        run = _NO_LETTER.sub("", shown.text.lower())
        starts = [at for at in range(len(run) - _KEY + 1) if run[at : at + _KEY] in keys]
        if not starts:
            return []
        words = _Words(run, _places(shown.text), shown.text)
        found: list[Saying] = []
        for at in starts:
            for sentence in keys[run[at : at + _KEY]]:
                self._left -= 1
                if self.has_stopped:
                    return found
                if run.startswith(sentence.pieces[sentence.anchor], at):
                    self._left -= _TRIES_OF_A_FIND
                    saying = words.saying(sentence, at, shown.place)
                    found += [saying] if saying is not None else []
        return found


def letters(text: str) -> str:
    """Return the letters and digits of a text, of every script as those that they look like, in lower case."""
    return _NO_LETTER.sub("", plain(text).text.lower())


def _places(text: str) -> list[int]:
    """Return where in a text each letter of its run stands."""
    lower = text.lower()
    if len(lower) == len(text):
        return [at for word in _LETTERS.finditer(lower) for at in range(word.start(), word.end())]
    return [at for at, one in enumerate(text) for letter in one.lower() if _LETTERS.match(letter)]


@dataclass(frozen=True)
class _Words:
    """A text, and the run of its letters."""

    run: str
    places: Sequence[int]
    """Of each letter, in the text."""
    text: str

    def saying(self, sentence: _Sentence, at: int, place: Callable[[int], int]) -> Saying | None:
        """Return what is said where a sentence's longest piece stands; None where too little of it stands around."""
        pieces = sentence.pieces
        end = at + len(pieces[sentence.anchor])
        left, start, covered_left = self._gaps(pieces[: sentence.anchor][::-1], at, -1)
        right, end, covered_right = self._gaps(pieces[sentence.anchor + 1 :], end, +1)
        covered = covered_left + covered_right + len(pieces[sentence.anchor])
        if covered < _SAID * sum(map(len, pieces)):
            return None
        gaps = [*left[::-1], *right]
        before = self.text[max(0, self.places[start] - _BESIDE) : self.places[start]]
        return Saying(
            sentence.claim,
            place(self.places[start]),
            tuple(number for numbers, _ in gaps for number in numbers),
            all(exact for _, exact in gaps),
            letters(before).endswith(letters(BADGE[sentence.claim.status])),
        )

    def _gaps(
        self, pieces: Sequence[str], edge: int, step: int
    ) -> tuple[list[tuple[list[str | None], bool]], int, int]:
        """Return what stands in each gap from an edge of the longest piece on, where that ends, and letters covered.

        Args:
            pieces: from the edge away.
            edge: place in the run.
            step: 1 to the right, -1 to the left.
        """
        found: list[tuple[list[str | None], bool]] = []
        covered = slots = 0
        for index, piece in enumerate(pieces):
            slots += 1
            if not piece:
                continue
            room = _GAP * slots + len(piece)
            if step > 0:
                at = self.run.find(piece, edge, edge + room)
            else:
                at = self.run.rfind(piece, max(0, edge - room), edge)
            if at < 0:
                rest = len(pieces) - index - 1
                numbers, exact = self._beside(edge, slots, step)
                return [*found, (_in_order([*numbers, *[None] * rest], step), exact)], edge, covered
            near, far = (edge, at) if step > 0 else (at + len(piece), edge)
            found.append(_between(self.text[self.places[near - 1] + 1 : self.places[far]], slots))
            edge = at + len(piece) if step > 0 else at
            covered += len(piece)
            slots = 0
        if slots:
            numbers, exact = self._beside(edge, slots, step)
            found.append((_in_order(numbers, step), exact))
        return found, edge, covered

    def _beside(self, edge: int, slots: int, step: int) -> tuple[list[str | None], bool]:
        """Return the numbers next to a sentence of which nothing more follows, nearest first."""
        if step > 0:
            start = self.places[edge - 1] + 1
            near = _ENDS.split(self.text[start : start + _BESIDE].replace("\0", ""), maxsplit=1)[0]
        else:
            near = _ENDS.split(self.text[max(0, self.places[edge] - _BESIDE) : self.places[edge]].replace("\0", ""))[-1]
        written = near.replace(MINUS, "-")
        numbers = list(_NUMBER.finditer(written))[::step][:slots]
        if len(numbers) < slots:
            return [None] * slots, not (_LEFT_OVER if step > 0 else _IN_WORDS).search(near)
        last = numbers[-1]
        between = _NUMBER.sub("\0", written[: last.end()] if step > 0 else written[last.start() :])
        is_exact = not _LEFT_OVER.search(between if step > 0 else between.rstrip("-")) and not _is_other(
            near, last.span(), step
        )
        return [number[0] for number in numbers], is_exact


def _is_other(text: str, number: tuple[int, int], step: int) -> bool:
    """Whether a text shows another number than that which stands at a place in it, behind it or before."""
    start, end = number
    if step > 0:
        behind = text[end:].lstrip(_MARKS)
        return _OTHER_BEHIND.match(behind) is not None or makes_another("", text[start:end], behind)
    before = text[:start].rstrip(_MARKS)
    return _OTHER_BEFORE.search(before) is not None or makes_another(before, text[start:end], "")


def _in_order(numbers: list[str | None], step: int) -> list[str | None]:
    return numbers[::step]


def _between(text: str, slots: int) -> tuple[list[str | None], bool]:
    """Return the numbers between two pieces of a sentence, and whether there is nothing else."""
    given = _plain(text)
    numbers: list[str | None] = [number[0] for number in _NUMBER.finditer(given)]
    exact = len(numbers) in (0, slots) and not _LEFT_OVER.search(_NUMBER.sub("\0", given))
    return (numbers + [None] * slots)[:slots], exact


def _plain(text: str) -> str:
    return plain_number(text.replace("\0", ""))


def _without_markup(text: str) -> str:
    """Return a text of the same length: tags, comments and commands are gone, escapes are what they stand for."""
    parts: list[str] = []
    at = 0
    while (opens := text.find("<!--", at)) >= 0 and (closes := text.find("-->", opens + 4)) >= 0:
        parts += [_TAG_OR_ESCAPE.sub(_shown, text[at:opens]), "\0" * (closes + 3 - opens)]
        at = closes + 3
    return "".join([*parts, _TAG_OR_ESCAPE.sub(_shown, text[at:])])


def _in_attributes(text: str) -> str | None:
    """Return a text of the same length that holds the attributes of tags alone, such as `alt`; None without any."""
    tags = [found.span() for found in _TAG_WITH_ATTRIBUTE.finditer(text)]
    if not tags:
        return None
    parts: list[str] = []
    at = 0
    for start, end in tags:
        parts += [" " * (start - at), text[start:end]]
        at = end
    return _TAG_OR_ESCAPE.sub(lambda found: _shown(found) if found["entity"] else found[0], "".join(parts))


def _shown(found: re.Match[str]) -> str:
    given = found[0]
    if found["entity"]:
        meant = html.unescape(given)
        return meant.ljust(len(given), "\0") if len(meant) <= len(given) else given
    if found["times"]:
        return "\u00d7".ljust(len(given), "\0")
    code = found["code"] or found["byte"] or found["long"] or found["braced"]
    if code:
        meant = chr(int(code, 16)) if int(code, 16) < 0x110000 else "\0"
        return (meant if meant.isprintable() else "\0").ljust(len(given), "\0")
    apart = given in ("\\n", "\\r", "\\t") or (found["tag"] or "").lower() in EDGES
    return (" " if apart else "\0") * len(given)


def _is_same(number: str, printed: str) -> bool:
    shown, other = _value(number), _value(printed)
    if shown is None or other is None:
        return number == plain_number(printed)
    (value, unit), (exact, other_unit) = shown, other
    places = -int(value.as_tuple().exponent)
    # A tie is rounded to either side: what is printed may be rounded itself.
    is_rounded = places > 0 and 2 * abs(value - exact) <= Decimal((0, (1,), -places))
    return unit == other_unit and (value == exact or is_rounded)


def _value(text: str) -> tuple[Decimal, str] | None:
    """Return a number and the sign behind it; None for what is none."""
    found = _NUMBER.match(plain_number(text))
    if found is None:
        return None
    bare = found[0].rstrip("\\%‰ ")
    if _DECIMAL_COMMA.match(bare):
        bare = bare.replace(".", "").replace(",", ".")
    bare = bare.replace(",", "")
    return Decimal(bare), found[0][len(found[0].rstrip("%‰")) :]
