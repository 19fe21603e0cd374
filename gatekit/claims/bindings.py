"""What ties a document to the registry and the evidence: claim blocks and value bindings, from the markers of a reader.

A reader (Markdown, LaTeX) finds markers; how they may nest, and what they must say, is the same for both.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gatekit.claims.paths import is_plain
from gatekit.claims.statistic import Format, Statistic, StatisticError, parse_format, parse_statistic
from gatekit.errors import GatekitError, Location, did_you_mean

MarkerKind = Literal["claim", "value", "literal"]
Span = tuple[int, int]
"""Offsets into a document's text, in characters, the end excluded."""

SLOT = "\ue000"
"""Stands for a bound number in a sentence: no registry can hold it, so prose that says `{}` is not a bound number."""
LINE_END = re.compile(r"\r\n|\n|\r")
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
CLAIM_ID = re.compile(r"[a-z][a-z0-9-]{0,63}", re.ASCII)
ARGUMENTS: dict[MarkerKind, tuple[str, ...]] = {
    "claim": ("ID",),
    "value": ("FILE", "MEASURE", "STATISTIC", "FORMAT"),
    "literal": (),
}


@dataclass(frozen=True)
class Marker:
    """The opening or closing part of a block or binding."""

    kind: MarkerKind
    opens: bool
    arguments: tuple[str, ...]
    """As many as were written; of an end, what stands in it by mistake."""
    span: Span


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
    """What the document says, without the syntax around it: `-0.05` where LaTeX has `$-0.05$`."""
    span: Span
    """Of the text between the markers."""
    location: Location
    """Of the printed number."""
    marker_location: Location
    claim: str | None
    """Id of the claim whose block it stands in."""


@dataclass(frozen=True)
class ClaimBlock:
    """One place where a registered sentence stands."""

    claim: str
    sentence: str
    """Plain words with single spaces, `SLOT` for each bound number."""
    span: Span
    """Of the text between the markers."""
    location: Location


class DocumentText:
    """A document's text with its line starts."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._starts = [0, *(found.end() for found in LINE_END.finditer(text))]

    def location(self, offset: int) -> Location:
        """Return line and column, both from 1, of an offset, with the line that errors quote."""
        line = bisect.bisect_right(self._starts, offset)
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self.text)
        return Location(self.path, line, offset - start + 1, source_line=self.text[start:end].rstrip("\r\n"))

    def line_start(self, offset: int) -> int:
        """Return where the line of an offset starts."""
        return self._starts[bisect.bisect_right(self._starts, offset) - 1]

    def refusal(self, error_id: str, message: str, offset: int, remedy: str | None = None) -> GatekitError:
        """Return (not raise) the error `claims.ERROR_ID` at an offset."""
        return GatekitError(f"claims.{error_id}", message, self.location(offset), remedy)


@dataclass(frozen=True)
class Syntax:
    """What the two kinds of document write differently."""

    plain_number: Callable[[str], str]
    """From the text between a value's markers to the number that readers see."""
    plain_words: Callable[[str], str]
    """From the text of a block to its words, without emphasis, with single spaces."""


@dataclass(frozen=True)
class Bindings:
    """Everything that a document binds, in its order, and what is wrong with it."""

    blocks: tuple[ClaimBlock, ...]
    values: tuple[ValueBinding, ...]
    literals: tuple[Span, ...]
    """Text that is declared to hold no measured number and no claim."""
    errors: tuple[GatekitError, ...]


@dataclass(frozen=True)
class FoundMarkers:
    """What a reader finds before markers are paired."""

    markers: tuple[Marker, ...]
    hidden: tuple[Span, ...]
    """Code and comments, which are not prose."""
    errors: tuple[GatekitError, ...]


