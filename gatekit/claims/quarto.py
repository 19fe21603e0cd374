"""Quarto: Markdown, but for what runs or brings text from elsewhere when the document is made, which is refused.

What the chunks of code print is not in the document, so it is not read.
"""

from __future__ import annotations

import re
from dataclasses import replace

from gatekit.claims import markdown
from gatekit.claims.bindings import Reading
from gatekit.claims.document_text import DocumentText
from gatekit.claims.prose import EDGE, Piece

SUFFIX = ".qmd"
SYNTAX = markdown.SYNTAX

_BROUGHT = re.compile(
    r"(?P<shortcode>\{\{[<%])"
    r"|(?P<inline>(?<!`)`{1,2}(?!`)\{?(?:r|python|julia|ojs)\}?[ \t\r\n])"
    r"|(?P<raw>(?<![`~])(?:```|~~~)[`~]*+[ \t]*+\{=)"
    r"|(?P<div>(?<!:):::+(?:(?!:::)[^\r\n])*?(?:hidden|when-|unless-|visible))"
    r"|(?P<metadata>(?:\r\n|\n|\r)[ \t]*(?:\r\n|\n|\r)---[ \t]*(?:\r\n|\n|\r)(?=[ \t]*[^\s]))"
    r"|(?P<tex>\\(?:iffalse|if[a-z]{2,}|begin\{comment\}|catcode|csname|def|let|renewcommand|[hv]?phantom|textcolor|color"
    r"|llap|rlap|reflectbox|rotatebox|scalebox|sout)(?![A-Za-z]))"
    r"|(?P<span>\][ \t]*\{[^{}\r\n]*(?:style|hidden|\.content)|`[ \t]*\{=)"
)
_NAMES = {
    "shortcode": "a shortcode brings text from elsewhere",
    "inline": "code in a line prints text that is not here",
    "raw": "a raw block is typeset as it stands",
    "div": "text that is shown under a condition",
    "metadata": "a block of metadata within the document is not shown",
    "tex": "a command of TeX that can hide or change what is shown",
    "span": "text with a style, a condition or in another language",
}


_CAPTION = re.compile(
    r"^[ \t>]*(?:#|//|--|%)\|[ \t]*(?:[a-z]+-)?(?:sub)?(?:cap|caption|alt|title|subtitle|label|summary)[ \t]*:"
    r"(?P<option>[^\r\n]*)"
    r"|^[ \t>]*(?:`{3,}+|~{3,}+)[^\r\n]*?(?:fig|tbl)\.(?:cap|alt)[ \t]*=(?P<header>[^\r\n]*)",
    re.MULTILINE,
)
"""What a chunk of code says of what it shows: a caption is text of the document."""


def read(source: DocumentText) -> Reading:
    """Return what a Quarto document shows, and its markers, with an error for each thing that is not in it."""
    reading = markdown.read(source)
    errors = [
        source.refusal(
            "quarto", f"{_NAMES[found.lastgroup or '']}, so it cannot be checked", found.start(), "take it out"
        )
        for found in _BROUGHT.finditer(source.text)
    ]
    captions: list[Piece] = []
    for found in _CAPTION.finditer(source.text):
        at = found.start(found.lastgroup or 0)
        captions += [Piece("edge", EDGE, at), Piece("text", f" {found[found.lastgroup or 0]} ", at)]
    return replace(reading, pieces=(*reading.pieces, *captions), errors=(*reading.errors, *errors))
