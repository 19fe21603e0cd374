"""Rewrite the bound numbers of a document from the evidence, and nothing else in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatekit.claims import latex, printed_number
from gatekit.claims.bindings import ValueBinding
from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.values import shown
from gatekit.errors import GatekitError
from gatekit.evidence.summary import Summary


@dataclass(frozen=True)
class NumberChange:
    """One number that the evidence replaces."""

    binding: ValueBinding
    text: str
    """What the document must say."""


@dataclass(frozen=True)
class Rewriting:
    """A document with every bound number taken from the evidence, or what keeps it from being rewritten."""

    document: ClaimsDocument
    data: bytes
    """The whole new content; the old one where nothing changes or something is wrong."""
    changes: tuple[NumberChange, ...]
    errors: tuple[GatekitError, ...]
    """Markers that cannot be read and bindings that do not resolve; with any, the document stays as it is."""


def rewrite(document: ClaimsDocument, summaries: Mapping[str, Summary]) -> Rewriting:
    r"""Return the document with the evidence's numbers in it: whole, or not at all.

    Everything outside the printed numbers keeps every byte, line ends included; so does the space around a number, a
    typographic minus, and the dollars or `\num{}` that LaTeX puts around it.
    """
    syntax = latex if document.syntax == "latex" else printed_number
    errors = list(document.errors)
    changes: list[NumberChange] = []
    pieces: list[str] = []
    at = 0
    for binding in document.values:
        try:
            text = shown(binding, summaries).text
        except GatekitError as error:
            errors.append(error)
            continue
        if text == binding.printed:
            continue
        start, end = binding.span
        pieces += [document.text[at:start], syntax.dressed(document.text[start:end], text)]
        at = end
        changes.append(NumberChange(binding, text))
    pieces.append(document.text[at:])
    if errors:
        return Rewriting(document, document.text.encode("utf-8"), (), tuple(errors))
    return Rewriting(document, "".join(pieces).encode("utf-8"), tuple(changes), ())
