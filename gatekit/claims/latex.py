r"""LaTeX: markers are macros whose last argument is typeset.

    \gateclaim{ID}{...}    \gatevalue{FILE}{MEASURE}{STATISTIC}{FORMAT}{-0.0513}    \gateliteral{95\,\%}

A document defines them as `\newcommand{\gatevalue}[5]{#5}` does, in no other way; such a definition is not a use. What
TeX makes of a text cannot be known without running it: commands that change how it reads on are refused. What follows
an unescaped % is a comment, and what stands in `\verb` or a verbatim, listing or comment environment binds nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace

from gatekit.claims.bindings import Between, Marker, MarkerKind, Reading, Span, Syntax, unknown_marker
from gatekit.claims.document_text import DocumentText
from gatekit.claims.printed_number import MINUS
from gatekit.claims.prose import SLOT, Piece
from gatekit.errors import GatekitError

MACROS: dict[str, tuple[MarkerKind, int]] = {
    "gateclaim": ("claim", 1),
    "gatevalue": ("value", 4),
    "gateliteral": ("literal", 0),
    "gatestatus": ("status", 0),
}
"""Kind and number of arguments before the one that is typeset."""

_TOKEN = re.compile(r"(?P<macro>\\[A-Za-z@]+\*?)|(?P<escape>\\.)|(?P<comment>%)|(?P<brace>[{}])", re.DOTALL)
_COMMENT = re.compile(r"%[^\r\n]*")
_VERBATIM = re.compile(r"\{(?P<name>verbatim\*?|Verbatim\*?|lstlisting|minted|comment)\}")
_GAP = re.compile(r"(?:[ \t\r\n]|%[^\r\n]*)*")
_DEFINES = re.compile(
    r"\\(?:(?:re)?newcommand|providecommand|DeclareRobustCommand|(?:New|Renew|Provide|Declare)DocumentCommand"
    r"|[egx]?def|let)\*?[ \t]*\{?[ \t]*\Z"
)
_UNSAFE = re.compile(
    r"\\(?:catcode|csname|scantokens|endinput|lowercase|uppercase|lccode|uccode|active|input|include|subfile|import"
    r"|newif|if(?!f(?![A-Za-z@]))[A-Za-z@]*|else|fi|everypar|everymath)(?![A-Za-z@])|\^\^"
)
"""Commands after which text is not what it looks like, is typeset nowhere, or comes from elsewhere."""
# A digit or point that only braces, dollars or thin space part from a bound number, and the like behind one.
_NUMBER_BEFORE = re.compile(r"[0-9.,](?:\{\}|[{}$]|\\[!/,])*\Z|-(?:\{\}|[{}$])*\Z")
_NUMBER_BEHIND = re.compile(
    r"(?:\{\}|[{}$]|\\[!/,])*(?:[.,]?[0-9])|(?:[\s{}$~]|\\[,;:! ])*(?:\\%|\\times|\\cdot|\^|[eE][-+]?[0-9])"
)
_DEFINITION_WINDOW = 60
"""Characters before a macro in which the command that defines it would stand."""


def read(source: DocumentText) -> Reading:
    """Find the markers and comments of a LaTeX document."""
    return _LatexReader(source).read()


class _LatexReader:
    """One pass over the text; keeps what has been found and which braces are open."""

    def __init__(self, source: DocumentText) -> None:
        self.source = source
        self.text = source.text
        self.markers: list[Marker] = []
        self.hidden: list[Span] = []
        self.errors: list[GatekitError] = []
        self.defined: set[str] = set()
        """Our macros that the document has defined so far."""
        self.open: list[MarkerKind | None] = []
        """Per open brace: the marker whose typeset argument it starts, or None for a brace of any other kind."""

    def read(self) -> Reading:
        at = 0
        while found := _TOKEN.search(self.text, at):
            at = found.end()
            if found.lastgroup == "comment":
                at = self.hide(_COMMENT, found.start())
            elif found.lastgroup == "macro":
                at = self.macro(found)
            elif found[0] == "{":
                self.open.append(None)
            elif found[0] == "}" and self.open:
                kind = self.open.pop()
                if kind is not None:
                    self.markers.append(Marker(kind, False, (), found.span(), 0))
        self.refuse_unsafe()
        return self.reading()

    def refuse_unsafe(self) -> None:
        """Refuse what changes how TeX reads the rest, in a document that has markers: no reader of text can follow."""
        if not self.markers and not self.defined:
            return
        hidden = iter([*sorted(self.hidden), (len(self.text), len(self.text))])
        start, end = next(hidden)
        for found in _UNSAFE.finditer(self.text):
            while end <= found.start():
                start, end = next(hidden)
            if found.start() < start:
                message = f"{found[0]} changes what TeX makes of the text, so that its markers cannot be checked"
                remedy = "keep it out of documents that bind claims or numbers"
                self.errors.append(self.source.refusal("unsafe", message, found.start(), remedy))
        for marker in self.markers:
            before = self.text[max(0, marker.span[0] - _DEFINITION_WINDOW) : marker.span[0]]
            behind = self.text[marker.span[1] : marker.span[1] + _DEFINITION_WINDOW]
            touches = _NUMBER_BEFORE.search(before) if marker.opens else _NUMBER_BEHIND.match(behind)
            if marker.kind == "value" and touches:
                message = "the bound number is shown together with what stands next to it"
                self.errors.append(self.source.refusal("glued", message, marker.span[0], "leave a space"))

    def definition(self, name: str, start: int, end: int) -> int:
        """Accept the one definition that typesets the last argument, once; refuse every other."""
        count = MACROS[name][1] + 1
        wanted = re.compile(rf"\\newcommand\{{\\{name}\}}\[{count}\]\{{#{count}\}}")
        first = self.text.rfind("\\newcommand", max(0, start - _DEFINITION_WINDOW), start)
        if name in self.defined or first < 0 or not (found := wanted.match(self.text, first)) or found.end() < end:
            message = f"\\{name} is defined otherwise than to show its last argument, or twice"
            remedy = f"write \\newcommand{{\\{name}}}[{count}]{{#{count}}} once"
            self.errors.append(self.source.refusal("macro", message, start, remedy))
            return end
        self.defined.add(name)
        return found.end()

    def reading(self) -> Reading:
        """Return the text between markers, and what is hidden, as pieces."""
        pieces: list[Piece] = []
        markers: list[Marker] = []
        at = 0
        spans = [(marker.span, marker) for marker in self.markers] + [(span, None) for span in self.hidden]
        for (start, end), marker in sorted(spans, key=lambda one: one[0]):
            if start > at:
                pieces.append(Piece("text", self.text[at:start], at))
            if marker is not None:
                markers.append(replace(marker, piece=len(pieces)))
                pieces.append(Piece("marker", "", start))
            else:
                pieces.append(Piece("mark", self.text[start:end], start))
            at = max(at, end)
        pieces.append(Piece("text", self.text[at:], at))
        return Reading(tuple(pieces), tuple(markers), tuple(self.errors))

    def hide(self, pattern: re.Pattern[str], start: int) -> int:
        found = pattern.match(self.text, start)
        end = found.end() if found is not None else len(self.text)
        self.hidden.append((start, end))
        return end

    def macro(self, found: re.Match[str]) -> int:
        """Handle the macro and return where reading goes on."""
        name, end = found[0][1:].rstrip("*"), found.end()
        if name in MACROS:
            before = self.text[max(0, found.start() - _DEFINITION_WINDOW) : found.start()]
            if _DEFINES.search(before):
                return self.definition(name, found.start(), end)
            return self.marker(name, found.start(), end)
        if name in ("verb", "lstinline"):
            delimiter = self.text[end : end + 1]
            closing = self.text.find(delimiter, end + 1) if delimiter.strip() else -1
            if closing >= 0 and delimiter != "{":
                self.hidden.append((found.start(), closing + 1))
                return closing + 1
        elif name == "begin" and (environment := _VERBATIM.match(self.text, end)):
            closing = self.text.find(f"\\end{{{environment['name']}}}", environment.end())
            stop = len(self.text) if closing < 0 else closing
            self.hidden.append((found.start(), stop))
            return stop
        elif name == "end" and self.text.startswith("{document}", end):
            self.hidden.append((found.start(), len(self.text)))
            return len(self.text)
        elif name.startswith("gate") and _is_near(name):
            self.errors.append(unknown_marker(self.source, found.start(), name.removeprefix("gate"), "\\gate"))
        return end

    def marker(self, name: str, start: int, at: int) -> int:
        """Record the marker that opens here; its end comes when its last brace closes."""
        kind, count = MACROS[name]
        arguments: list[str] = []
        for _ in range(count):
            argument = self.argument(at)
            if argument is None:
                break
            text, at = argument
            arguments.append(text)
        gap = _GAP.match(self.text, at)
        at = gap.end() if gap is not None else at
        if len(arguments) < count or not self.text.startswith("{", at):
            self.errors.append(
                self.source.refusal(
                    "marker",
                    f"\\{name} takes {count + 1} arguments in braces; {len(arguments)} are there",
                    start,
                )
            )
            return at
        self.open.append(kind)
        self.markers.append(Marker(kind, True, tuple(arguments), (start, at + 1), 0))
        return at + 1

    def argument(self, at: int) -> tuple[str, int] | None:
        """Return the text in the braces that open here, without LaTeX's escapes, and where they end."""
        gap = _GAP.match(self.text, at)
        start = gap.end() if gap is not None else at
        if not self.text.startswith("{", start):
            return None
        depth, at = 1, start + 1
        while found := _TOKEN.search(self.text, at):
            at = found.end()
            if found.lastgroup == "comment" or found[0] in ("\\gatevalue", "\\gateclaim"):
                return None  # a comment or another marker inside a name: the brace before it was never closed
            if found[0] in "{}":
                depth += 1 if found[0] == "{" else -1
                if depth == 0:
                    return _unescaped(self.text[start + 1 : found.start()]).strip(), at
        return None


