r"""gatekit-values.tex: what `gatekit claims sync` writes for LaTeX documents.

One line per entry, after definitions that use only names of letters, so that no category code has to change:

    \gatekitset{claim-ID}{Five TopK SAEs ..., by {\ensuremath{+}0.210} ...}

Each entry is kept twice, and so is each of our macros; at the end of the document, and wherever the file is read again,
both copies are compared. A number stands in braces of its own, which tell what is a number in a line.
"""

from __future__ import annotations

from collections.abc import Iterable

from gatekit.claims.entries import NamedEntry
from gatekit.claims.prose import SLOT
from gatekit.claims.written_line import WrittenLine

NAME = "gatekit-values.tex"

_HEAD = r"""% Written by `gatekit claims sync` from claims.yaml and its evidence. Do not edit it: `gatekit claims check`
% compares every byte. Documents say \input{gatekit-values} once, in the preamble, and then
% \gatekitclaim{ID}, \gatekitvalue{NAME} and, around a number that is no result, \gatekitliteral{TEXT}.
\ifdefined\gatekitcheck\gatekitcheck\expandafter\endinput\fi
\newcommand\gatekitcheck{}
\newcommand\gatekiterror[1]{\errmessage{gatekit: #1}}
\newcommand\gatekitentry[1]{%
  \ifcsname gatekit-#1\endcsname\csname gatekit-#1\endcsname\else\gatekiterror{gatekit-values.tex has no #1}\fi}
\newcommand\gatekitclaim{}
\newcommand\gatekitvalue{}
\newcommand\gatekitliteral{}
\protected\def\gatekitclaim#1{\gatekitentry{claim-#1}}
\protected\def\gatekitvalue#1{\gatekitentry{value-#1}}
\protected\def\gatekitliteral#1{#1}
\newcommand\gatekitcompare[1]{%
  \expandafter\ifx\csname gatekit-#1\expandafter\endcsname\csname gatekit-copy-#1\endcsname\else
    \gatekiterror{the document changes #1}\fi}
\newcommand\gatekitset[2]{%
  \expandafter\newcommand\csname gatekit-#1\endcsname{#2}%
  \expandafter\newcommand\csname gatekit-copy-#1\endcsname{#2}%
  \expandafter\def\expandafter\gatekitcheck\expandafter{\gatekitcheck\gatekitcompare{#1}}}
\newcommand\gatekitkeep[1]{%
  \expandafter\let\csname gatekit-#1\expandafter\endcsname\csname gatekit#1\endcsname
  \expandafter\let\csname gatekit-copy-#1\expandafter\endcsname\csname gatekit#1\endcsname
  \expandafter\def\expandafter\gatekitcheck\expandafter{\gatekitcheck
    \expandafter\let\csname gatekit-#1\expandafter\endcsname\csname gatekit#1\endcsname
    \gatekitcompare{#1}}}
\gatekitkeep{claim}\gatekitkeep{value}\gatekitkeep{literal}\gatekitkeep{entry}
\AtEndDocument{\gatekitcheck}
"""

_CHARACTERS = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "`": r"\textasciigrave{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "-": "-{}",  # else two of them become a dash
        "\u2212": r"\ensuremath{-}",
        SLOT: f"{{{SLOT}}}",
    }
)
_NUMBER = str.maketrans({"+": r"\ensuremath{+}", "-": r"\ensuremath{-}", "%": r"\%"})
NUMBER = r"(?:[0-9.,e]|\\ensuremath\{[+-]\}|\\%){0,200}"
"""A printed number in the file, as a regular expression."""


def lines(entries: Iterable[NamedEntry]) -> list[WrittenLine]:
    """Return the file line by line; entries with a problem are left out."""
    found = [WrittenLine(line, ()) for line in _HEAD.splitlines()]
    for entry in entries:
        if entry.problem is None:
            template = f"\\gatekitset{{{entry.kind}-{entry.name}}}{{{entry.words.translate(_CHARACTERS)}}}"
            found.append(WrittenLine(template, tuple(number.printed.translate(_NUMBER) for number in entry.numbers)))
    return found


def plain_number(written: str) -> str:
    """Return a number of the file as the evidence prints it."""
    return written.replace(r"\ensuremath{+}", "+").replace(r"\ensuremath{-}", "-").replace(r"\%", "%")
