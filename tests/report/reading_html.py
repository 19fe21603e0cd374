"""A page as two independent readers see it: the standard library's HTML parser and its XML parser."""

from __future__ import annotations

import html.parser
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

VOID = {"meta", "br", "input", "img"}


@dataclass
class Page(html.parser.HTMLParser):
    """What an HTML reader makes of a page."""

    tags: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Every element with the names of its attributes."""
    values: list[tuple[str, str]] = field(default_factory=list)
    """Every attribute with its value."""
    text: list[str] = field(default_factory=list)
    """The pieces of text outside the style sheet."""
    open: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    """The text of every table cell."""
    others: list[str] = field(default_factory=list)
    """Comments and processing instructions."""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.values += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.values += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)


def read(text: str) -> Page:
    """Read a page; both readers must agree on its elements."""
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == [], "every element is closed"
    tree = ElementTree.fromstring(text)  # our own bytes
    seen = [element.tag.rpartition("}")[2].lower() for element in tree.iter()]
    assert seen == [tag for tag, _ in page.tags]
    return page
