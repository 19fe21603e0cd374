"""Markdown: markers are HTML comments, which renderers hide.

    <!-- gatekit:claim ID -->...<!-- /gatekit:claim -->
    <!-- gatekit:value FILE MEASURE STATISTIC FORMAT -->-0.0513<!-- /gatekit:value -->
    <!-- gatekit:literal -->95 %<!-- /gatekit:literal -->

What stands in a fenced code block or a code span is shown, not hidden, and binds nothing. Blocks and spans are found as
CommonMark 0.31 (sections 4.5, 4.6, 6.1) defines them, with two simplifications: a fence may be indented by any amount,
so that fences inside lists need no list parser, and an indented code block is ordinary text.
"""

from __future__ import annotations

import bisect
import re

from gatekit.claims.bindings import (
    ARGUMENTS,
    LINE_END,
    DocumentText,
    FoundMarkers,
    Marker,
    MarkerKind,
    Span,
    Syntax,
    unknown_marker,
)
from gatekit.errors import GatekitError

_EOL = r"(?>\r\n|\n|\r)"
_TOKEN = re.compile(rf"(?P<newline>{_EOL})|(?P<escape>\\[!-/:-@\[-`{{-~])|(?P<ticks>`+)|(?P<comment><!--)")
_COMMENT = re.compile(r"<!--(?:>|->|(?P<content>.*?)-->)", re.DOTALL)
_LEAD = r"(?:[ \t>]|[-*+](?=[ \t])|[0-9]{1,9}[.)](?=[ \t]))*+"
_FENCE = re.compile(rf"(?P<lead>{_LEAD})(?P<mark>`{{3,}}(?=[^`\r\n]*(?:[\r\n]|\Z))|~{{3,}})")
_ONLY_LEAD = re.compile(_LEAD)
_LINE = re.compile(rf"[^\r\n]*(?:{_EOL}|\Z)")
# Where a paragraph ends, and with it any code span: a blank line, or a line that starts another block.
_BREAK = re.compile(
    rf"{_EOL}(?=[ \t>]*(?:[\r\n]|\Z|[-+*][ \t]|[0-9]{{1,9}}[.)][ \t]|\#{{1,6}}[ \t]|=+[ \t]*[\r\n]|-+[ \t]*[\r\n]"
    r"|\||```|~~~|<))"
)
_ONE_LINE_BLOCK = re.compile(rf"(?:\A|{_EOL})[ \t>]*(?:\#{{1,6}}[ \t]|\|)[^\r\n]*")  # headings and rows of tables
# Inside one of these, up to the next blank line, Markdown is not read (CommonMark 4.6, kind 6).
_HTML_BLOCK = re.compile(
    rf"{_LEAD}</?(?:address|article|aside|blockquote|center|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure"
    r"|footer|form|h[1-6]|header|hr|html|li|main|menu|nav|ol|p|section|summary|table|tbody|td|tfoot|th|thead|tr|ul)"
    r"(?=[ \t\r\n/>]|\Z)",
    re.IGNORECASE,
)
_BLANK_LINE = re.compile(rf"{_EOL}[ \t>]*(?=[\r\n]|\Z)")
_UNCLOSED = re.compile(r"<!--\s*+/?\s*+gatekit\s*:", re.IGNORECASE)
_MARKER = re.compile(r"\s*+(?P<slash>/?)\s*+gatekit\s*:\s*(?P<name>\S*)(?P<rest>.*)", re.DOTALL | re.IGNORECASE)
_LONGEST_LEAD = 100
"""Characters before a comment that are looked at to see whether it starts a block."""


def read(source: DocumentText) -> FoundMarkers:
    """Find the markers, code and comments of a Markdown document."""
    return _MarkdownReader(source).read()


