"""What ties a document to the registry and the evidence: claim blocks and value bindings, from the markers of a reader.

A reader (Markdown, LaTeX) finds markers; how they may nest, and what they must say, is the same for both.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gatekit.claims.beside import glued
from gatekit.claims.document_text import DocumentText
from gatekit.claims.paths import is_plain
from gatekit.claims.prose import Piece
from gatekit.claims.statistic import Format, Statistic, StatisticError, parse_format, parse_statistic
from gatekit.errors import GatekitError, Location, did_you_mean

MarkerKind = Literal["claim", "value", "literal", "status"]
Span = tuple[int, int]
"""Offsets into a document's text, in characters, the end excluded."""
Between = tuple[int, int]
"""First and last of a run of pieces, the markers at both ends among them."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
CLAIM_ID = re.compile(r"[a-z][a-z0-9-]{0,63}", re.ASCII)
_FILLED_IN = re.compile(r"\{[{%:#]|--8<--|^[ \t]*:::|\{!", re.MULTILINE)
"""What templates, and extensions of Markdown, fill in, hide or style when a site is made."""
_LINES_TO_SENTENCE = 2
"""From a claim's status on: the sentence may be a paragraph of its own."""
_PIECES_OF_A_LINE = 100
_LIST_NUMBER = re.compile(r"[0-9]{1,9}[.)] ")
ARGUMENTS: dict[MarkerKind, tuple[str, ...]] = {
    "claim": ("ID",),
    "value": ("FILE", "MEASURE", "STATISTIC", "FORMAT"),
    "literal": (),
    "status": (),
}


@dataclass(frozen=True)
class Marker:
    """The opening or closing part of a block or binding."""

    kind: MarkerKind
    opens: bool
    arguments: tuple[str, ...]
    """As many as were written; of an end, what stands in it by mistake."""
    span: Span
    piece: int
    """Its index among the pieces of the document."""


@dataclass(frozen=True)
class ValueBinding:
    """One number in a document and the evidence that it must equal."""

    file: str
    """Path of the summary, relative to the registry."""
    measure: str
    statistic: Statistic
    format: Format
    target: str
    """FILE MEASURE STATISTIC FORMAT, as one text: equal exactly when two bindings show the same thing."""
    printed: str
    """What the document says, without the syntax around it."""
    span: Span
    """Of the text between the markers."""
    location: Location
    """Of the printed number."""
    marker_location: Location
    claim: str | None
    """Id of the claim whose block it stands in."""

    @property
    def shows(self) -> str:
        """FILE MEASURE STATISTIC: what the number is, however it is written."""
        return self.target.rpartition(" ")[0]


@dataclass(frozen=True)
class StatusBadge:
    """What a claim's block says of its status, before the sentence."""

    printed: str
    """Plain words with single spaces; empty where nothing of it is sure to be shown."""
    span: Span
    """Of the text between the markers."""
    location: Location


@dataclass(frozen=True)
class ClaimBlock:
    """One place where a registered sentence stands."""

    claim: str
    sentence: str
    """Plain words with single spaces, `SLOT` for each bound number."""
    span: Span
    """Of the text between the markers."""
    location: Location
    badge: StatusBadge | None = None
    """None where the block does not say its status."""


@dataclass(frozen=True)
class NamedUse:
    """A place where a document shows a registered sentence or value by its name."""

    kind: Literal["claim", "value"]
    name: str
    span: Span


@dataclass(frozen=True)
class Brought:
    """A place where a document brings text from another file."""

    name: str
    """As it is written there."""
    location: Location


@dataclass(frozen=True)
class Reading:
    """What a reader finds in a document before its markers are paired."""

    pieces: tuple[Piece, ...]
    markers: tuple[Marker, ...]
    """In the order of the text."""
    errors: tuple[GatekitError, ...]
    uses: tuple[NamedUse, ...] = ()
    brought: tuple[Brought, ...] = ()