def _is_near(name: str) -> bool:
    return bool(difflib.get_close_matches(name, MACROS, n=1, cutoff=0.75))


_ESCAPED = re.compile(r"\\([%#&_${}])")


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


_WRAPPED = re.compile(r"\$(?P<math>[^$]*)\$|\\(?:num|ensuremath)\{(?P<number>[^{}]*)\}")
_SPACING = re.compile(r"~|\\[,;:! ]|\\(?:thinspace|enspace|quad)\b|\\\\")
_STYLE = re.compile(r"\\(?:emph|text(?:bf|it|tt|sf|sc|rm|up|normal)?|mbox|underline)\s*(?=\{)")
_UNESCAPED_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\r\n]*(?:\r\n|\n|\r)?[ \t]*")


def plain_number(text: str) -> str:
    r"""Return a printed number without the space, the dollars or the `\num{}` around it."""
    bare = text.strip()
    wrapped = _WRAPPED.fullmatch(bare)
    if wrapped is not None:
        bare = (wrapped["math"] if wrapped["math"] is not None else wrapped["number"]).strip()
    return bare.replace("\\%", "%").replace(MINUS, "-")


def dressed(old: str, number: str) -> str:
    r"""Return a number as it is printed in place of `old`: with the space, the dollars or the `\num{}` around that."""
    bare = old.strip()
    lead = old[: len(old) - len(old.lstrip())]
    trail = old[len(lead) + len(bare) :]
    minus = number.replace("-", MINUS) if MINUS in bare else number
    text = minus.replace("%", "\\%")
    wrapped = _WRAPPED.fullmatch(bare)
    if wrapped is not None:
        group = "math" if wrapped["math"] is not None else "number"
        start, end = wrapped.span(group)
        text = bare[:start] + text + bare[end:]
    return lead + text + trail


def plain_words(text: str) -> str:
    """Return the words of a passage: without comments, styles, dollars and braces, ties and thin spaces as spaces."""
    words = _UNESCAPED_COMMENT.sub(r"\1", text)
    words = _SPACING.sub(" ", _STYLE.sub("", words)).replace("``", '"').replace("''", '"')
    words = re.sub(r"(?<!\\)[{}$]", "", words)
    return " ".join(_unescaped(words).split())


def words(pieces: Sequence[Piece], slots: Sequence[Between]) -> str:
    """Return the words of a block, `SLOT` for each bound number."""
    parts: list[str] = []
    at = 0
    for first, last in [*slots, (len(pieces), len(pieces))]:
        parts += [piece.text for piece in pieces[at:first]]
        parts += [SLOT] if first < len(pieces) else []
        at = last + 1
    return plain_words("".join(parts))


SYNTAX = Syntax(plain_number, words, is_shown_as_written=False)
