"""Typst documents: they show registered sentences and values by name, and hold no bound number themselves.

    #import "gatekit-values.typ": gatekit-claim, gatekit-value, gatekit-literal
    #gatekit-claim("ID")    #gatekit-value("NAME")    #gatekit-literal[95 %]

Typst is a program, as LaTeX is: what could make those names show something else is refused wherever it stands.
"""

from __future__ import annotations

import bisect
import re
from typing import Literal

from gatekit.claims.bindings import Brought, NamedUse, Reading, Span, Syntax
from gatekit.claims.document_text import DocumentText
from gatekit.claims.latex import divided
from gatekit.claims.prose import words
from gatekit.errors import GatekitError

SUFFIX = ".typ"
IMPORT = '#import "gatekit-values.typ": gatekit-claim, gatekit-value, gatekit-literal'

_HIDDEN = re.compile(r"(?<![:/])//[^\r\n]*|/\*|(?P<ticks>`+)")
_IN_COMMENT = re.compile(r"/\*|\*/")
_OURS = re.compile(r"gatekit")
_SHOWN = re.compile(r'#gatekit-(?P<kind>claim|value)\("(?P<name>[a-z][a-z0-9-]{0,63})"\)(?!\.[A-Za-z_]|[(\[])')
_LITERAL = re.compile(r"#gatekit-literal\[[^\[\]#]{0,200}\](?!\.[A-Za-z_]|[(\[])")
_GOES_ON = re.compile(r"gatekit(?:-(?:claim|value|literal|entries)|[\w])")
_ELEMENT = (
    r"(?:heading|figure(?:\.caption)?|table(?:\.\w+)?|grid(?:\.\w+)?|link|cite|raw|math\.equation|par|list|enum|terms"
    r"|ref|quote|outline(?:\.entry)?|bibliography|strong|emph|footnote(?:\.entry)?|image|block|title)(?![\w-])"
)
_UNSAFE = re.compile(
    rf"(?:[#{{;/(\[]|^)[ \t]*show\b(?!\s*+:|\s++(?:<|{_ELEMENT}))(?=\s*+[\"\w(/])(?=[^:]{{0,300}}:)"
    rf"|(?<![\w-])(?:eval|plugin)\s*\(|(?<![\w-])let\s+{_ELEMENT}"
    r"|\bdir\s*+:\s*+rtl\b|(?<![\w-])set\s++text\s*+\([^()]{0,200}(?:white|(?<![\w.])0*+(?:\.0*+)?(?:pt|mm|em|cm|in|%))(?![\w-])"
    r"|(?<![\w-])import\b[^\r\n:]{0,200}:(?:\s|/\*[^*]{0,100}\*/|//[^\r\n]{0,100}){0,20}\*",
    re.MULTILINE,
)
"""What replaces text, runs text as code, or brings names that are not told."""
_BRINGS = re.compile(
    r"(?<![\w-])(?:(?:include|import)\s*+|(?:read|csv|json|yaml|toml|xml|cbor)\s*+\(\s*+)\"(?P<name>[^\"\r\n]{0,200})\""
)
_BEFORE = re.compile(r"[\w.,+\-\u2010-\u2015\u2212$)\]}]\Z")
_BEHIND = re.compile(
    r"[.,]?[0-9]|\w|[ \u00a0]*%|\^|_|\$|\\u|\s*/\s*[0-9]|\s*(?:per\s?cent|thousand|million|billion)\b"
    r"|#(?!(?:footnote|cite|ref|linebreak|parbreak|pagebreak|colbreak|label)\b)"
)
_BRACKET = re.compile(r"(?:(?<![\w.-])(?P<name>[A-Za-z][\w.-]*+))?(?P<open>[(\[{])|(?P<close>[)\]}])|\\.", re.DOTALL)
_FADED = "text without a colour or size of its own"
_FADES = re.compile(
    r"[^()\[\]]{0,200}(?<![\w.-])(?:white|0*+[0-3]?(?:\.[0-9]*+)?(?:pt|mm)|0*+(?:\.0?[0-9]*+)?(?:em|cm|in|%))(?![\w-])"
)
"""Arguments of `text` that leave nothing to be seen of it."""
_HIDES = frozenset(
    {
        _FADED,
        "hide",
        "scale",
        "rotate",
        "skew",
        "metadata",
        "repr",
        "type",
        "lower",
        "upper",
        "state",
        "counter",
        "query",
    }
)
"""Functions that do not show what they are given, or show it turned or otherwise."""
_MOST_ERRORS = 500


def read(source: DocumentText) -> Reading:
    """Return what a Typst document shows by name, its text for the scans, and an error for all that is refused."""
    return _TypstReader(source).read()


def changes_what_is_read(text: str) -> bool:
    """Whether a text could replace what is shown, or run text as code."""
    return _UNSAFE.search(text) is not None