@dataclass(frozen=True)
class Syntax:
    """What the kinds of document write differently."""

    plain_number: Callable[[str], str]
    """From the text between a value's markers to the number that readers see."""
    words: Callable[[Sequence[Piece], Sequence[Between]], str]
    """From the pieces of a block, and the values among them, to its words."""
    is_shown_as_written: bool
    """Whether pieces of text are exactly what a renderer shows, so that numbers can be compared with their source."""


@dataclass(frozen=True)
class Bindings:
    """Everything that a document binds, in its order, and what is wrong with it."""

    blocks: tuple[ClaimBlock, ...]
    values: tuple[ValueBinding, ...]
    bound: tuple[Between, ...]
    """The pieces that are bound numbers."""
    claimed: tuple[Between, ...]
    """The pieces that are registered sentences."""
    literals: tuple[Between, ...]
    """The pieces that are declared to hold no measured number and no claim."""
    errors: tuple[GatekitError, ...]


class _Assembly:
    """Pairs markers; keeps those that are open."""

    def __init__(self, source: DocumentText, pieces: Sequence[Piece], syntax: Syntax) -> None:
        self.source = source
        self.pieces = pieces
        self.syntax = syntax
        self.open: list[Marker] = []
        self.blocks: dict[str, ClaimBlock] = {}
        self.values: list[ValueBinding] = []
        self.bound: list[Between] = []
        self.claimed: list[Between] = []
        self.literals: list[Between] = []
        self.badges: list[tuple[Between, Span, Marker]] = []
        """Of the claim that is open: where its status stands."""
        self.errors: list[GatekitError] = []

    def refuse(self, error_id: str, message: str, offset: int, remedy: str | None = None) -> None:
        self.errors.append(self.source.refusal(error_id, message, offset, remedy))

    def place(self, marker: Marker) -> str:
        location = self.source.location(marker.span[0])
        return f"{location.line}:{location.column}"

    def begun_before(self, index: int) -> bool:
        """Whether text stands before a piece in its line."""
        start = max(0, index - _PIECES_OF_A_LINE)
        for piece in reversed(self.pieces[start:index]):
            if piece.kind == "edge" or piece.text == "\n":
                return False
            if piece.kind != "marker" and piece.text.strip() and not _LIST_NUMBER.fullmatch(piece.text):
                return True
        return start > 0

    def line(self, offset: int) -> int:
        return self.source.location(offset).line or 0

    def start(self, marker: Marker) -> None:
        wanted = ARGUMENTS[marker.kind]
        if len(marker.arguments) != len(wanted):
            takes = f"takes {' '.join(wanted)}" if wanted else "takes no arguments"
            self.refuse("marker", f"a {marker.kind} {takes}; {len(marker.arguments)} are given", marker.span[0])
            marker = replace(marker, arguments=())
        if marker.kind == "status" and not self.open:
            remedy = "put it behind the marker that opens the claim"
            self.refuse("status", "a status stands outside every claim", marker.span[0], remedy)
        if self.open and (self.open[-1].kind != "claim" or marker.kind == "claim"):
            outer = self.open[-1]
            self.refuse(
                "nested",
                f"a {marker.kind} opens inside the {outer.kind} of line {self.place(outer)}",
                marker.span[0],
                "only a status, values and literals may stand inside, and only in a claim; is the outer one closed?",
            )
            if outer.kind == marker.kind:  # most likely the outer one was never closed
                self.open.pop()
        self.open.append(marker)

    def end(self, marker: Marker) -> None:
        if marker.arguments:
            self.refuse("marker", f"the end of a {marker.kind} takes no arguments", marker.span[0])
        kinds = [opened.kind for opened in self.open]
        if marker.kind not in kinds:
            self.refuse("unopened", f"this end of a {marker.kind} has no beginning", marker.span[0])
            return
        while (opened := self.open.pop()).kind != marker.kind:
            self.refuse(
                "crossing",
                f"the {marker.kind} ends before the {opened.kind} of line {self.place(opened)}, which is inside it",
                marker.span[0],
                "close the inner one first",
            )
        self.pair(opened, marker)

    def pair(self, opened: Marker, closing: Marker) -> None:
        inside = (opened.span[1], closing.span[0])
        between = (opened.piece, closing.piece)
        if opened.kind == "status":
            self.badges.append((between, inside, opened))
        elif opened.kind == "literal":
            self.literals.append(between)
            self.literal(opened, between)
        elif opened.kind == "value":
            while self.bound and self.bound[-1][0] > opened.piece:  # of a value in a value, which was refused
                self.bound.pop()
            self.bound.append(between)
            if opened.arguments:  # else it was refused when it opened
                self.value(opened, inside, between)
        elif opened.arguments:
            self.claimed.append(between)
            self.block(opened, inside, between)

    def value(self, opened: Marker, inside: Span, between: Between) -> None:
        file, measure, statistic, how = opened.arguments
        start = opened.span[0]
        if not is_plain(file):
            remedy = "write it relative to claims.yaml, with / and without . or .."
            self.refuse("path", f"'{file}' is not a plain path", start, remedy)
            return
        if not NAME.fullmatch(measure):
            self.refuse("measure", f"'{measure}' is not the name of a measure", start)
            return
        try:
            read_statistic, read_format = parse_statistic(statistic), parse_format(how)
        except StatisticError as error:
            self.refuse("value", str(error), start, error.remedy)
            return
        text = self.source.text[slice(*inside)]
        lead = len(text) - len(text.lstrip())
        if self.syntax.is_shown_as_written and not self.is_plain_text(between, text):
            self.refuse(
                "number_markup",
                "between the markers stands more than plain text",
                inside[0] + lead,
                "write the number alone, without markup, entities, escapes or other comments",
            )
            return
        self.values.append(
            ValueBinding(
                file=file,
                measure=measure,
                statistic=read_statistic,
                format=read_format,
                target=" ".join(opened.arguments),
                printed=self.syntax.plain_number(text),
                span=inside,
                location=self.source.location(inside[0] + lead),
                marker_location=self.source.location(start),
                claim=next((m.arguments[0] for m in self.open if m.kind == "claim" and m.arguments), None),
            )
        )

    def is_plain_text(self, between: Between, text: str) -> bool:
        """Whether a renderer shows what is written there, and nothing else."""
        shown = self.pieces[between[0] + 1 : between[1]]
        kinds = {piece.kind for piece in shown}
        if "marker" in kinds:  # refused when it opened
            return True
        words = "".join(" " if piece.kind == "edge" else piece.text for piece in shown).split()
        return kinds <= {"text", "edge"} and words == text.split()

    def literal(self, opened: Marker, between: Between) -> None:
        """A literal that is part of a longer number would keep that from every scan."""
        first, last = between
        inner = [piece for piece in self.pieces[first + 1 : last] if piece.kind in ("text", "code")]
        left = self.pieces[first - 1] if first else None
        right = self.pieces[last + 1] if last + 1 < len(self.pieces) else None
        for one, other in ((left, inner[0] if inner else None), (inner[-1] if inner else None, right)):
            if one is not None and other is not None and _is_one_number(one, other):
                remedy = "mark the whole number, or leave a space"
                self.refuse("glued", "the literal is part of a longer number", opened.span[0], remedy)
                return

    def block(self, opened: Marker, inside: Span, between: Between) -> None:
        name = opened.arguments[0]
        start = opened.span[0]
        if not CLAIM_ID.fullmatch(name):
            self.refuse("id", f"'{name}' is not the id of a claim", start)
            return
        first, last = between
        filled_in = _FILLED_IN.search(self.source.text, *inside)
        if filled_in is not None:
            message = f"'{filled_in[0]}' in a claim: what a site makes of it is not in the document"
            self.refuse("template", message, filled_in.start(), "take it out of the block")
        badge, first = self.badge(first, last)
        low = bisect.bisect_left(self.bound, (first, 0))
        slots = [(left - first - 1, right - first - 1) for left, right in self.bound[low:] if right < last]
        sentence = self.syntax.words(self.pieces[first + 1 : last], slots)
        if not sentence:
            self.refuse("empty", f"the block of claim '{name}' is empty", start, "write the registered sentence in it")
            return
        if name in self.blocks:
            first_place = self.blocks[name].location
            message = f"claim '{name}' already has a block in this document, at {first_place.line}:{first_place.column}"
            self.refuse("duplicate", message, start, "bind it once per document")
            return
        self.blocks[name] = ClaimBlock(name, sentence, inside, self.source.location(start), badge)

    def badge(self, first: int, last: int) -> tuple[StatusBadge | None, int]:
        """Return the status that stands in a block, and the piece before its sentence.

        Args:
            first: the piece that opens the block.
            last: the piece that closes it.
        """
        badges = [badge for badge in self.badges if badge[0][0] > first]
        self.badges.clear()
        if not badges:
            return None, first
        (opening, closing), inside, marker = badges[0]
        start = marker.span[0]
        for other in badges[1:]:
            self.refuse("status", "the claim says its status twice", other[2].span[0])
        if self.syntax.words(self.pieces[first + 1 : opening], ()):
            self.refuse("status", "the status stands behind words of the claim", start, "put it before the sentence")
        behind = next((p for p in self.pieces[closing + 1 : last] if p.kind == "text" and p.text.strip()), None)
        apart = 0 if behind is None else self.line(behind.offset) - self.line(inside[1])
        if apart > _LINES_TO_SENTENCE:
            self.refuse("status", "the status stands far above its sentence", start, "put it right before the sentence")
        elif apart and self.begun_before(first):
            # Renderers hide lines that begin with a sign of theirs: `% `, `+++ `, `*[x]: `, `key: `.
            message = "the status stands in a line with other text, and its sentence in another line"
            self.refuse("status", message, start, "put both in one line, or nothing before the claim")
        shown = self.pieces[opening + 1 : closing]
        is_plain = {piece.kind for piece in shown} <= {"text", "edge"}
        printed = self.syntax.words(shown, ()) if is_plain else ""
        return StatusBadge(printed, inside, self.source.location(start)), closing

    def refuse_glued(self) -> None:
        for index, touching in glued(self.pieces, self.bound):
            self.refuse(
                "glued",
                f"the bound number is shown together with {touching}",
                self.pieces[self.bound[index][0]].offset,
                "leave a space, or let the format print all of the number",
            )


