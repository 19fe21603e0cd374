"""The pages that people read, by the parser that gatekit reads documents with: their headings, links and commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
PAGES = tuple(sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]))
_PARSER = MarkdownIt("commonmark").enable("table")
_HTML_LINK = re.compile(r"""\b(?:href|src|srcset)\s*=\s*["']([^"']+)["']""")
_HTML_NAME = re.compile(r"""\b(?:id|name)\s*=\s*["']([^"']+)["']""")


@dataclass(frozen=True)
class Code:
    """A block of code: where it starts, its language, "" where it says none, and its text."""

    line: int
    language: str
    text: str


def tokens(page: Path) -> list[Token]:
    """What the page is made of."""
    return _PARSER.parse(page.read_text(encoding="utf-8"))


def code_blocks(page: Path) -> list[Code]:
    """Fenced and indented blocks, in order."""
    return [
        Code((token.map or [0])[0] + 1, (token.info.split() or [""])[0], token.content)
        for token in tokens(page)
        if token.type in ("fence", "code_block")
    ]


def code_spans(page: Path) -> list[str]:
    """What stands between backticks in the text."""
    return [child.content for token in tokens(page) for child in token.children or [] if child.type == "code_inline"]


def links(page: Path) -> Iterator[str]:
    """Where links and pictures lead, those of HTML too."""
    for token in tokens(page):
        for part in (token, *(token.children or [])):
            if part.type == "link_open":
                yield str(part.attrs["href"])
            elif part.type == "image":
                yield str(part.attrs["src"])
            elif part.type in ("html_block", "html_inline"):
                yield from _HTML_LINK.findall(part.content)


def anchors(page: Path) -> set[str]:
    """The names that a link to a place in the page may end in, as GitHub makes them of headings."""
    found: dict[str, int] = {}
    names = set()
    parts = tokens(page)
    for opening, inline in pairwise(parts):
        if opening.type == "heading_open":
            shown = "".join(part.content for part in inline.children or [] if part.type in ("text", "code_inline"))
            name = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
            names.add(name if name not in found else f"{name}-{found[name]}")
            found[name] = found.get(name, 0) + 1
    for token in parts:
        for part in (token, *(token.children or [])):
            if part.type in ("html_block", "html_inline"):
                names.update(_HTML_NAME.findall(part.content))
    return names
