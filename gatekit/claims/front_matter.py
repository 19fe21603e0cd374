"""Lines at the top of a document that say something about it: YAML or TOML between marks, or `key: value`.

GitHub shows YAML there as a table, without its comments; sites hide it, and MkDocs hides lines of `key: value` as well.
A parser of Markdown takes all of it for text, or for the beginning of what follows.
"""

from __future__ import annotations

import re

from gatekit.claims.document_text import LINE_END
from gatekit.claims.github_markdown import FOOTNOTES, parser

_MARKS = ("---", "+++")
_KEY = re.compile(r"[ ]{0,3}[A-Za-z0-9_-]+:")
_MORE = re.compile(r"[ ]{4}|\t")
_SENTINEL = "x"
_ENDS = frozenset({"hr", "heading_close", "paragraph_close"})


def marked_lines(text: str) -> int:
    """Return of how many lines the front matter between marks is, the marks among them; 0 where there is none."""
    if not text.startswith(_MARKS):
        return 0
    for number, line in enumerate(_lines(text)):
        if number == 0:
            mark = line.rstrip(" \t")
            if mark not in _MARKS:
                return 0
        elif line.rstrip(" \t") in (mark, "..."):
            return number + 1
    return 0


def key_lines(text: str) -> int:
    """Return of how many lines of `key: value` a document begins with; 0 where its first line is none."""
    count = 0
    for line in _lines(text):
        if not (_KEY.match(line) or (count and _MORE.match(line))):
            break
        count += 1
    return count


def is_apart(front: str, behind: str) -> bool:
    """Whether a parser of Markdown reads what follows alike with the front matter and without.

    Args:
        front: the lines of the front matter, each with its end.
        behind: what follows.
    """
    closing = front.splitlines()[-1].rstrip(" \t")
    # A line of --- ends every list and paragraph; behind any other only a blank line does.
    is_rule = closing == "---"
    if not is_rule and behind and behind.lstrip(" \t")[:1] not in ("\n", "\r", ""):
        return False
    env: dict[str, object] = {}
    tokens = parser().parse(f"{front.rstrip()}{'' if is_rule else chr(10)}\n{_SENTINEL}\n", env)
    if env.get("references") or FOOTNOTES in env or len(tokens) < 4:
        return False
    last, paragraph = tokens[-4], tokens[-3]
    return last.type in _ENDS and last.level == paragraph.level == 0 and tokens[-2].content == _SENTINEL


def _lines(text: str) -> list[str]:
    return LINE_END.split(text)
