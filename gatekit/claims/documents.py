"""From a document's bytes to what it binds. Bytes, because in a pull request documents are git objects, not files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from gatekit.claims import latex, markdown, parts, quarto, typst
from gatekit.claims.bindings import Brought, ClaimBlock, NamedUse, Reading, Syntax, ValueBinding, assemble
from gatekit.claims.document_formats import MAX_FILE, FormatLookup, UsableFormat, suffix_of
from gatekit.claims.document_text import DocumentText
from gatekit.claims.prose import RESERVED, Prose, prose
from gatekit.errors import GatekitError, Location
from gatekit.evidence.lfs_pointer import FIRST

DocumentSyntax = Literal["markdown", "latex", "typst"]

SUFFIXES = (".md", ".markdown", ".qmd", ".tex", ".typ")
"""What is read here; others are of formats that packages bring."""
MAX_SIZE = 512 << 10
"""Bytes of one document; a book chapter has half of it. The slowest take some five seconds."""
MOST_BRACKETS = 10_000
"""Opening square brackets in one document: each may start a link, and finding out that it does not takes long."""
MOST_MARKERS = 8000
"""Beginnings and ends of claims, values and literals in one document; a paper of 300 numbers has 700."""
MOST_PROBLEMS = 1000
"""Problems of one document that are kept; how many more there are is said."""
_MARKER = re.compile(r"gatekit:|\\gate")

# Controls that are no part of text, and the directional ones that show another number than the one that is read.
# The last range is what the readers mark their own findings with.
_HIDDEN = re.compile(f"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069{RESERVED}]")


@dataclass(frozen=True)
class ClaimsDocument:
    """One document and everything in it that the registry and the evidence answer for."""

    path: str
    text: str
    syntax: DocumentSyntax
    blocks: tuple[ClaimBlock, ...]
    values: tuple[ValueBinding, ...]
    unbound: Prose
    """What is shown, without code, bound numbers and literals."""
    unclaimed: Prose
    """What is shown, without code, registered sentences and literals."""
    errors: tuple[GatekitError, ...]
    """Markers that cannot be read; what could be read is there beside them."""
    source: DocumentText = field(repr=False, compare=False)
    """The text with its line starts."""
    uses: tuple[NamedUse, ...] = ()
    """What it shows by name; `written.with_written` turns them into blocks and values."""
    brought: tuple[Brought, ...] = ()
    parts: tuple[ClaimsDocument, ...] = ()
    """Of a document that holds Markdown within something else: its parts, of whose text all spans are."""
    format: UsableFormat | None = field(default=None, repr=False, compare=False)
    """What took it apart."""


def parse_document(data: bytes, name: str, formats: FormatLookup | None = None) -> ClaimsDocument:
    """Read a document.

    Args:
        data: its bytes: UTF-8 without a byte order mark, with any line ends.
        name: its path; `.tex` is LaTeX, `.typ` Typst, `.qmd` Quarto, `.md` and no suffix Markdown; another suffix is
            of a format that a package brings.
        formats: the formats of the folder or commit that the document is of; it counts what all of them hold.

    Raises:
        GatekitError: `document.size`, `document.too_many_lines`, `document.brackets`, `document.markers`,
            `document.bom`, `document.pointer`, `document.encoding` or `document.control_character`; `format.*` and what
            a format refuses. Malformed markers are no such error: the document holds them in `errors`.
    """
    suffix = suffix_of(name)
    formats = formats or FormatLookup()
    if suffix and suffix not in SUFFIXES:
        return _of_parts(data, name, formats)
    source = DocumentText(name, _decoded(data, name, MAX_SIZE))
    _refuse_too_much(source.text, source.text, name)
    formats.count_blocks([source.text], source.text, name)
    _refuse_hidden(source)
    syntax: DocumentSyntax = "markdown"
    if name.endswith((".tex", typst.SUFFIX)):
        syntax = "latex" if name.endswith(".tex") else "typst"
    prose_reader = quarto if name.endswith(quarto.SUFFIX) else markdown
    reader = {"latex": latex, "typst": typst}.get(syntax, prose_reader)
    return _assembled(source, reader.read(source), reader.SYNTAX, syntax)


def _assembled(source: DocumentText, reading: Reading, how: Syntax, syntax: DocumentSyntax) -> ClaimsDocument:
    bindings = assemble(source, reading, how)
    return ClaimsDocument(
        path=source.path,
        text=source.text,
        syntax=syntax,
        blocks=bindings.blocks,
        values=bindings.values,
        unbound=prose(reading.pieces, [*bindings.bound, *bindings.literals]),
        unclaimed=prose(reading.pieces, [*bindings.claimed, *bindings.literals]),
        errors=_bounded([*reading.errors, *bindings.errors]),
        source=source,
        uses=reading.uses,
        brought=reading.brought,
    )


def _of_parts(data: bytes, name: str, formats: FormatLookup) -> ClaimsDocument:
    """Read a document part by part; what one part opens, no other closes."""
    text = _decoded(data, name, MAX_FILE)
    used = formats.named(suffix_of(name))
    given = used.split(data, name)
    formats.count(given, name)
    in_markdown = "".join(part.text for part in given if part.kind in ("markdown", "printed_markdown"))
    _refuse_too_much(text, in_markdown, name)
    formats.count_blocks([part.text for part in given], in_markdown, name)
    read: list[ClaimsDocument] = []
    for part in given:
        source = DocumentText(name, part.text, part.name, part.lines)
        _refuse_hidden(source)
        read.append(_assembled(source, parts.read(source, part.kind), markdown.SYNTAX, "markdown"))
    blocks = tuple(block for part in read for block in part.blocks)
    errors = [error for part in read for error in part.errors]
    errors += [*parts.twice(blocks), *parts.not_in_parts(text, name, given)]
    return ClaimsDocument(
        path=name,
        text=text,
        syntax="markdown",
        blocks=blocks,
        values=tuple(value for part in read for value in part.values),
        unbound=prose((), ()),
        unclaimed=prose((), ()),
        errors=_bounded(errors),
        source=DocumentText(name, text),
        parts=tuple(read),
        format=used,
    )


def _bounded(found: Sequence[GatekitError]) -> tuple[GatekitError, ...]:
    """Return the errors in the order of their places; of very many, the first and how many more there are."""
    errors = sorted(found, key=lambda e: _order(e.location))
    if len(errors) <= MOST_PROBLEMS:
        return tuple(errors)
    message = f"{len(errors) - MOST_PROBLEMS} more problems of this document are not listed"
    return (*errors[:MOST_PROBLEMS], GatekitError("document.more_problems", message, errors[MOST_PROBLEMS].location))


def _decoded(data: bytes, name: str, most: int) -> str:
    place = Location(name)
    if len(data) > most:
        raise GatekitError("document.size", f"the document is larger than {most} bytes", place)
    if data.startswith(b"\xef\xbb\xbf"):
        raise GatekitError(
            "document.bom", "the document starts with a byte order mark", place, "save it as UTF-8 without one"
        )
    if data.startswith(FIRST):
        message = "git holds a pointer of LFS here: what is shown lies elsewhere and is not read"
        raise GatekitError("document.pointer", message, place, "commit the document itself")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = DocumentText(name, data[: error.start].decode("utf-8"))
        place = before.location(len(before.text))
        raise GatekitError("document.encoding", "the document is not UTF-8", place, "save it as UTF-8") from None


def _refuse_too_much(text: str, in_markdown: str, name: str) -> None:
    if in_markdown.count("[") > MOST_BRACKETS:
        message = f"the document has more than {MOST_BRACKETS} opening brackets"
        raise GatekitError("document.brackets", message, Location(name))
    markers = _MARKER.finditer(text)
    beyond_limit = next(islice(markers, MOST_MARKERS, None), None)
    if beyond_limit is not None:
        message = f"the document has more than {MOST_MARKERS} markers"
        raise GatekitError("document.markers", message, DocumentText(name, text).location(beyond_limit.start()))


def _refuse_hidden(source: DocumentText) -> None:
    found = _HIDDEN.search(source.text)
    if found is not None:
        message = f"control character U+{ord(found[0]):04X}"
        raise GatekitError("document.control_character", message, source.location(found.start()), "remove it")


def _order(location: Location | None) -> tuple[int, int]:
    return (0, 0) if location is None else (location.line or 0, location.column or 0)
