"""Look for what nobody registered: measured-looking numbers and claim language in the prose of the documents.

Prose is what is left without code, comments, links, markup and whatever a marker already answers for. A pattern cannot
know what a number means: dates, versions, section numbers and what is declared literal are left out, everything else
that has a decimal point or a percent sign is pointed at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.claims.bindings import Span
from gatekit.claims.documents import ClaimsDocument
from gatekit.errors import Location


@dataclass(frozen=True)
class Stray:
    """Something in prose that nobody registered."""

    kind: str
    """`number` or `language`."""
    text: str
    location: Location


CLAIM_LANGUAGE = (
    r"state[-\s]of[-\s]the[-\s]art",
    r"SOTA",
    r"out-?perform(?:s|ed|ing)?",
    r"surpass(?:es|ed|ing)?",
    r"beats?",
    r"significan(?:t|tly|ce)",
    r"better\s+than",
    r"worse\s+than",
    r"best[-\s]performing",
    r"superior(?:ity)?",
    r"robust(?:ly|ness)?",
    r"reliabl[ey]",
    r"dramatic(?:ally)?",
    r"substantial(?:ly)?",
    r"unprecedented",
    r"prove[sn]?",
)
"""Words that assert a result, as regular expressions without regard to case."""

_LANGUAGE = re.compile(rf"(?<![\w-])(?:{'|'.join(CLAIM_LANGUAGE)})(?![\w-])", re.IGNORECASE)

_PERCENT = r"(?:[ \t\u00a0\u2009\u202f~]|\\[,; ])?\\?%"
_LEVEL = r"(?:[\s~]+(?:(?:one|two)[-\s]sided|lower|upper|simultaneous))*[\s~]+(?:confidence|CI)\b"
"""What makes the number before it a level of confidence: `95 % one-sided confidence`."""
_NUMBER = re.compile(
    rf"""
    (?<![\w.,:/@\#^-]) [+\-\u2212]? [0-9]+(?:,[0-9]{{3}})* (?:
        \.[0-9]+ (?:[eE][+-]?[0-9]+)? (?: {_PERCENT} | [x\u00d7] )?+  # a decimal, also in per cent or as a factor
      | {_PERCENT}
    ) (?! [\w:/@] | [.,][0-9] | {_LEVEL} )                          # no version, date, unit, path or level
    """,
    re.VERBOSE,
)
# A number behind one of these words counts or names something; it measures nothing.
_WORDS = (
    r"(?:\b(?:v|versions?|python|releases?|sections?|sec\.|chapter|figure|fig\.|table|tab\.|equation|eq\.|appendix"
    r"|step|confidence|confidence level|arxiv|cc by|cc by-sa|licen[cs]e|apache|cuda|utc|schema)|\u00a7{1,2})\s*\(?"
)
_NAMES_SOMETHING = re.compile(rf"{_WORDS}\Z", re.IGNORECASE)
# So does a plain decimal further on in a list of such: 3.11, 3.12 or 3.13.
_AND = r"(?:\s*,\s*(?:and|or)\s+|\s*[,/\u2013-]\s*|\s+(?:and|or|to)\s+)"
_LISTS_SOMETHING = re.compile(rf"{_WORDS}(?:[0-9]+(?:\.[0-9]+)+{_AND}){{1,4}}\Z", re.IGNORECASE)
_WINDOW = 64
"""Characters before a number in which such a word, and a list behind it, would begin."""

_LIST_ITEM = re.compile(r"[ \t>]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]")
_MARKDOWN_MASKS = (
    re.compile(r"\A---[ \t]*(?:\r\n|\n).*?(?:\r\n|\n)---[ \t]*(?=\r|\n)", re.DOTALL),  # front matter
    re.compile(r"^[ \t]*\[[^\]\r\n]+\]:[^\r\n]*", re.MULTILINE),  # link definitions
    re.compile(r"\]\([^()\s]*(?:[ \t]+\"[^\"\r\n]*\")?\)|\]\[[^\]\r\n]*\]"),  # link targets
    re.compile(r"</?[A-Za-z][^<>]*>"),  # tags and autolinks
    re.compile(r"\b(?:https?|ftp|mailto)://?[^\s<>)\]]+"),
    re.compile(r"^[ \t>]*\#{1,6}[ \t]+[1-9][0-9]*(?:\.[0-9]+)*\.?(?=[ \t])", re.MULTILINE),  # numbers of headings
    re.compile(r"^[ \t>]*[0-9]{1,9}[.)](?=[ \t])", re.MULTILINE),  # numbers of list items
)
_LATEX_MASKS = (
    re.compile(r"\A.*?\\begin\{document\}", re.DOTALL),  # the preamble
    re.compile(r"[0-9.]+[ \t]*(?=\\(?:text|line|column|page)(?:width|height)\b)"),
    re.compile(
        r"\\(?:documentclass|usepackage|includegraphics|input|include|label|ref|eqref|autoref|cref|Cref|pageref"
        r"|cite[a-z]*\*?|url|href|bibliography|bibliographystyle|[vh]space\*?|setlength|addtolength|setcounter"
        r"|begin|end|resizebox|scalebox|definecolor|color|textcolor|rule|pgfplotsset|tikzset)"
        r"(?:\[[^\[\]]*\])*(?:\{[^{}]*\})*"
    ),
    re.compile(r"\\[A-Za-z@]+\*?(?:\[[^\[\]]*\])?"),  # any other macro with its options
)


def scan_numbers(document: ClaimsDocument) -> list[Stray]:
    """Return the decimals and percentages of the prose that no evidence is bound to, in the order of the text."""
    found = []
    prose = _blanked(document, [value.span for value in document.values])
    source = document.source
    for number in _NUMBER.finditer(prose):
        before = prose[max(0, number.start() - _WINDOW) : number.start()]
        is_listed = number[0].replace(".", "").isdigit() and _LISTS_SOMETHING.search(before)
        if not is_listed and not _NAMES_SOMETHING.search(before):
            found.append(Stray("number", number[0], source.location(number.start())))
    return found


def scan_language(document: ClaimsDocument) -> list[Stray]:
    """Return the claim language outside registered claims, in the order of the text."""
    prose = _blanked(document, [block.span for block in document.blocks])
    source = document.source
    return [
        Stray("language", " ".join(found[0].split()), source.location(found.start()))
        for found in _LANGUAGE.finditer(prose)
    ]


def _blanked(document: ClaimsDocument, answered: Sequence[Span]) -> str:
    """Return the text with everything that is not prose, or is answered for, as spaces; line ends stay."""
    text = document.text
    pieces, at = [], 0
    for start, end in sorted([*document.hidden, *answered, *document.literals]):
        if end <= at:
            continue
        start = max(start, at)
        pieces += [text[at:start], _spaces(text[start:end])]
        at = end
    pieces.append(text[at:])
    prose = "".join(pieces)
    if document.syntax == "markdown":
        prose = _without_indented_code(prose)
    for mask in _MARKDOWN_MASKS if document.syntax == "markdown" else _LATEX_MASKS:
        prose = mask.sub(lambda found: _spaces(found[0]), prose)
    return prose


def _without_indented_code(text: str) -> str:
    """Blank lines indented by four or more behind a blank line, unless a list item above could hold them."""
    lines = []
    is_code, after_blank, in_list = False, True, False
    for line in text.splitlines(keepends=True):
        if not line.strip():
            after_blank = True
        elif line.startswith(("    ", "\t")):
            is_code = (is_code or after_blank) and not in_list
            after_blank = False
        else:
            is_code, after_blank = False, False
            in_list = _LIST_ITEM.match(line) is not None or (in_list and line.startswith(" "))
        lines.append(_spaces(line) if is_code else line)
    return "".join(lines)


def _spaces(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)