def _is_one_number(left: Piece, right: Piece) -> bool:
    shown = left.kind in ("text", "code") and right.kind in ("text", "code")
    return shown and bool(re.search(r"[0-9.,]\Z", left.text) and re.match(r"[.,]?[0-9]", right.text))


def assemble(source: DocumentText, reading: Reading, syntax: Syntax) -> Bindings:
    """Return what the markers of a document bind."""
    assembly = _Assembly(source, reading.pieces, syntax)
    for marker in reading.markers:
        if marker.opens:
            assembly.start(marker)
        else:
            assembly.end(marker)
    for opened in assembly.open:
        assembly.refuse("unclosed", f"this {opened.kind} is never closed", opened.span[0])
    assembly.refuse_glued()
    return Bindings(
        blocks=tuple(sorted(assembly.blocks.values(), key=lambda block: block.span)),
        values=tuple(sorted(assembly.values, key=lambda value: value.span)),
        bound=tuple(assembly.bound),
        claimed=tuple(assembly.claimed),
        literals=tuple(assembly.literals),
        errors=tuple(assembly.errors),
    )


def unknown_marker(source: DocumentText, offset: int, name: str, prefix: str) -> GatekitError:
    """Return (not raise) the error for a marker of no known kind; `prefix` is what its syntax puts before the kind."""
    known = [f"{prefix}{kind}" for kind in ARGUMENTS]
    remedy = did_you_mean(f"{prefix}{name}", known) or f"known: {', '.join(known)}"
    return source.refusal("marker", f"unknown marker '{prefix}{name}'", offset, remedy)
