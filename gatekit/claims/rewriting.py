"""Rewrite what a document shows of the evidence and the registry: its bound numbers and statuses, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gatekit.claims import printed_number
from gatekit.claims.bindings import ClaimBlock, Span
from gatekit.claims.document_formats import PartEdit
from gatekit.claims.documents import ClaimsDocument, parse_document
from gatekit.claims.model import BADGE, Registry
from gatekit.claims.values import shown
from gatekit.errors import GatekitError, Location
from gatekit.evidence.summary import Summary

_LINE_MARKUP = re.compile(r"\s*(?:>[ \t]*|#{1,6}[ \t]+|[-+*][ \t]+|[0-9]{1,9}[.)][ \t]+)*")
"""What makes a line a quote, a heading or an item of a list."""


@dataclass(frozen=True)
class TextChange:
    """One number or status that is replaced or put in."""

    what: Literal["number", "status"]
    location: Location
    before: str
    """What the document says; empty where nothing stands there."""
    after: str
    """What it must say."""
    span: Span
    """In the document, of what is replaced."""
    written: str
    """What stands there instead, with the syntax around it."""


@dataclass(frozen=True)
class Rewriting:
    """A document with every number and status as it must be, or what keeps it from being rewritten."""

    document: ClaimsDocument
    data: bytes
    """The whole new content; the old one where nothing changes or something is wrong."""
    changes: tuple[TextChange, ...]
    errors: tuple[GatekitError, ...]
    """Markers that cannot be read and bindings that do not resolve; with any, the document stays as it is."""


def rewrite(document: ClaimsDocument, summaries: Mapping[str, Summary], registry: Registry | None = None) -> Rewriting:
    """Return the document with the evidence's numbers and the registry's statuses in it: whole, or not at all.

    Everything outside keeps every byte, line ends included; so do the space around a number and a typographic minus.

    Args:
        document: as it was read, before what it shows by name was bound: that is written elsewhere.
        summaries: by path relative to the registry.
        registry: whose statuses the blocks show; None leaves them as they are.
    """
    errors = list(document.errors)
    changes: list[list[TextChange]] = []
    # Per part; a document without parts is one.
    for part in document.parts or (document,):
        here: list[TextChange] = []
        _sort_out(_numbers(part, summaries), here, errors)
        if not errors and registry is not None:
            _sort_out(_statuses(part, registry), here, errors)
        changes.append(sorted(here, key=lambda change: change.span))
    before = document.text.encode("utf-8")
    if errors:
        return Rewriting(document, before, (), tuple(errors))
    together = tuple(change for here in changes for change in here)
    if document.format is None:
        return Rewriting(document, _applied(document.text, together).encode("utf-8"), together, ())
    edits = [PartEdit(index, *change.span, change.written) for index, here in enumerate(changes) for change in here]
    try:
        return Rewriting(document, document.format.put_back(before, document.path, edits), together, ())
    except GatekitError as error:
        return Rewriting(document, before, (), (error,))


def _sort_out(
    found: Iterable[TextChange | GatekitError], changes: list[TextChange], errors: list[GatekitError]
) -> None:
    for one in found:
        if isinstance(one, GatekitError):
            errors.append(one)
        else:
            changes.append(one)


def _applied(text: str, changes: Sequence[TextChange]) -> str:
    pieces: list[str] = []
    at = 0
    for change in changes:
        start, end = change.span
        pieces += [text[at:start], change.written]
        at = end
    return "".join([*pieces, text[at:]])


def _numbers(document: ClaimsDocument, summaries: Mapping[str, Summary]) -> Iterator[TextChange | GatekitError]:
    for binding in document.values:
        try:
            text = shown(binding, summaries).text
        except GatekitError as error:
            yield error
            continue
        if text != binding.printed:
            written = printed_number.dressed(document.text[slice(*binding.span)], text)
            yield TextChange("number", binding.location, binding.printed, text, binding.span, written)


def _statuses(document: ClaimsDocument, registry: Registry) -> Iterator[TextChange | GatekitError]:
    missing: dict[str, tuple[ClaimBlock, str]] = {}
    for block in document.blocks:
        claim = registry.claim(block.claim)
        if claim is None:
            continue
        wanted = BADGE[claim.status]
        if block.badge is not None:
            if block.badge.printed != wanted:
                said = block.badge.printed
                yield TextChange("status", block.badge.location, said, wanted, block.badge.span, wanted)
        elif claim.status == "not_supported":
            missing[claim.id] = (block, wanted)
    yield from _put_in(document, missing)


def _put_in(
    document: ClaimsDocument, missing: dict[str, tuple[ClaimBlock, str]]
) -> Iterator[TextChange | GatekitError]:
    """Put statuses before their sentences, each in the first way in which it is read as one.

    All blocks try one way together, so that a document is parsed four times at most, however many it has.
    """
    for behind_markup, bold in ((True, True), (True, False), (False, True), (False, False)):
        if not missing:
            break
        tried = {
            name: _insertion(document, block, wanted, behind_markup, bold) for name, (block, wanted) in missing.items()
        }
        changed = _applied(document.text, sorted(tried.values(), key=lambda change: change.span))
        after = parse_document(changed.encode("utf-8"), "part.md" if document.source.is_part else document.path)
        read = {block.claim: block for block in after.blocks}
        for name, change in tried.items():
            block, wanted = missing[name]
            now = read.get(name)
            if (
                now is not None
                and now.badge is not None
                and (now.badge.printed, now.sentence) == (wanted, block.sentence)
            ):
                del missing[name]
                yield change
    for block, wanted in missing.values():
        yield GatekitError(
            "claims.status",
            f"the block of claim '{block.claim}' does not say its status, and sync found no place for it",
            block.location,
            f"put '{wanted}' before the sentence, marked as docs/claims.md says",
        )


def _insertion(document: ClaimsDocument, block: ClaimBlock, wanted: str, behind_markup: bool, bold: bool) -> TextChange:
    start, end = block.span
    text = document.text[start:end]
    found = _LINE_MARKUP.match(text) if behind_markup else None
    at = start + (found.end() if found is not None else len(text) - len(text.lstrip()))
    marked = f"<!-- gatekit:status -->{wanted}<!-- /gatekit:status -->"
    return TextChange("status", block.location, "", wanted, (at, at), f"**{marked}** " if bold else f"{marked} ")
