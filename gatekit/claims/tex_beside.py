"""What TeX shows right before and behind a value, as far as the text of a document tells, for the rules about numbers.

Only what could be taken for a part of the number matters: digits, signs and units through braces, spaces of every
width, line ends and commands that show nothing. What a command shows that is not known is not read.
"""

from __future__ import annotations

import re

from gatekit.claims.beside import makes_another

_NOTES = r"\\(?:[a-zA-Z]*cite[a-zA-Z]*|footnote(?:mark|text)?|thanks|todo|label|index|marginpar)(?![A-Za-z])"
_PARTS = re.compile(
    rf"(?P<note>{_NOTES})"
    r"|\{\}|(?P<math>\\[(\[])|(?P<end>\}\s*\{|\\\\|&|\\(?:par|newline|tabularnewline|item|hline|end|begin|hfill|[a-z]*rule|[q]?quad|section|paragraph)\b)"
    r"|(?P<space>\\[ ,;:]|\\thinspace|~|\\(?:enspace|space))"
    r"|(?P<sign>\\(?:%|(?:textperthousand|permil(?:le)?|textpertenthousand"
    r"|percent|times|cdot|div|minus|textminus|neg|pm)(?![A-Za-z])))"
    r"|(?P<number>\\(?:ref|eqref|pageref|arabic|roman|value|the[a-zA-Z]+|number|char|symbol|ding)(?![A-Za-z])"
    r"|\\(?:hspace\*?\s*\{\s*|kern\s*|hskip\s*|mkern\s*|mskip\s*|makebox\s*\[\s*0)-?)"
    r"|\\penalty\s*[0-9]*[ ]?|\\[A-Za-z@]+\*?(?:\[[^\[\]]{0,40}\])?[ \t]*|\\.|[{}$]",
    re.DOTALL,
)
_COMMENT = r"(?<!\\)%[^\r\n]*(?:\r\n|\r|\n"
_BEFORE, _BEHIND = re.compile(rf"{_COMMENT})[ \t]*"), re.compile(rf"{_COMMENT}|\Z)[ \t]*")
"""Comments, with the line end that they swallow."""
_SIGNS = {"%": "%", "percent": "%", "times": "\u00d7", "cdot": "\u00b7", "div": "\u00f7", "neg": "\u00ac", "pm": " "}


def makes_another_in_tex(left: str, right: str) -> bool:
    """Whether what a document of LaTeX shows before a value, or behind it, makes another number of it."""
    before = _PARTS.sub(_shown, _BEFORE.sub("", left)).rpartition("\n\n")[2]
    behind = _PARTS.sub(_shown, _BEHIND.sub("", right)).partition("\n\n")[0]
    return makes_another(before, "0.0", behind)


def _shown(found: re.Match[str]) -> str:
    if found["note"] or found["end"]:
        return "\n\n"
    if found["math"]:
        return "="
    if found["space"]:
        return " " if found["space"] == "\\ " else "\u2009"
    if found["sign"]:
        name = found["sign"][1:]
        return _SIGNS.get(name, "\u2030" if "per" in name else "\u2212")
    return "0" if found["number"] else ""