class _MarkdownReader:
    """One pass over the text; keeps what has been found."""

    def __init__(self, source: DocumentText) -> None:
        self.source = source
        self.text = source.text
        self.markers: list[Marker] = []
        self.hidden: list[Span] = []
        self.errors: list[GatekitError] = []
        # Found once, so that no unbalanced backtick or comment makes the pass quadratic.
        self.last_comment_end = self.text.rfind("-->")
        starts = {found.start() for found in _BREAK.finditer(self.text)}
        self.breaks = sorted(starts | {found.end() for found in _ONE_LINE_BLOCK.finditer(self.text)})
        self.ticks: dict[int, list[int]] = {}
        for found in re.finditer("`+", self.text):
            self.ticks.setdefault(len(found[0]), []).append(found.start())

    def read(self) -> FoundMarkers:
        at, line_starts, raw_until = 0, True, 0
        while at < len(self.text):
            if line_starts and at >= raw_until and _HTML_BLOCK.match(self.text, at):
                blank = _BLANK_LINE.search(self.text, at)
                raw_until = len(self.text) if blank is None else blank.start()
            if line_starts and at >= raw_until and (fence := _FENCE.match(self.text, at)):
                end = self.fence_end(fence)
                self.hidden.append((at, end))
                at = end
                continue
            found = _TOKEN.search(self.text, at)
            if found is None:
                break
            line_starts = found.lastgroup == "newline"
            at = found.end()
            if found.lastgroup == "escape" and found.start() < raw_until:
                at = found.start() + 1
            elif found.lastgroup == "ticks" and found.start() >= raw_until:
                code_end = self.code_end(found)
                if code_end is not None:
                    self.hidden.append((found.start(), code_end))
                    at = code_end
            elif found.lastgroup == "comment":
                starts_block = self.starts_block(found.start())
                comment_end = self.comment(found.start(), starts_block or found.start() < raw_until)
                at = comment_end or at
                if comment_end is not None and starts_block:
                    # An HTML block (CommonMark 4.6, kind 2) reaches to the end of the line: no code spans in it.
                    raw_until = max(raw_until, self.line_end(at))
        return FoundMarkers(tuple(self.markers), tuple(self.hidden), tuple(self.errors))

    def starts_block(self, offset: int) -> bool:
        """Whether only indentation, quote and list marks stand before this offset in its line."""
        start = self.source.line_start(offset)
        return offset - start <= _LONGEST_LEAD and _ONLY_LEAD.fullmatch(self.text, start, offset) is not None

    def line_end(self, offset: int) -> int:
        found = _LINE.match(self.text, offset)
        return found.end() if found else len(self.text)

    def fence_end(self, fence: re.Match[str]) -> int:
        """Return where the fenced block that opens here ends: behind its closing line, its quote, or the document."""
        mark = fence["mark"]
        closing = re.compile(rf"[ \t>]*{mark[0]}{{{len(mark)},}}[ \t]*(?:[\r\n]|\Z)")
        quoted = ">" in fence["lead"]
        width = len(fence["lead"]) if fence["lead"].strip(" \t>") else 0  # of the list item that it opens in
        at = self.line_end(fence.end())
        while at < len(self.text):
            end = self.line_end(at)
            line = self.text[at:end]
            if quoted and not line.lstrip(" \t").startswith(">"):
                return at
            if line.strip() and len(line) - len(line.lstrip(" \t>")) < width:
                return at
            if closing.match(self.text, at):
                return end
            at = end
        return len(self.text)

    def code_end(self, opening: re.Match[str]) -> int | None:
        """Return where the code span that opens here ends, None when no equal run of backticks closes it."""
        starts = self.ticks.get(len(opening[0]), [])
        index = bisect.bisect_left(starts, opening.end())
        if index == len(starts):
            return None
        if starts[index] > self.next_break(opening.end()):
            return None
        return starts[index] + len(opening[0])

    def next_break(self, offset: int) -> int:
        """Return where the paragraph of an offset ends."""
        index = bisect.bisect_left(self.breaks, offset)
        return self.breaks[index] if index < len(self.breaks) else len(self.text)

    def comment(self, start: int, may_span: bool) -> int | None:
        """Record the comment that starts here and return where it ends; None when it is none but plain text.

        Args:
            start: of the comment.
            may_span: it stands in an HTML block, where it may go on over paragraphs, and to the end if never closed.
        """
        found = _COMMENT.match(self.text, start) if start <= self.last_comment_end else None
        if found is not None and not may_span and self.next_break(start) < found.end():
            found = None  # a comment in running text ends with its paragraph
        if found is None:
            if _UNCLOSED.match(self.text, start):
                self.errors.append(
                    self.source.refusal("unclosed", "the comment is never closed", start, "end it with -->")
                )
            if not may_span:
                return None
            self.hidden.append((start, len(self.text)))
            return len(self.text)
        self.hidden.append((start, found.end()))
        marker = _MARKER.fullmatch(found["content"] or "")
        if marker is not None:
            self.marker(marker, (start, found.end()))
        return found.end()

    def marker(self, found: re.Match[str], span: Span) -> None:
        kinds: dict[str, MarkerKind] = {kind: kind for kind in ARGUMENTS}
        kind = kinds.get(found["name"])
        if kind is None:
            self.errors.append(unknown_marker(self.source, span[0], found["name"], "gatekit:"))
            return
        self.markers.append(Marker(kind, not found["slash"], tuple(found["rest"].split()), span))


MINUS = "\u2212"
"""The typographic minus sign; documents may use it for the ASCII one."""
_EMPHASIS = re.compile(r"(?<!\w)[*_]+(?=\S)|(?<=\S)[*_]+(?!\w)")
_LINK = re.compile(r"\[([^\]\[]*)\]\([^()\s]*\)")
_QUOTE = re.compile(r"\A[ \t]*>[ \t>]*")


def plain_number(text: str) -> str:
    """Return a printed number without the space around it and with an ASCII minus."""
    return text.strip().replace(MINUS, "-")


def dressed(old: str, number: str) -> str:
    """Return a number as it is printed in place of `old`: with the space around it and the minus sign of that."""
    bare = old.strip()
    lead = old[: len(old) - len(old.lstrip())]
    minus = number.replace("-", MINUS) if MINUS in bare else number
    return lead + minus + (old[len(lead) + len(bare) :])


def plain_words(text: str) -> str:
    """Return the words of a passage: without emphasis and code marks, link targets and the `>` of quotes.

    Only marks at the edge of a word are taken away: `5*3`, `5 * 3` and `d_sae` stay as they are.
    """
    first, *others = LINE_END.split(text)
    lines = [first, *(_QUOTE.sub("", line) for line in others)]
    words = _LINK.sub(r"\1", "\n".join(lines)).replace("`", "")
    return " ".join(_EMPHASIS.sub("", words).split())


SYNTAX = Syntax(plain_number, plain_words)