class _TypstReader:
    """Keeps what is hidden, used and refused."""

    def __init__(self, source: DocumentText) -> None:
        self.source = source
        self.hidden = _hidden(source.text)
        self.errors: list[GatekitError] = []
        self.uses: list[NamedUse] = []
        self.hiders = _hiders(source.text)
        self.literals: list[tuple[Span, Span]] = []

    def read(self) -> Reading:
        text = self.source.text
        start = len(text) - len(text.lstrip())
        if self.source.next_line(start) - start < len(IMPORT) or self.line(start) != IMPORT:
            message = "the document does not begin with the import of its values"
            self.refuse("not_input", message, start, f"let its first line be {IMPORT}")
        for found in _OURS.finditer(text):
            if found.start() >= start + len(IMPORT):
                self.name(found.start())
        for found in _UNSAFE.finditer(text):
            message = f"'{' '.join(found[0].split())}' can change what values show, so that they cannot be checked"
            self.refuse("unsafe", message, found.start(), "keep it out of the document, also of its comments")
        brought = tuple(
            Brought(found["name"], self.source.location(found.start()))
            for found in _BRINGS.finditer(text)
            if found.start() > start + 1 and not found["name"].startswith("@") and not self.is_hidden(found.start())
        )
        spans: list[tuple[Span, Literal["mark", "open", "close"]]] = [(span, "mark") for span in self.hidden]
        spans += [((start, start + len(IMPORT)), "mark"), *((use.span, "mark") for use in self.uses)]
        for opening, closing in self.literals:
            spans += [(opening, "open"), (closing, "close")]
        pieces, markers = divided(text, sorted(spans))
        return Reading(pieces, markers, tuple(self.errors), tuple(self.uses), brought)

    def refuse(self, error_id: str, message: str, at: int, remedy: str | None = None) -> None:
        if len(self.errors) < _MOST_ERRORS:
            self.errors.append(self.source.refusal(error_id, message, at, remedy))

    def line(self, start: int) -> str:
        return self.source.text[start : self.source.next_line(start)].rstrip("\r\n")

    def is_hidden(self, at: int) -> bool:
        index = bisect.bisect_right(self.hidden, (at, len(self.source.text) + 1)) - 1
        return index >= 0 and at < self.hidden[index][1]

    def name(self, at: int) -> None:
        """Accept one of our names where it is used as it may be; refuse it in every other form."""
        text = self.source.text
        start = at - 1
        literal = _LITERAL.match(text, max(0, start))
        found = _SHOWN.match(text, max(0, start)) or literal
        if text.startswith("gatekit-values", at):
            self.refuse("input", "the file of values is named again", at, "leave it to the first line")
        elif found is None or text[start - 1] == "\\":
            if _GOES_ON.match(text, at):
                message = "a name of gatekit is defined, changed or used in a form that is not known"
                remedy = 'write #gatekit-claim("ID"), #gatekit-value("NAME") or #gatekit-literal[TEXT]'
                self.refuse("macro", message, at, remedy)
        elif self.is_hidden(start):
            message = "a name of gatekit in a comment or in raw text"
            self.refuse("hidden", message, at, "take it out: whether it is shown cannot be told")
        elif (around := self.hiders.get(start)) is not None:
            message = f"{around} holds a name of gatekit, and may not show it, or show it otherwise"
            self.refuse("hidden", message, at, "take the name out of it")
        elif literal is not None:
            self.literals.append(((start, start + len("#gatekit-literal[")), (literal.end() - 1, literal.end())))
        else:
            kind: Literal["claim", "value"] = "claim" if found["kind"] == "claim" else "value"
            self.uses.append(NamedUse(kind, found["name"], found.span()))
            if kind == "value" and (_BEFORE.search(text[start - 1 : start]) or _BEHIND.match(text, found.end())):
                message = "the bound number is shown together with what stands next to it"
                self.refuse("glued", message, start, "leave a space")


def _hiders(text: str) -> dict[int, str]:
    """Return where our names start within a function that may not show them -> that function."""
    found: dict[int, str] = {}
    opened: list[tuple[str, str]] = []
    """Of each bracket that is open: the function whose it is, and what hides around it, if anything."""
    last, end = "", -1
    for bracket in _BRACKET.finditer(text):
        if bracket["open"] is not None:
            name = bracket["name"] or (last if bracket.start() == end else "")
            if name == "text" and bracket["open"] == "(" and _FADES.match(text, bracket.end()):
                name = _FADED
            around = opened[-1][1] if opened else ""
            if around and name.startswith("gatekit-"):
                found[bracket.start() - 1] = around  # with its #
            opened.append((name, name if name in _HIDES else around))
        elif bracket["close"] is not None:
            last, end = opened.pop()[0] if opened else "", bracket.end()
    return found


def _hidden(text: str) -> list[Span]:
    """Return comments and raw text, as far as can be told; comments of several lines may stand in each other."""
    spans: list[Span] = []
    at = 0
    unclosed: set[str] = set()
    while found := _HIDDEN.search(text, at):
        at = found.end()
        ticks = found["ticks"]
        if ticks is not None:
            if len(ticks) == 2 or ticks in unclosed:
                continue
            closing = text.find(ticks, at)
            if closing < 0:
                unclosed.add(ticks)
                continue
            at = closing + len(ticks)
        elif found[0] == "/*":
            depth = 1
            while depth and (mark := _IN_COMMENT.search(text, at)):
                depth += 1 if mark[0] == "/*" else -1
                at = mark.end()
            at = len(text) if depth else at
        spans.append((found.start(), at))
    return spans


SYNTAX = Syntax(str.strip, words, is_shown_as_written=False)
"""No block or value comes out of a marker; literals have no words."""
