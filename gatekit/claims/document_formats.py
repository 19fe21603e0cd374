"""Formats of documents that hold Markdown within something else, as a notebook does: the contract, and who brings one.

A format takes a file apart into parts and puts synced numbers back; what the parts show is read here, as of any other
document. Packages add formats through the entry point group `gatekit.document_formats`, by the suffix that they read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, Literal, Protocol, TypeVar, get_args

from gatekit import plugins
from gatekit.claims.document_text import LINE_END
from gatekit.errors import GatekitError, Location, without_frames

GROUP = "gatekit.document_formats"
WHAT = "format"

MAX_FILE = 8 << 20
"""Bytes of one file; most of a notebook are pictures."""
MAX_TEXT = 600 << 10
"""Bytes of the parts of all such documents of one folder or commit together."""
MOST_LINES = 40_000
"""Lines of all documents of one folder or commit, and of the parts of those in such formats: what begins a block costs
a hundred times what a word costs. 600 KB of text have some 8,000."""
MOST_BRACKETS = 20_000
"""Opening square brackets of all of them; a document alone may have half."""
MOST_PARTS = 4000
"""Parts of one document; a long notebook has 300 cells."""
LONGEST_NAME = 100

PartKind = Literal["markdown", "printed_markdown", "html", "text", "code"]
"""`markdown` may bind; all others bind nothing. What is printed, `html` and `text` are shown to a reader, and so are
looked at by the scans; `code` is not."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class DocumentPart:
    """One run of text of a document, as it is shown or run."""

    name: str
    """What people find it by: `cell 3`."""
    kind: PartKind
    text: str
    lines: tuple[tuple[int, int], ...]
    """Line and column in the file, both from 1, where each line of the text starts."""


@dataclass(frozen=True)
class PartEdit:
    """New text for a run of one part."""

    part: int
    """Its index among the parts of the document."""
    start: int
    """Of the run in the part's text, in characters."""
    end: int
    text: str


class DocumentFormat(Protocol):
    """What an entry point of the group names: a module or an object with these two functions.

    Neither reads a clock, another file or the environment: the same bytes give the same parts on every machine.
    """

    def split(self, data: bytes, name: str) -> Sequence[DocumentPart]:
        """Return everything in the file that a reader sees, and its code; raise GatekitError rather than guess.

        Args:
            data: the file's bytes, UTF-8.
            name: its path, for errors.
        """
        ...

    def put_back(self, data: bytes, name: str, edits: Sequence[PartEdit]) -> bytes:
        """Return the file with these edits, which do not overlap, and every other byte as it was."""
        ...


@dataclass(frozen=True)
class UsableFormat:
    """A format that was loaded; what it gives is checked before anything is made of it."""

    shown: str
    """What it is called in errors, with whose it is."""
    loaded: DocumentFormat

    def split(self, data: bytes, name: str) -> tuple[DocumentPart, ...]:
        """Return the parts of a document.

        Raises:
            GatekitError: what the format refuses; `format.fails`: it raises anything else; `format.parts`: what it
                gives are no parts, or none; `document.too_many_parts`.
        """
        found: Any = self._called(lambda: list(islice(self.loaded.split(data, name), MOST_PARTS + 1)), name)
        if len(found) > MOST_PARTS:
            raise GatekitError(
                "document.too_many_parts", f"the document has more than {MOST_PARTS} parts", Location(name)
            )
        if not found:
            remedy = "take the file out of rules.documents"
            raise GatekitError("format.parts", f"{self.shown} finds nothing to read", Location(name), remedy)
        for part in found:
            problem = _problem(part)
            if problem is not None:
                raise GatekitError("format.parts", f"{self.shown} gives {problem}", Location(name))
        return tuple(found)

    def put_back(self, data: bytes, name: str, edits: Sequence[PartEdit]) -> bytes:
        """Return the file with the edits, after reading it again: each part is as it was but for its edits.

        Raises:
            GatekitError: as `split`, and `format.put_back`: the file does not say what it should.
        """
        if not edits:
            return data
        parts = self.split(data, name)
        changed: Any = self._called(lambda: self.loaded.put_back(data, name, edits), name)
        if not isinstance(changed, bytes):
            raise GatekitError("format.put_back", f"{self.shown} gives no bytes", Location(name))
        wanted = [(part.kind, part.name, edited(part.text, edits, index)) for index, part in enumerate(parts)]
        if [(part.kind, part.name, part.text) for part in self.split(changed, name)] != wanted:
            message = f"{self.shown} does not put back what it is given, so the document stays as it is"
            raise GatekitError("format.put_back", message, Location(name))
        return changed

    def _called(self, call: Callable[[], Result], name: str) -> Result:
        try:
            return call()
        except GatekitError as error:
            # Whatever exit code it would like: a document that is not read is refused.
            place = error.location or Location(name)
            raise GatekitError(error.error_id, error.message, place, error.remedy) from None
        except (Exception, SystemExit) as error:
            message = f"{self.shown} fails on this document: {plugins.in_one_line(error)}"
            raise GatekitError("format.fails", message, Location(name)) from error


