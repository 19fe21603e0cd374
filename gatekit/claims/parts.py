"""Reading the parts of a document that holds Markdown within something else: which may bind, and what others show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from gatekit.claims import markdown
from gatekit.claims.bindings import ClaimBlock, Reading
from gatekit.claims.document_formats import DocumentPart, PartKind
from gatekit.claims.document_text import DocumentText
from gatekit.claims.prose import Piece
from gatekit.errors import GatekitError, Location

_WHAT = {
    "printed_markdown": "what a program printed",
    "html": "what a program printed",
    "text": "plain text",
    "code": "code",
}


def read(source: DocumentText, kind: PartKind) -> Reading:
    """Return what a part shows, and its markers; a marker in anything but Markdown is an error."""
    if kind == "markdown":
        return markdown.read(source)
    errors = [
        source.refusal(
            "marker", f"the marker stands in {_WHAT[kind]}, where it binds nothing", at, "write it into Markdown"
        )
        for at in markdown.markers_in(source.text)
    ]
    if kind == "html":
        reading = markdown.read_html(source)
    elif kind == "printed_markdown":
        reading = markdown.read(source)
    else:
        reading = Reading((Piece("code" if kind == "code" else "text", source.text, 0),), (), ())
    # Of what is wrong with a marker, that it stands here is said once.
    others = [error for error in reading.errors if not error.error_id.startswith("claims.")]
    return replace(reading, markers=(), errors=(*errors, *others))


def twice(blocks: Iterable[ClaimBlock]) -> Iterator[GatekitError]:
    """Yield an error for each claim that has two blocks in a document; these are of all its parts, in order."""
    seen: dict[str, Location] = {}
    for block in blocks:
        first = seen.setdefault(block.claim, block.location)
        if first is not block.location:
            message = f"claim '{block.claim}' already has a block in this document, at {first}"
            yield GatekitError("claims.duplicate", message, block.location, "bind it once per document")


def not_in_parts(text: str, name: str, parts: Sequence[DocumentPart]) -> Iterator[GatekitError]:
    """Yield an error where the file holds more markers than its parts do: whoever took it apart left something out."""
    everywhere = markdown.markers_in(text)
    if len(everywhere) > sum(len(markdown.markers_in(part.text)) for part in parts):
        message = "the document holds a marker where nothing is shown, so it binds nothing"
        yield GatekitError("claims.marker", message, DocumentText(name, text).location(everywhere[0]), "take it out")
