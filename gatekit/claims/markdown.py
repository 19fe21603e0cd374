"""Markdown: markers are HTML comments, which renderers hide.

    <!-- gatekit:claim ID -->...<!-- /gatekit:claim -->
    <!-- gatekit:value FILE MEASURE STATISTIC FORMAT -->-0.0513<!-- /gatekit:value -->
    <!-- gatekit:literal -->95 %<!-- /gatekit:literal -->

markdown-it-py parses the document, with GitHub's tables and strikethrough. Each marker of the source is numbered before
that; one that does not come out of the parser as a comment of its own is an error, wherever else it came out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import unescape
from typing import TYPE_CHECKING, Any

from gatekit.claims import front_matter, html_text
from gatekit.claims.bindings import (
    ARGUMENTS,
    Brought,
    Marker,
    MarkerKind,
    Reading,
    Syntax,
    unknown_marker,
)
from gatekit.claims.covering_html import Cover
from gatekit.claims.document_text import LINE_END, DocumentText
from gatekit.claims.github_markdown import AFTER_DEFINITION, DEEP_QUOTES, DEEPEST, FOOTNOTES, parser
from gatekit.claims.printed_number import plain_number
from gatekit.claims.prose import CLOSING, EDGE, HEADING, OPENING, Piece, PieceKind, joined_by_doubt, words
from gatekit.errors import GatekitError

if TYPE_CHECKING:
    from markdown_it.token import Token

EXAMPLE = "gatekit-example"
"""A word in the first line of a fence that shows markers."""
BLANK_LINE = "leave a blank line between them"
DRAWN = ("math", "mermaid", "geojson", "topojson")
"""Fences that GitHub draws: what stands in them is shown as text, not as code."""

_CANDIDATE = re.compile(r"<!--\s*+/?\s*+gatekit\s*:", re.IGNORECASE)
_NUMBERED = re.compile(f"{OPENING}([0-9]+){CLOSING}")
_MARKER = re.compile(
    rf"<!--\s*+(?P<slash>/?)\s*+gatekit\s*:{OPENING}(?P<number>[0-9]+){CLOSING}\s*+(?P<name>[^\s{OPENING}]*?)"
    rf"(?P<rest>(?:\s[^{OPENING}]*)?)-->",
    re.DOTALL | re.IGNORECASE,
)
_NEAR = re.compile(r"gatekit\s*:\s*/?\s*(?:claim|value|literal)\b", re.IGNORECASE)
# What every renderer takes for a comment in running text: GitHub's keeps to CommonMark 0.29, section 6.10.
_COMMENT = re.compile(r"<!---->|<!--(?:-?[^>-])(?:-?[^-])*-->")
_EMPTY_ITEM = re.compile(r"[ \t>]*(?:(?:[-+*]|[0-9]{1,9}[.)])[ \t]*)+(?:\[[ xX]\][ \t]*)?")
_FOOTNOTE = re.compile(r"^[ \t]*\[\^[^\]\n]+\]:", re.MULTILINE)
_STARTS_BLOCK = re.compile(r"[ \t]*(?:[<~`#>=|+*-]|[0-9]{1,9}[.)]|\[\^)")
"""What may begin a block of its own where no paragraph goes on."""
_DELIMITER_ROW = re.compile(
    r"^[ \t]*(?=[^\n]*[|:])\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$", re.MULTILINE
)
_BARE_LINK = re.compile(r"(?:www\.|(?:https?|ftp)://)\S*", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^<>]*>")
_MARKUP = re.compile(r"[*_~&\\`\[\]!]")
_MARKS_IN_NUMBER = re.compile(r"[0-9.,][*_~]+[0-9.,]")
_TAG = re.compile(r"<(/?[A-Za-z][A-Za-z0-9-]*)")
_HOLDS_BLOCKS = re.compile(r"^[ \t]*(?:(?:!!!|\?\?\?\+?|===[+!]?)[ \t]|:[ \t])", re.MULTILINE)
"""Begins, in MkDocs, a note, tab or definition; what is indented below it is text there."""
_DIRECTIVE = re.compile(
    r"\s*\{(?!code|literalinclude|(?:r|python|julia|bash|sh|sql|ojs|node)\b)[a-z][\w:+-]*\}", re.IGNORECASE
)
"""What MyST makes of a fence: a note, a figure, a table; what stands in it is text there."""
_BRINGS = re.compile(
    r"(?:\{%-?\s{0,9}(?:include\w*|render|import|extends)\s{1,9}|--8<--\s{1,9}|\{!\s{0,9}|\{(?:include|literalinclude)\}\s{1,9})"
    r"[\"']?(?P<name>[^\s\"'%!]{1,200})"
)
_MOST_BROUGHT = 500
_WINDOW = 2000
"""Characters behind the last known place in which a piece is looked for in the source."""


def read(source: DocumentText) -> Reading:
    """Return what a Markdown document shows, and its markers."""
    return _Walk(source).read()


def read_html(source: DocumentText) -> Reading:
    """Return what a text shows that is HTML and no Markdown; it holds no markers."""
    walk = _Walk(source)
    walk.html(source.text)
    return Reading(tuple(walk.pieces), (), tuple(walk.errors))


def markers_in(text: str) -> list[int]:
    """Return where markers begin in a text, wherever they stand in it."""
    return [found.start() for found in _CANDIDATE.finditer(text)]


@cache
def sentence_words(sentence: str) -> str:
    """Return the words of a registered sentence, which may hold emphasis, links and code."""
    source = DocumentText("", sentence)
    walk = _Walk(source)
    for token in parser().parseInline(sentence):
        walk.inline(token.children or [])
    return words(walk.pieces)


class _Walk:
    """One pass over the parser's tokens; keeps what has been found."""

    def __init__(self, source: DocumentText) -> None:
        self.source = source
        self.text = source.text
        self.pieces: list[Piece] = []
        self.markers: list[Marker] = []
        self.errors: list[GatekitError] = []
        self.starts: list[int] = []
        """Where each marker starts in the source."""
        self.waiting: dict[int, str] = {}
        """Number of each marker that the parser has not shown as a comment -> where it came out."""
        self.at = 0
        """Everything before it in the source has been read."""
        self.limit = len(self.text)
        self.is_doubtful = False
        """Whether renderers read the present paragraph differently."""
        self.opaque: list[str] = []
        """Open elements in which renderers do not agree on comments."""
        self.brought: list[tuple[str, int]] = []
        """What templates and extensions of Markdown bring from other files, and where they say so."""
        self.cover = Cover()
        """Open elements that could hide what stands in them, or turn it round."""
        self.struck = 0
        """How many runs of struck out text are open."""
        self.place_in_html: tuple[str, int] = ("", 0)
        """Which run of HTML is read: what one begins, no other can be trusted to end."""

    def read(self) -> Reading:
        env: dict[str, Any] = {}
        tokens = parser().parse(self.without_front_matter(self.numbered()), env)
        for token in tokens:
            if token.level >= DEEPEST - 2:
                line = self.source.start_of_line(token.map[0]) if token.map else 0
                message = f"lists and quotes are more than {DEEPEST - 2} deep"
                self.errors.append(GatekitError("document.depth", message, self.source.location(line)))
                break
        for line in env.get(DEEP_QUOTES, {}):
            self.at = self.source.start_of_line(line)
            self.refuse(
                "quote", "a > that is indented by four or more begins no line of a quote on GitHub", "indent it less"
            )
        for line in env.get(AFTER_DEFINITION, {}):
            self.at = self.source.start_of_line(line)
            self.refuse(
                "definition", "text right behind a link definition is read differently by renderers", BLANK_LINE
            )
        self.at = 0
        before, holds_blocks = "", False
        # Also one that stands right below a line of text, which this parser does not tell apart.
        in_text = (token.content for token in tokens if token.type == "inline")
        has_footnotes = FOOTNOTES in env or any(map(_FOOTNOTE.search, in_text))
        for token in tokens:
            # What is indented under a footnote or an empty list item belongs to it on GitHub, and is no code.
            is_of_list = before in ("bullet_list_close", "ordered_list_close")
            self.block(token, has_footnotes or is_of_list or (before == "paragraph_close" and holds_blocks))
            before = token.type
            if token.type == "inline":
                holds_blocks = _HOLDS_BLOCKS.search(token.content) is not None
        self.refuse_waiting()
        for at in joined_by_doubt(self.pieces):
            message = "some renderers show this and others hide it, which makes one number or word of what is around it"
            self.errors.append(self.source.refusal("glued", message, at, "leave a space"))
        brought = tuple(Brought(name, self.source.location(at)) for name, at in self.brought)
        return Reading(tuple(self.pieces), tuple(self.markers), tuple(self.errors), brought=brought)

    def without_front_matter(self, numbered: str) -> str:
        """Read what some renderers hide at the top, and return the text with blank lines in its place."""
        if self.source.is_part:
            return numbered
        count = front_matter.marked_lines(numbered)
        lines = LINE_END.split(numbered)
        front, behind = "\n".join(lines[:count]) + "\n", "\n".join(lines[count:])
        if count and not front_matter.is_apart(front, behind):
            self.refuse("front_matter", "renderers do not agree on where this front matter ends", BLANK_LINE)
        for number in range(count):
            self.at, self.limit = self.source.start_of_line(number), self.source.start_of_line(number + 1)
            self.doubt(lines[number] + "\n")
        if not count:
            hidden = "\n".join(lines[: front_matter.key_lines(numbered)])
            found = _NUMBERED.search(hidden)
            if found is not None:
                message = "the marker stands in lines of 'key: value' at the top, which some renderers do not show"
                remedy = "put a heading above them"
                self.errors.append(self.source.refusal("marker", message, self.starts[int(found[1])], remedy))
        return "\n" * count + behind if count else numbered

    def numbered(self) -> str:
        """Return the source with a number in each marker, which changes nothing about how it is parsed."""
        parts, at = [], 0
        for number, found in enumerate(_CANDIDATE.finditer(self.text)):
            self.starts.append(found.start())
            self.waiting[number] = "nowhere"
            parts += [self.text[at : found.end()], f"{OPENING}{number}{CLOSING}"]
            at = found.end()
        return "".join([*parts, self.text[at:]])

    def refuse_waiting(self) -> None:
        last_end = self.text.rfind("-->")
        for number, where in self.waiting.items():
            start = self.starts[number]
            if start > last_end:
                refusal = self.source.refusal("unclosed", "the comment is never closed", start, "end it with -->")
            elif where == "code":
                remedy = f"take it out of the code, or write {EXAMPLE} in the first line of a fence that shows markers"
                refusal = self.source.refusal(
                    "marker", "the marker stands in code, where it binds nothing", start, remedy
                )
            else:
                refusal = self.source.refusal(
                    "marker",
                    "the marker is not read as a comment here, so it binds nothing",
                    start,
                    "put it in running text, closed by --> and without -- in it",
                )
            self.errors.append(refusal)

    # Blocks

    def block(self, token: Token, code_is_shown: bool) -> None:
        if token.map is not None:
            self.at = max(self.at, self.source.start_of_line(token.map[0]))
            self.limit = self.source.start_of_line(token.map[1])
        if token.type == "inline":
            self.place_in_html = ("inline", self.at)
            self.running_text(token)
        elif token.type == "html_block":
            self.place_in_html = ("block", token.level)
            self.edge()
            self.html(token.content)
            self.edge()
        elif token.type in ("fence", "code_block"):
            self.edge()
            self.code_block(token, code_is_shown)
            self.edge()
        else:
            if token.type == "list_item_open":
                self.list_item(token)
            self.edge(HEADING if token.type == "heading_open" else EDGE)
            if token.type == "list_item_open" and token.info:
                self.pieces.append(Piece("text", f"{token.info}{token.markup} ", self.at))

    def list_item(self, token: Token) -> None:
        """Refuse an empty item over a line of spaces: GitHub goes on with the item there, this parser does not."""
        first = self.source.line(token.map[0]) if token.map else ""
        second = self.source.line(token.map[0] + 1) if token.map else ""
        is_spaces = bool(second.strip(">")) or first.rstrip().endswith("]")
        if _EMPTY_ITEM.fullmatch(first) and is_spaces and not second.strip(" \t>"):
            message = "an empty list item over a line of spaces is read differently by renderers"
            self.refuse("list_item", message, "take the spaces away")

    def refuse(self, error_id: str, message: str, remedy: str) -> None:
        """Refuse, at the present place, what renderers read differently."""
        self.errors.append(GatekitError(f"document.{error_id}", message, self.source.location(self.at), remedy))

    def edge(self, mark: str = EDGE) -> None:
        if mark == HEADING or not self.pieces or self.pieces[-1].kind != "edge":
            self.pieces.append(Piece("edge", f"\n{mark}", self.at))

    def code_block(self, token: Token, is_shown: bool) -> None:
        info = token.info.split()
        self.seen(token.info, "code")
        self.note_brought(token.info)
        if EXAMPLE in info:
            for number in map(int, _NUMBERED.findall(token.content)):
                self.waiting.pop(number, None)
        is_shown = is_shown or (bool(info) and (info[0].lower() in DRAWN or _DIRECTIVE.match(token.info) is not None))
        if token.type == "code_block" and token.map and token.map[0]:
            # What is indented right below a table is a row of it on GitHub.
            is_shown = is_shown or bool(self.source.line(token.map[0] - 1).strip(" \t>"))
        for line in token.content.splitlines(keepends=True):
            text = self.seen(line, "code")
            if is_shown:
                self.doubt(text)
            else:
                self.pieces.append(Piece("code", text, self.place(text.strip())))

    def note_brought(self, text: str) -> None:
        if len(self.brought) < _MOST_BROUGHT:
            self.brought += [(found["name"], self.at) for found in _BRINGS.finditer(_NUMBERED.sub("", text))]

    # Running text

    def running_text(self, token: Token) -> None:
        """Read one paragraph, heading or cell."""
        if _DELIMITER_ROW.search(token.content):
            message = "GitHub makes a table of the line above this row of dashes, other renderers do not"
            self.refuse("table", message, "leave a blank line above the table, and write its header with |")
        if _starts_block_in_footnote(token.content):
            message = "a footnote with a block in it, or right below it, is read differently by renderers"
            self.refuse("footnote", message, BLANK_LINE)
        # GitHub makes a footnote, or a link with a backtick or bracket in it, of what is something else to this parser,
        # and misses code spans behind a backtick that nothing closes.
        links = [found[0] for found in _BARE_LINK.finditer(token.content) if _MARKUP.search(found[0])]
        eats_mark = any(mark in link for link in links for mark in "`[]")
        kinds = {child.type for child in token.children or () if child.type == "code_inline" or "`" in child.content}
        self.is_doubtful = eats_mark or {"code_inline", "text"} <= kinds or bool(_FOOTNOTE.search(token.content))
        # Behind a comment that is none, GitHub takes nothing more of the paragraph for a comment.
        self.is_doubtful |= any(child.type == "text" and "<!--" in child.content for child in token.children or ())
        self.note_brought(token.content)
        self.inline(token.children or [])
        is_emphatic = any(child.type in ("em_open", "strong_open", "s_open") for child in token.children or ())
        # The marks of emphasis, and what an entity at its end stands for, may belong to the link.
        if self.is_doubtful or (links and (is_emphatic or any("&" in link for link in links))):
            self.doubt(token.content, "extra")
        for word in filter(_MARKS_IN_NUMBER.search, token.content.split()):  # as emphasis, or as they are written
            self.doubt(word, "extra")
        for link in links:  # shown as it is written
            self.doubt(_ANY_TAG.sub("", link), "extra")
            if "<" in link:  # the backslash before it is a part of the link, and what follows a link of its own
                self.doubt(re.sub(r"[<>\\]", "", link), "extra")
        self.is_doubtful = False

    def inline(self, tokens: Sequence[Token], in_image: bool = False) -> None:
        for index, token in enumerate(tokens):
            if token.type == "text":
                text = self.seen(token.content, "text")
                self.pieces.append(Piece("text", text, self.place(text)))
            elif token.type == "text_special":
                self.pieces.append(Piece("text", token.content, self.place(token.markup)))
            elif token.type in ("softbreak", "hardbreak"):
                self.pieces.append(Piece("text", "\n", self.at))
                self.at = min(self.source.next_line(self.at), self.limit)
            elif token.type == "code_inline":
                text = self.seen(token.content, "code")
                # GitHub draws $`0.9`$ as a formula; MyST shows {sub}`0.9` as text.
                ahead = tokens[index - 1].content[-1:] if index else ""
                behind = tokens[index + 1].content[:1] if index + 1 < len(tokens) else ""
                if ahead == "}" or (ahead == behind == "$"):
                    self.pieces.append(Piece("extra", text, self.at))
                self.pieces.append(Piece("code", text, self.place(text)))
            elif token.type == "html_inline":
                self.markup(token.content, in_image)
            elif token.type == "image":
                self.picture(token.children or [])
            elif token.type in ("s_open", "s_close"):
                self.struck += 1 if token.type == "s_open" else -1
                self.pieces.append(Piece("mark", token.markup, self.at))

    def picture(self, tokens: Sequence[Token]) -> None:
        """Read the text in place of a picture, which stands apart from the text around it."""
        self.pieces += [Piece("picture", "![", self.at), Piece("text", " ", self.at)]
        self.inline(tokens, in_image=True)
        self.pieces += [Piece("text", " ", self.at), Piece("picture", "]", self.at)]

    def markup(self, content: str, in_image: bool) -> None:
        """Read one tag or comment of running text."""
        tag = _TAG.match(content)
        if tag is not None:
            self.tag(content, tag[1].lower())
        elif _COMMENT.fullmatch(content) and not in_image:
            self.comment(content)
        else:
            self.doubt(content)

    def doubt(self, content: str, kind: PieceKind = "doubt") -> None:
        """Read what renderers show differently: as it is written, without entities, and without tags."""
        text = self.seen(content, "text")
        bare = unescape(_ANY_TAG.sub("", text))
        variants = list(dict.fromkeys([bare, unescape(text), text]))
        # What it is without tags stands at both ends, where it may touch what is around it.
        shown = [*variants, bare] if len(variants) > 1 else variants
        self.pieces.append(Piece(kind, " ".join(shown), self.place(text)))

    # HTML

    def html(self, content: str) -> None:
        for part in html_text.split(content):
            if part.kind == "tag":
                self.tag(part.text, part.tag)
            elif part.kind == "comment":
                self.comment(part.text)
            elif part.kind in ("doubt", "rest"):
                if part.kind == "rest" and OPENING not in part.text:  # a marker has its own error
                    self.refuse("html", "the HTML ends within a tag or comment", "close it before the next blank line")
                self.doubt(part.text)
            else:
                for line in part.text.splitlines(keepends=True):
                    text = self.seen(line, "text")
                    self.pieces.append(Piece("text", text, self.place(text.strip())))

    def tag(self, content: str, name: str) -> None:
        text = self.seen(content, "tag")
        at = self.place(text)
        if name == "br":
            self.pieces.append(Piece("text", "\n", at))
        elif name.removeprefix("/") in html_text.EDGES:
            self.edge()
        is_opaque = name.removeprefix("/") in html_text.OPAQUE
        drawn: PieceKind = "picture" if name.removeprefix("/") in html_text.DRAWN else "mark"
        self.pieces.append(Piece("doubt" if is_opaque else drawn, text, at))
        self.cover.note(content, name, self.place_in_html, at)
        if name in html_text.OPAQUE:
            self.opaque.append(name)
        elif name.startswith("/") and self.opaque and self.opaque[-1] == name[1:]:
            self.opaque.pop()

    def comment(self, content: str) -> None:
        found = _MARKER.fullmatch(content)
        if found is None or self.opaque or self.is_doubtful:
            self.other_comment(content)
            return
        number = int(found["number"])
        if self.waiting.pop(number, None) is None:
            return
        start = self.starts[number]
        end = self.text.find("-->", start) + len("-->")
        self.at = max(self.at, end)
        kinds: dict[str, MarkerKind] = {kind: kind for kind in ARGUMENTS}
        kind = kinds.get(found["name"])
        if kind is None:
            self.errors.append(unknown_marker(self.source, start, found["name"], "gatekit:"))
            return
        if self.cover.open and not found["slash"] and kind != "literal":
            element, place = self.cover.open[0]
            line = self.source.location(place).line
            message = f"the {kind} stands in {element} of line {line}, which can hide what is in it or turn it round"
            self.errors.append(
                self.source.refusal("covered", message, start, "take the element away, or close it first")
            )
        if self.struck and kind == "value" and not found["slash"]:
            message = "the bound number is struck out, as if another one held"
            self.errors.append(self.source.refusal("covered", message, start, "take the ~ away"))
        arguments = tuple(found["rest"].split())
        self.markers.append(Marker(kind, not found["slash"], arguments, (start, end), len(self.pieces)))
        self.pieces.append(Piece("marker", "", start))

    def other_comment(self, content: str) -> None:
        text = self.seen(content, "comment")
        at = self.place(text)
        if text == content and _NEAR.search(text):
            remedy = "a marker starts with <!-- gatekit: or <!-- /gatekit:"
            self.errors.append(self.source.refusal("marker", "the comment is nearly a marker", at, remedy))
        self.pieces.append(Piece("mark", text, at))

    # Places

    def seen(self, text: str, where: str) -> str:
        """Return text without the numbers of markers; those in it came out `where` they bind nothing."""
        if OPENING not in text:
            return text
        for number in map(int, _NUMBERED.findall(text)):
            if number in self.waiting:
                self.waiting[number] = where
        return _NUMBERED.sub("", text)

    def place(self, text: str) -> int:
        """Return where a piece stands in the source, as far as it stands there as it is shown."""
        found = self.text.find(text, self.at, min(self.limit, self.at + len(text) + _WINDOW)) if text else -1
        if found < 0:
            return self.at
        self.at = found + len(text)
        return found


def _starts_block_in_footnote(paragraph: str) -> bool:
    """Whether what could be a block of its own stands in a footnote of a paragraph, or below it.

    On GitHub a footnote ends the paragraph that it stands in, so that more may begin behind it than within a paragraph.
    """
    found = _FOOTNOTE.search(paragraph)
    if found is None:
        return False
    for line in paragraph[found.start() :].split("\n"):
        note = _FOOTNOTE.match(line)
        if _STARTS_BLOCK.match(line[note.end() :] if note is not None else line):
            return True
    return False


SYNTAX = Syntax(plain_number, words, is_shown_as_written=True)