class FormatLookup:
    """The formats of one folder or commit, loaded when a document asks for them; counts what all documents hold."""

    def __init__(self) -> None:
        self._found: dict[str, UsableFormat | GatekitError] = {}
        self._left = MAX_TEXT
        self._lines_left = MOST_LINES
        self._brackets_left = MOST_BRACKETS

    def named(self, suffix: str) -> UsableFormat:
        """Return the format that reads a suffix.

        Args:
            suffix: with its dot.

        Raises:
            GatekitError: `format.unknown`: there is none; `format.ambiguous`, `format.unusable`, `plugin.*`: several
                packages bring it, or the one that does cannot be used.
        """
        if suffix not in self._found:
            try:
                self._found[suffix] = _load(suffix)
            except GatekitError as error:
                self._found[suffix] = without_frames(error)
        found = self._found[suffix]
        if isinstance(found, GatekitError):
            raise GatekitError(found.error_id, found.message, found.location, found.remedy)
        return found

    def count(self, parts: Iterable[DocumentPart], name: str) -> None:
        """Count the text of a document.

        Raises:
            GatekitError: `document.total_size`: with it, all together are too long.
        """
        self._left -= sum(len(part.text.encode()) for part in parts)
        if self._left < 0:
            message = f"the text of documents in formats like this one has more than {MAX_TEXT} bytes in all"
            raise GatekitError("document.total_size", message, Location(name), "clear outputs, or name fewer documents")

    def count_blocks(self, texts: Iterable[str], in_markdown: str, name: str) -> None:
        """Count what takes a parser long: the lines of a document, and the brackets of what is Markdown in it.

        Raises:
            GatekitError: `document.too_many_lines` or `document.brackets`: with it, all together have too many.
        """
        for text in texts:
            self._lines_left -= 1 + text.count("\n") + text.count("\r") - text.count("\r\n")
        self._brackets_left -= in_markdown.count("[")
        if self._lines_left < 0:
            message = f"the documents together have more than {MOST_LINES} lines"
            raise GatekitError("document.too_many_lines", message, Location(name), "name fewer documents")
        if self._brackets_left < 0:
            message = f"the documents together have more than {MOST_BRACKETS} opening brackets"
            raise GatekitError("document.brackets", message, Location(name), "name fewer documents")


def edited(text: str, edits: Iterable[PartEdit], part: int) -> str:
    """Return the text of a part with the edits of it."""
    at, pieces = 0, []
    for edit in sorted((edit for edit in edits if edit.part == part), key=lambda edit: (edit.start, edit.end)):
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def suffix_of(path: str) -> str:
    """Return the suffix of a path or pattern with its dot; empty where it has none."""
    return PurePosixPath(path).suffix


def known_suffixes() -> list[str]:
    """Return the suffixes that packages register, ours among them."""
    return [f".{name}" for name in plugins.registered(GROUP, WHAT)]


def _load(suffix: str) -> UsableFormat:
    known = plugins.registered(GROUP, WHAT)
    name = suffix.removeprefix(".")
    if name not in known:
        raise GatekitError("format.unknown", f"nothing here reads '{suffix}' documents")
    try:
        plugin = plugins.only(known[name])
        loaded: Any = plugins.load(plugin)
    except GatekitError as error:
        raise GatekitError(error.error_id, error.message, error.location, error.remedy) from None
    if not all(callable(getattr(loaded, member, None)) for member in ("split", "put_back")):
        raise GatekitError("format.unusable", f"{plugin.shown} has no functions 'split' and 'put_back'")
    return UsableFormat(plugin.shown, loaded)


def _problem(part: Any) -> str | None:
    """Return what is wrong with something that should be a part."""
    if not isinstance(part, DocumentPart):
        return f"a {type(part).__name__} as a part"
    if not isinstance(part.name, str) or not part.name.isprintable() or not 0 < len(part.name) <= LONGEST_NAME:
        return "a part without a name that can be shown"
    if part.kind not in get_args(PartKind):
        return f"'{part.name}' a kind that is not one of {', '.join(get_args(PartKind))}"
    if not isinstance(part.text, str) or not _is_unicode(part.text):
        return f"'{part.name}' no text that can be written"
    count = len(LINE_END.findall(part.text)) + 1
    if not isinstance(part.lines, tuple) or len(part.lines) != count:
        return f"'{part.name}' other than one place for each of its {count} lines"
    if not all(_is_place(place) for place in part.lines):
        return f"'{part.name}' a place that is no line and column"
    return None


def _is_place(place: Any) -> bool:
    is_pair = isinstance(place, tuple) and len(place) == 2
    return is_pair and all(type(number) is int and number > 0 for number in place)


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
