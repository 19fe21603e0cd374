"""What HTML inside Markdown shows: text, tags and comments, by the standard library's HTML parser.

The parser's own rules for comments, declarations and raw text differ between Python versions and from browsers, so
those follow the HTML standard here (13.2.5.42 to 13.2.5.54), and what does not end is told apart: a browser hides what
comes behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Literal

EDGES = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "br", "caption", "center", "col", "colgroup"),
        *("dd", "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer"),
        *("form", "frame", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html"),
        *("iframe", "legend", "li", "link", "main", "menu", "menuitem", "nav", "noframes", "ol", "optgroup"),
        *("option", "p", "param", "pre", "search", "section", "summary", "table", "tbody", "td", "tfoot"),
        *("th", "thead", "title", "tr", "ul"),
    }
)
"""Elements that end the line of text that they stand in."""
OPAQUE = frozenset(
    {
        *("iframe", "noembed", "noframes", "noscript", "plaintext", "script", "style", "template", "textarea"),
        *("title", "xmp"),
    }
)
"""Elements in which renderers do not agree on what is a comment: GitHub shows their tags as text, a browser does not
read markup in them."""
DRAWN = frozenset(
    {
        *("applet", "audio", "button", "canvas", "embed", "img", "input", "keygen", "marquee", "math", "meter"),
        *("object", "picture", "progress", "select", "svg", "video"),
    }
)
"""Elements that are drawn: what they show may be a sign or a digit."""

_UNCLOSED = re.compile(r"<[A-Za-z/!?]")
_COMMENT_END = re.compile(r"--!?>")
_EMPTY_COMMENT = re.compile(r"<!---?>")


HtmlKind = Literal["text", "tag", "comment", "doubt", "rest"]


@dataclass(frozen=True)
class HtmlPart:
    """One run of text, one tag or comment, what some renderers hide and others show, or what is never closed."""

    kind: HtmlKind
    text: str
    """What is shown; of a tag or comment, all of it as it was written."""
    line: int
    """0-based, within the HTML that was read."""
    tag: str = ""
    """Lower case; with / in front of an end tag."""


class _Splitter(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[HtmlPart] = []

    def note(self, kind: HtmlKind, text: str, tag: str = "") -> None:
        self.parts.append(HtmlPart(kind, text, self.getpos()[0] - 1, tag))

    def set_cdata_mode(self, elem: str, **_: object) -> None:
        """Read what stands in a script or style as text and tags: GitHub shows it."""

    def handle_data(self, data: str) -> None:
        self.note("rest" if _UNCLOSED.match(data) else "text", data)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.note("tag", self.get_starttag_text() or "", tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.note("tag", f"</{tag}>", f"/{tag}")

    def handle_comment(self, data: str) -> None:  # of an end tag that is none, as </ x>
        self.note("doubt", f"<{data}>")

    def parse_starttag(self, i: int) -> int:
        end = super().parse_starttag(i)
        return end if end >= 0 else self.rest(i)

    def parse_endtag(self, i: int) -> int:
        end = super().parse_endtag(i)
        return end if end >= 0 else self.rest(i)

    def parse_comment(self, i: int, report: bool = True) -> int:  # noqa: ARG002
        text = self.rawdata
        empty = _EMPTY_COMMENT.match(text, i)
        found = empty or _COMMENT_END.search(text, i + 4)
        if found is None:
            return self.rest(i)
        self.note("comment", text[i : found.end()])
        return found.end()

    def parse_pi(self, i: int) -> int:
        return self.instruction(i)

    def parse_html_declaration(self, i: int) -> int:
        return self.instruction(i)

    def instruction(self, start: int) -> int:
        """Note an instruction, declaration or CDATA section: browsers hide it up to the first >."""
        end = self.rawdata.find(">", start + 2)
        if end < 0:
            return self.rest(start)
        self.note("doubt", self.rawdata[start : end + 1])
        return end + 1

    def rest(self, start: int) -> int:
        self.note("rest", self.rawdata[start:])
        return len(self.rawdata)


def split(html: str) -> list[HtmlPart]:
    """Return the parts of one piece of HTML, in order; what is left open at its end is text."""
    splitter = _Splitter()
    splitter.feed(html)
    splitter.close()
    left: Mapping[str, str] = vars(splitter)
    if left["rawdata"]:  # the parser keeps a half-read end to itself
        splitter.note("rest", left["rawdata"])
    return splitter.parts
