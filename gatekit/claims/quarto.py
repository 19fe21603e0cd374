"""Quarto: Markdown, but for what runs or brings text from elsewhere when the document is made, which is refused.

What the chunks of code print is not in the document, so it is not read.
"""

from __future__ import annotations

import re
from dataclasses import replace

from gatekit.claims import markdown
from gatekit.claims.bindings import Reading
from gatekit.claims.document_text import DocumentText

SUFFIX = ".qmd"
SYNTAX = markdown.SYNTAX

_BROUGHT = re.compile(
    r"(?P<shortcode>\{\{[<%])"
    r"|(?P<inline>(?<!`)`{1,2}(?!`)\{?(?:r|python|julia|ojs)\}?[ \t\r\n])"
    r"|(?P<raw>(?:```|~~~)[`~]*[ \t]*\{=)"
    r"|(?P<div>:::[^\r\n]*(?:hidden|when-|unless-|visible))"
    r"|(?P<metadata>(?:\r\n|\n|\r)[ \t]*(?:\r\n|\n|\r)---[ \t]*(?:\r\n|\n|\r)(?=[ \t]*[^\s]))"
    r"|(?P<span>\][ \t]*\{[^{}\r\n]*(?:style|hidden|\.content)|`[ \t]*\{=)"
)
_NAMES = {
    "shortcode": "a shortcode brings text from elsewhere",
    "inline": "code in a line prints text that is not here",
    "raw": "a raw block is typeset as it stands",
    "div": "text that is shown under a condition",
    "metadata": "a block of metadata within the document is not shown",
    "span": "text with a style, a condition or in another language",
}


def read(source: DocumentText) -> Reading:
    """Return what a Quarto document shows, and its markers, with an error for each thing that is not in it."""
    reading = markdown.read(source)
    errors = [
        source.refusal(
            "quarto", f"{_NAMES[found.lastgroup or '']}, so it cannot be checked", found.start(), "take it out"
        )
        for found in _BROUGHT.finditer(source.text)
    ]
    return replace(reading, errors=(*reading.errors, *errors))