class _Assembly:
    """Pairs markers; keeps those that are open."""

    def __init__(self, source: DocumentText, syntax: Syntax) -> None:
        self.source = source
        self.syntax = syntax
        self.open: list[Marker] = []
        self.blocks: dict[str, ClaimBlock] = {}
        self.values: list[ValueBinding] = []
        self.literals: list[Span] = []
        self.cuts: list[tuple[Span, str]] = []
        """What a sentence holds in place of the markers in it."""
        self.errors: list[GatekitError] = []

    def refuse(self, error_id: str, message: str, offset: int, remedy: str | None = None) -> None:
        self.errors.append(self.source.refusal(error_id, message, offset, remedy))

    def place(self, marker: Marker) -> str:
        location = self.source.location(marker.span[0])
        return f"{location.line}:{location.column}"

    def start(self, marker: Marker) -> None:
        wanted = ARGUMENTS[marker.kind]
        if len(marker.arguments) != len(wanted):
            takes = f"takes {' '.join(wanted)}" if wanted else "takes no arguments"
            self.refuse("marker", f"a {marker.kind} {takes}; {len(marker.arguments)} are given", marker.span[0])
            marker = replace(marker, arguments=())
        if self.open and (self.open[-1].kind != "claim" or marker.kind == "claim"):
            outer = self.open[-1]
            self.refuse(
                "nested",
                f"a {marker.kind} opens inside the {outer.kind} of line {self.place(outer)}",
                marker.span[0],
                "only values and literals may stand inside, and only in a claim; is the outer one closed?",
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
        if opened.kind == "literal":
            self.literals.append(inside)
            self.cuts += [(opened.span, ""), (closing.span, "")]
        elif opened.kind == "value":
            self.cuts.append(((opened.span[0], closing.span[1]), SLOT))
            if opened.arguments:  # else it was refused when it opened
                self.value(opened, inside)
        elif opened.arguments:
            self.block(opened, inside)

    def value(self, opened: Marker, inside: Span) -> None:
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

    def block(self, opened: Marker, inside: Span) -> None:
        name = opened.arguments[0]
        start = opened.span[0]
        if not CLAIM_ID.fullmatch(name):
            self.refuse("id", f"'{name}' is not the id of a claim", start)
            return
        pieces, at = [], inside[0]
        for (left, right), instead in sorted(cut for cut in self.cuts if inside[0] <= cut[0][0] < inside[1]):
            pieces += [self.source.text[at:left], instead]
            at = right
        pieces.append(self.source.text[at : inside[1]])
        sentence = self.syntax.plain_words("".join(pieces))
        if not sentence:
            self.refuse("empty", f"the block of claim '{name}' is empty", start, "write the registered sentence in it")
            return
        if name in self.blocks:
            first = self.blocks[name].location
            message = f"claim '{name}' already has a block in this document, at {first.line}:{first.column}"
            self.refuse("duplicate", message, start, "bind it once per document")
            return
        self.blocks[name] = ClaimBlock(name, sentence, inside, self.source.location(start))


def assemble(source: DocumentText, markers: Sequence[Marker], syntax: Syntax) -> Bindings:
    """Return what the markers of a document, in the order of its text, bind."""
    assembly = _Assembly(source, syntax)
    for marker in markers:
        if marker.opens:
            assembly.start(marker)
        else:
            assembly.end(marker)
    for opened in assembly.open:
        assembly.refuse("unclosed", f"this {opened.kind} is never closed", opened.span[0])
    return Bindings(
        blocks=tuple(sorted(assembly.blocks.values(), key=lambda block: block.span)),
        values=tuple(sorted(assembly.values, key=lambda value: value.span)),
        literals=tuple(assembly.literals),
        errors=tuple(assembly.errors),
    )


def unknown_marker(source: DocumentText, offset: int, name: str, prefix: str) -> GatekitError:
    """Return (not raise) the error for a marker of no known kind; `prefix` is what its syntax puts before the kind."""
    known = [f"{prefix}{kind}" for kind in ARGUMENTS]
    remedy = did_you_mean(f"{prefix}{name}", known) or f"known: {', '.join(known)}"
    return source.refusal("marker", f"unknown marker '{prefix}{name}'", offset, remedy)
