"""Look for what nobody registered: measured-looking numbers and claim language in the prose of the documents.

Prose is what is left without code, comments, links, markup and whatever a marker already answers for. A pattern cannot
know what a number means: dates, versions, section numbers and what is declared literal are left out, everything else
that has a decimal point or a percent sign is pointed at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gatekit.claims.beside import PER_CENT, PER_CENT_UNSPACED, UNSPACED
from gatekit.claims.bindings import ClaimBlock
from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.plain_letters import plain
from gatekit.claims.prose import EDGE, HEADING, Prose
from gatekit.errors import Location


@dataclass(frozen=True)
class Stray:
    """Something in prose that nobody registered."""

    kind: str
    """`number`, `language`, or `sentence` for language in a registered sentence."""
    text: str
    location: Location


_JOINT = rf"[-\u2012-\u2015\u2212\s{EDGE}]+"
"""What stands between the words of one expression: spaces, dashes, the end of a line or cell."""

CLAIM_LANGUAGE = (
    rf"state{_JOINT}of{_JOINT}the{_JOINT}art",
    r"S\.?O\.?T\.?A",
    r"out-?\s?perform(?:s|ed|ing)?",
    r"surpass(?:es|ed|ing)?",
    r"beats?",
    r"significan(?:t|tly|ce)",
    rf"better{_JOINT}than",
    rf"worse{_JOINT}than",
    rf"best{_JOINT}performing",
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

_PERCENT = (
    r"(?:[ \t\u00a0\u2009\u202f~]|\\[,; ])?"
    rf"(?:\\?[%\u2030\u2031]|(?i:{PER_CENT})(?!\w)|{PER_CENT_UNSPACED})".replace("[ ]", "[\\s]")
)
_LEVEL = r"(?:[\s~]+(?:(?:one|two)[-\s]sided|lower|upper|simultaneous))*[\s~]+(?:confidence|CI)\b"
"""What makes the number before it a level of confidence: `95 % one-sided confidence`."""
_WORD = rf"[^\W{UNSPACED}]"
"""A letter, digit or _, but of no script that parts no words."""
_NUMBER = re.compile(
    rf"""
    (?<!{_WORD}) (?<![.,/@\#^-]) (?<![0-9]:) [+\-\u2212]? (?:
        [0-9]+(?:,[0-9]{{3}})* (?:
            \.[0-9]+ (?:[eE][+-]?[0-9]+)? (?: {_PERCENT} | [x\u00d7] )?+  # a decimal, also in per cent or as a factor
          | {_PERCENT}
          | [eE][\-\u2212][0-9]{{1,3}} | \u2044[0-9]+  # 1e-3, and a half; a comma that can be nothing else
          | (?<![0-9]0) (?<=0), (?: [0-9]{{2,}} | [0-9] (?![)\]}}]) ) (?:{_PERCENT})?+
        )
      | [0-9]{{1,3}}(?:[.\u202f\u00a0\u2009][0-9]{{3}})+,[0-9]+ (?:{_PERCENT})?+
      | [0-9]+,[0-9]+ {_PERCENT}                                        # a decimal comma
      | (?: (?<=[\s{EDGE}(=~]) | (?<=[\s(=~][+\-\u2212]) ) \.[0-9]{{2,}}
    ) (?! {_WORD} | [:/@] | [.,][0-9] | {_LEVEL} )                      # no version, date, unit, path or level
    """,
    re.VERBOSE,
)
# A number behind one of these words counts or names something; it measures nothing.
_NAMED = (
    *("v", "version", "versions", "python", "release", "releases", "section", "sections", "sec.", "chapter", "figure"),
    *(
        "fig.",
        "table",
        "tab.",
        "equation",
        "eq.",
        "appendix",
        "step",
        "confidence",
        "confidence level",
        "arxiv",
        "arxiv:",
    ),
    *("cc by", "cc by-sa", "license", "licence", "apache", "cuda", "utc", "schema"),
)
# Patterns of what stands before a number, from right to left: one that is tried at the number's place alone takes no
# time, where one that is looked for in the window would take a hundred times as much as all else.
_BEHIND_WORD = rf"\(?\s*(?:(?:{'|'.join(re.escape(name[::-1]) for name in _NAMED)})\b|\u00a7)"
_UNSPACED_NAMES = "|".join(
    plain(name).text[::-1] for name in ("第", "図", "表", "图", "版", "版本", "バージョン", "버전")
)
_NAMES_SOMETHING = re.compile(rf"{_BEHIND_WORD}|\s?(?:{_UNSPACED_NAMES})", re.IGNORECASE)
# So does a plain decimal further on in a list of such: 3.11, 3.12 or 3.13.
_AND = r"(?:\s+(?:dna|ro)\s*,\s*|\s*[,/\u2013-]\s*|\s+(?:dna|ro|ot)\s+)"
_LISTS_SOMETHING = re.compile(rf"(?:{_AND}(?:[0-9]+\.)+[0-9]+){{1,4}}{_BEHIND_WORD}", re.IGNORECASE)
_WINDOW = 64
"""Characters before a number in which such a word, and a list behind it, would begin."""

_MARKDOWN_MASKS = (
    re.compile(r"\b(?:https?|ftp|mailto)://?[^\s<>)\]]+"),
    re.compile(rf"{HEADING}[1-9][0-9]*(?:\.[0-9]+)*\.?(?=[ \t])"),  # numbers of headings
)
_NO_DEFINITION = re.compile(
    r"^(?![^\r\n]*\\(?:(?:re)?newcommand|providecommand|[egx]?def)(?![A-Za-z@]))[^\r\n]+", re.MULTILINE
)
"""A line of a preamble that defines no macro."""
_LATEX_MASKS = (
    re.compile(r"(?<![0-9.])[0-9.]++[ \t]*+(?=\\(?:text|line|column|page)(?:width|height)\b)"),
    re.compile(
        r"\\(?:documentclass|usepackage|includegraphics|input|include|label|ref|eqref|autoref|cref|Cref|pageref"
        r"|cite[a-z]*\*?|url|href|bibliography|bibliographystyle|[vh]space\*?|setlength|addtolength|setcounter"
        r"|begin|end|resizebox|scalebox|definecolor|color|textcolor|rule|pgfplotsset|tikzset)"
        r"(?:\[[^\[\]]*\])*(?:\{[^{}]*\})*"
    ),
    re.compile(r"\\[A-Za-z@]+\*?(?:\[[^\[\]]*\])?"),  # any other macro with its options
)

_TYPST_MASKS = (
    re.compile(r"#(?:set|show|let|import|include)\b[^\r\n]*"),
    re.compile(r"#[\w.-]+\((?:[^()\r\n]|\([^()\r\n]*\))*\)"),
    re.compile(r"\b(?:https?|ftp|mailto)://?[^\s<>)\]]+"),
)
_MASKS = {"markdown": _MARKDOWN_MASKS, "latex": _LATEX_MASKS, "typst": _TYPST_MASKS}


def scan_numbers(document: ClaimsDocument) -> list[Stray]:
    """Return the decimals and percentages of the prose that no evidence is bound to, in the order of the text."""
    if document.parts:
        return [stray for part in document.parts for stray in scan_numbers(part)]
    found = []
    seen = plain(_masked(document, document.unbound))
    text = seen.text
    for number in _NUMBER.finditer(text):
        before = text[max(0, number.start() - _WINDOW) : number.start()][::-1]
        is_listed = number[0].replace(".", "").isdigit() and _LISTS_SOMETHING.match(before)
        if not is_listed and not _NAMES_SOMETHING.match(before):
            place = document.source.location(document.unbound.offset(seen.place(number.start())))
            found.append(Stray("number", number[0], place))
    return found


def scan_language(document: ClaimsDocument) -> list[Stray]:
    """Return the claim language outside registered claims, in the order of the text."""
    if document.parts:
        return [stray for part in document.parts for stray in scan_language(part)]
    seen = plain(_masked(document, document.unclaimed))
    return [
        Stray(
            "language",
            " ".join(found[0].replace(EDGE, " ").split()),
            document.source.location(document.unclaimed.offset(seen.place(found.start()))),
        )
        for found in _LANGUAGE.finditer(seen.text)
    ]


def scan_sentence(block: ClaimBlock) -> list[Stray]:
    """Return the claim language of a registered sentence, all at the place of its block."""
    return [
        Stray("sentence", " ".join(found[0].split()), block.location)
        for found in _LANGUAGE.finditer(plain(block.sentence).text)
    ]


def _masked(document: ClaimsDocument, prose: Prose) -> str:
    """Return the prose with what cannot be a result as spaces; every place in it stays."""
    text = prose.text
    if document.syntax == "latex":  # of the preamble, only what it defines can be shown
        start = max(0, text.find("\\begin{document}"))
        text = _NO_DEFINITION.sub(lambda found: " " * len(found[0]), text[:start]) + text[start:]
    for mask in _MASKS[document.syntax]:
        text = mask.sub(lambda found: re.sub(r"[^\r\n]", " ", found[0]), text)
    return text
