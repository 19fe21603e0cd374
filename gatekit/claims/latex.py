r"""LaTeX documents: they show registered sentences and values by name, and hold no bound number themselves.

    \input{gatekit-values}    \gatekitclaim{ID}    \gatekitvalue{NAME}    \gatekitliteral{95\,\%}

What TeX makes of a text cannot be known without running it. So nothing is taken from such a document but which names it
shows; and whatever could make those names show something else is refused wherever it stands, in comments and verbatim
text too, since a reader cannot be sure what those are. What a package or another file does is not seen.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gatekit.claims.bindings import Brought, Marker, NamedUse, Reading, Span, Syntax
from gatekit.claims.document_text import DocumentText
from gatekit.claims.prose import Piece
from gatekit.claims.prose import words as words_of
from gatekit.claims.tex_beside import makes_another_in_tex
from gatekit.errors import GatekitError

INPUT = r"\input{gatekit-values}"

_TOKEN = re.compile(r"(?P<macro>\\[A-Za-z@]+\*?)|(?P<symbol>\\.)|(?P<comment>%[^\r\n]*)", re.DOTALL)
_BRACE = re.compile(r"\\.|%[^\r\n]*|[{}]", re.DOTALL)
_VERBATIM = re.compile(r"\{(?P<name>verbatim\*?|Verbatim\*?|BVerbatim|LVerbatim|lstlisting|minted|comment)\}")
_OURS = re.compile(r"gatekit")
_SHOWN = re.compile(r"\\gatekit(?P<kind>claim|value)\{(?P<name>[a-z][a-z0-9-]{0,63})\}")
_LITERAL = re.compile(r"\\gatekitliteral\{(?P<text>(?:[^{}\\]|\\.|\{[^{}]{0,40}\}){0,200})\}", re.DOTALL)
_OLD = re.compile(r"\\gate(?:claim|value|literal)(?![A-Za-z@])")
_BRINGS = re.compile(
    r"\\(?:input|include|subfile|(?:sub)?(?:import|inputfrom|includefrom))\*?\s*\{(?P<name>[^{}]{0,200})\}"
)

_UNSAFE = re.compile(
    r"\\(?:(?:math|del|[lu]c|sf)code|catcodetable|catcode|(?:end)?csname|scantokens|scantextokens|endinput"
    r"|lowercase|uppercase|active|every[a-z]+|newif|if(?!f(?![A-Za-z@]))[A-Za-z@]*|else|fi|unless"
    r"|expandafter|aftergroup|afterassignment|noexpand|unexpanded|@name[a-z]+|cs[gex]?def|cs[gex]?let|cslet|letcs|csuse|csundef"
    r"|ExplSyntaxOn|DeclareUnicodeCharacter|newunicodechar|(?:define|declare@|use)shorthands?|directlua|latelua|luaexec|luadirect|write(?:18)?|immediate|openout|newwrite|ShellEscape|special"
    r"|(?:Make|Define|lstMake)Short(?:Verb|Inline)|filecontents|input@path|@@input|@input"
    r"|(?:x|regexp?)?patchcmd|x?(?:pre|app)tocmd|[egx]?(?:pre|app)to|(?:Global)?LetLtxMacro|DeclareMath(?:Symbol|Delimiter|Accent)"
    r"|(?:New|Renew|Provide|Declare)(?:Command|Environment)Copy|(?:Declare|Provide|Undeclare)Text(?!FontCommand)[A-Za-z]+"
    r"|(?:exclude|special|process)comment|(?:New|Renew)Environ|collect@body|setbox|savebox|sbox)(?![A-Za-z@])"
    r"|\\(?:batchmode|nonstopmode|scrollmode|interactionmode|endlinechar|escapechar|newlinechar)(?![A-Za-z@])"
    r"|[<>]\s*+\{\s*+\$?(?:[-+0-9.,\u2212]|\\%|\\(?:times|cdot|minus|text(?:minus|perthousand))(?![A-Za-z]))"
    r"|[A-Za-z}]@\{(?:|[^{}]{0,40}[.,0-9+-][^{}]{0,40})\}[A-Za-z]"
    r"|(?<![A-Za-z])(?:opacity|xscale|yscale|scale)\s*+=\s*+(?:-|0*+(?:\.0*+)?[\],}\s])|rotate\s*+=\s*+-?1[0-9]{2}"
    r"|(?<![A-Za-z])text\s*+=\s*+white|\{luacode\*?\}"
    r"|\\(?:scale|resize)box\*?+\s*+\{\s*+(?:-|0*+(?:\.0[0-9]*+)?\s*+(?:[a-z]{2})?\s*+\})"
    r"|\\fontsize\s*+\{\s*+0*+[0-3]?(?:\.[0-9]*+)?\s*+(?:pt)?\s*+\}"
    r"|\\AddToHook(?:Next)?(?:WithArguments)?(?!\s*+\{(?!\s*cmd/)[A-Za-z0-9/*?. -]+\})"
    r"|\\(?:New|Renew|Provide|Declare)DocumentEnvironment\s*+\{[^{}]{0,60}\}\s*+\{[^{}]{0,60}b"
    r"|\\cs_[a-z]+|\^\^|\{(?:filecontents(?:def)?\*?|VerbatimOut|writeverbatim)\}"
)
"""What changes how TeX reads on, builds names, hides text, or writes files."""
_DEFINER = (
    r"\\(?:(?:re)?newcommand|(?:re)?newrobustcmd|provide(?:command|robustcmd)|DeclareRobustCommand|DeclareMathOperator"
    r"|DeclareTextFontCommand|DeclareTextCommand|(?:New|Renew|Provide|Declare)(?:Expandable)?DocumentCommand"
    r"|(?:protected@)?[egx]?def|g?let|futurelet|(?:math)?chardef|(?:count|dimen|skip|muskip|toks)def|font)"
    r"(?![A-Za-z@])\*?+"
)
_DEFINED = re.compile(rf"{_DEFINER}\s*+\{{?\s*+\\([A-Za-z@]+)")
_OWN_BEHIND = re.compile(r"(?:\{\}|[{}$])*\\([A-Za-z@]+)")
_OWN_BEFORE = re.compile(r"\\([A-Za-z@]+)(?:\{[^{}]{0,20}\})?(?:\{\}|[}$])*\Z")
_BEFORE_A_NAME = (
    r"item|hline|(?:top|mid|bottom)rule|centering|(?:no)?indent|par|newline|linebreak|q?quad|[hv]fil{1,2}"
    r"|(?:small|med|big)skip|newpage|clearpage|maketitle|tableofcontents|(?:begin|end)group|[be]group"
    r"|tiny|scriptsize|footnotesize|small|normalsize|[Ll]arge|LARGE|[Hh]uge|(?:bf|md)series|(?:it|sc|up)shape"
    r"|(?:rm|sf|tt)family|normalfont|bf|it|em|rm|sf|tt|sc|[lg]eq?|approx|sim|pm|mp|times|cdot|in|to"
)
"""Commands that take no argument: right behind any other, our name could be its argument."""
_RELIED_ON = (
    "input|begin|end|document|newcommand|errmessage|protected|ensuremath|AtEndDocument|relax"
    f"|text(?:backslash|asciicircum|asciitilde|asciigrave|less|greater|bar)|{_BEFORE_A_NAME}"
)
_REDEFINES = re.compile(
    rf"{_DEFINER}(?:\s|%[^\r\n]*+[\r\n])*+(?:\{{\s*+)?+"
    rf"(?:\\(?:{_RELIED_ON})(?![A-Za-z@])|\\[^A-Za-z@\s]|[^\\\s{{%])"
)
"""What defines a command that the written file uses or that may stand before a name, a control symbol, or an active
character."""
_PLAIN_NAME = r"\s*+(?:\[[^\[\]]{0,200}\])?+\s*+\{[^\\%{}~^#\r\n]{1,60}\}"
_ENVIRONMENT = re.compile(
    r"\\(?:begin|(?:re)?newenvironment|newtheorem|spnewtheorem|declaretheorem|newcounter"
    rf"|(?:New|Renew|Provide|Declare)DocumentEnvironment)(?![A-Za-z@])\*?+(?!{_PLAIN_NAME})"
)
"""What takes or defines a name that does not stand there as it is."""

# A digit or point that only braces, dollars or thin space part from a bound number, and the like behind one.
_DASH = "\\-\u00ac\u2010-\u2015\u2212\u207b\u02d7\u2796\ufe62\ufe63\uff0d"
_NUMBER_BEFORE = re.compile(
    rf"(?:[\d.,{_DASH}+]|\\(?:text(?:minus|endash|emdash)|minus|neg|lnot))(?:\{{\}}|[{{}}$]|\\[!/,]){{0,20}}\Z"
    rf"|[\d$}}]\s{{0,5}}[{_DASH}+]\s{{0,5}}\Z|[\d](?:~|\\thinspace\s?)\Z|(?<![\\A-Za-z])[A-Za-z]{{1,40}}\Z"
)
_NUMBER_BEHIND = re.compile(
    r"(?:\{\}|[{}$]|\\[!/,]){0,20}(?:[.,]?\d|[^\W\d_]|\\(?:gatekitvalue|number|char|symbol|the|numexpr|romannumeral)"
    r"|\\text(?:super|sub)script|\\[lrc]lap)"
    r"|(?:[\s{}$~]|\\[,;:! ]){0,20}(?:\\%|\\times|\\cdot|\^|[eE][-+]?\d|/\s?\d|per\s?cent|thousand|million|billion)"
)
_ARGUMENT = re.compile(
    r"\\(?P<macro>[A-Za-z@]+)\*?|\\.|%[^\r\n]*|(?P<brace>[{}])|(?P<option>\[[^\[\]{}]{0,100}\])|(?P<text>[^\s\\%{}\[])",
    re.DOTALL,
)
_HIDES = re.compile(
    r"[hv]?phantom|reflectbox|rotatebox|[lrc]lap|smash|sout|xout|uwave|st|[bx]?cancel|label|index|url|invisible|note"
    r"|hidden|ignore|gobble|censor|blackout|seqsplit|raisebox|StrSubstitute|pdfbookmark|hypertarget"
    r"|num|qty|SI|si|unit|numprint|np|tablenum|MakeUppercase|MakeLowercase|detokenize|string|meaning|pdfliteral"
    r"|textcolor|marginnote|todo|tikz|transparent|texttransparent|sbox|[A-Za-z]*@[A-Za-z@]*"
)
"""Commands that do not show what stands in their braces, or show it otherwise."""
_COLOURS = re.compile(r"\\color(?![A-Za-z@])(?!\s*+\{black\})")
"""What changes the colour of all that follows in its braces."""
_WINDOW = 60
_MOST_ERRORS = 500
"""Of one document; more say nothing more."""


def read(source: DocumentText) -> Reading:
    """Return what a LaTeX document shows by name, its text for the scans, and an error for all that is refused."""
    return _LatexReader(source).read()


def changes_what_is_read(text: str) -> bool:
    """Whether a text could change how TeX reads on, or redefine what the file of values relies on."""
    return any(pattern.search(text) for pattern in (_UNSAFE, _REDEFINES, _ENVIRONMENT))


@dataclass
class _LatexReader:
    """One pass over the tokens, and one over each thing that is refused."""

    source: DocumentText
    hidden: list[Span] = field(default_factory=list)
    """Comments, verbatim text and what stands behind the document, as far as can be told."""
    errors: list[GatekitError] = field(default_factory=list)
    uses: list[NamedUse] = field(default_factory=list)
    literals: list[tuple[Span, Span]] = field(default_factory=list)
    """Where each begins and where it ends."""
    follows: dict[int, str] = field(default_factory=dict)
    """Where a macro of ours starts -> the command right before it, with at most space and comments between."""
    first_input: int | None = None
    own: frozenset[str] = frozenset()
    """Names of the macros that the document defines."""
    hiders: dict[int, str] = field(default_factory=dict)
    """Where a macro of ours starts -> a command around it that may not show it."""

    def read(self) -> Reading:
        self.own = frozenset(_DEFINED.findall(self.source.text))
        self.tokens()
        self.around()
        self.names()
        self.refused()
        brought = tuple(
            Brought(found["name"], self.source.location(found.start()))
            for found in _BRINGS.finditer(self.source.text)
            if found[0] != INPUT and not self.is_hidden(found.start())
        )
        pieces, markers = self.pieces()
        return Reading(pieces, markers, tuple(self.errors), tuple(self.uses), brought)

    def refuse(self, error_id: str, message: str, at: int, remedy: str | None = None) -> None:
        if len(self.errors) < _MOST_ERRORS:
            self.errors.append(self.source.refusal(error_id, message, at, remedy))

    def tokens(self) -> None:
        """Find what is hidden, and what stands before our names."""
        text = self.source.text
        at = behind = 0
        last = ""
        unclosed: set[tuple[str, int]] = set()
        while found := _TOKEN.search(text, at):
            start, end = found.span()
            if text[behind:start].strip():
                last = ""
            at = behind = end
            if found.lastgroup == "comment":
                self.hidden.append((start, end))
                continue
            name = found[0][1:].rstrip("*")
            if name.startswith("gatekit") and last:
                self.follows[start] = last
            last = name if found.lastgroup == "macro" else ""
            if name in ("verb", "lstinline", "Verb"):
                at = self.verb(end, unclosed)
            elif name == "begin" and (environment := _VERBATIM.match(text, end)):
                closing = text.find(f"\\end{{{environment['name']}}}", environment.end())
                at = len(text) if closing < 0 else closing
                self.hidden.append((start, at))
            elif name == "end" and text.startswith("{document}", end):
                self.hidden.append((start, len(text)))
                return
            if at != end:
                behind, last = at, ""

    def around(self) -> None:
        """Find the commands in whose braces our names stand."""
        opened: list[tuple[str, str]] = []
        """Of each brace that is open: the command that takes it, and what hides around it, if anything."""
        last = outside = ""
        for found in _ARGUMENT.finditer(self.source.text):
            around = opened[-1][1] if opened else outside
            if found["macro"] is not None:
                last = found["macro"]
                if last.startswith("gatekit") and around:
                    self.hiders[found.start()] = around
                elif _COLOURS.match(self.source.text, found.start()) and opened:
                    opened[-1] = (opened[-1][0], around or last)
                elif _COLOURS.match(self.source.text, found.start()):
                    outside = last
            elif found["brace"] == "{":
                opened.append((last, last if _HIDES.fullmatch(last) else around))
                last = ""
            elif found["brace"] == "}":
                last = opened.pop()[0] if opened else ""  # which may take more than one
            elif found["option"] is None and not found[0].startswith("%"):
                last = ""

    def verb(self, end: int, unclosed: set[tuple[str, int]]) -> int:
        r"""Hide what a `\verb` shows as it stands, if it is closed in its line."""
        text = self.source.text
        delimiter = text[end : end + 1]
        line_end = self.source.next_line(end)
        if delimiter.strip() and delimiter != "{" and (delimiter, line_end) not in unclosed:
            closing = text.find(delimiter, end + 1, line_end)
            if closing >= 0:
                self.hidden.append((end, closing + 1))
                return closing + 1
            unclosed.add((delimiter, line_end))
        return end

    def is_hidden(self, at: int) -> bool:
        index = bisect.bisect_right(self.hidden, (at, len(self.source.text) + 1)) - 1
        return index >= 0 and self.hidden[index][0] <= at < self.hidden[index][1]

    def names(self) -> None:
        """Accept each of our names where it is used as it may be; refuse it in every other form."""
        text = self.source.text
        for found in _OURS.finditer(text):
            at = found.start()
            if _backslashes(text, at) % 2:
                self.macro(at - 1)
            elif text.startswith("gatekit-values", at):
                self.input(at)
            elif text[found.end() : found.end() + 1] in _GOES_ON:
                message = "names that start with gatekit belong to gatekit"
                self.refuse("macro", message, at, "choose another name")
        if self.first_input is None:
            message = f"the document does not say {INPUT}"
            self.refuse("not_input", message, 0, "say it in the preamble, as the first thing behind \\documentclass")
        elif self.uses and self.uses[0].span[0] < self.first_input:
            self.refuse("not_input", f"this stands before {INPUT}", self.uses[0].span[0], "say it in the preamble")

    def input(self, at: int) -> None:
        start = at - len("\\input{")
        if start < 0 or not self.source.text.startswith(INPUT, start) or _backslashes(self.source.text, start):
            message = f"the file of values is named otherwise than in {INPUT}"
            self.refuse("input", message, at, "leave it to that line")
        elif self.is_hidden(start):
            self.refuse("hidden", f"{INPUT} stands in a comment, in verbatim text or behind the document", start)
        elif self.first_input is None:
            self.first_input = start
            if not self.stands_alone(start):
                message = f"{INPUT} stands behind other text, or within braces, where it could be read by nothing"
                self.refuse("input", message, at, "give it a line of its own, outside of braces")

    def stands_alone(self, start: int) -> bool:
        """Whether the line of the input begins with it, and no brace is open there."""
        text = self.source.text
        line = start + 1 - (self.source.location(start).column or 1)
        depth = sum({"{": 1, "}": -1}.get(found[0], 0) for found in _BRACE.finditer(text, 0, start))
        return depth == 0 and not text[line:start].strip()

    def macro(self, at: int) -> None:
        text = self.source.text
        literal = _LITERAL.match(text, at)
        found = _SHOWN.match(text, at) or literal
        if found is None:
            message = "a macro of gatekit is defined, redefined or used in a form that is not known"
            remedy = "write \\gatekitclaim{ID}, \\gatekitvalue{NAME} or \\gatekitliteral{TEXT}, without spaces"
            self.refuse("macro", message, at, remedy)
            return
        before = self.follows.get(at, "")
        if self.is_hidden(at):
            message = "a macro of gatekit in a comment, in verbatim text or behind the document"
            self.refuse("hidden", message, at, "take it out: whether TeX reads it cannot be told")
        elif before and not re.fullmatch(_BEFORE_A_NAME, before):
            message = f"\\{before} stands right before a macro of gatekit, and could define it or take it as argument"
            self.refuse("macro", message, at, "put braces around the macro")
        elif (around := self.hiders.get(at)) is not None:
            message = f"\\{around} holds a macro of gatekit, and may not show it, or show it otherwise"
            self.refuse("hidden", message, at, "take the macro out of its braces")
        elif literal is not None:
            self.literals.append(((at, literal.start("text")), (literal.end() - 1, literal.end())))
        else:
            kind: Literal["claim", "value"] = "claim" if found["kind"] == "claim" else "value"
            self.uses.append(NamedUse(kind, found["name"], found.span()))
            left, right = text[max(0, at - _WINDOW) : at], text[found.end() : found.end() + _WINDOW]
            is_glued = kind == "value" and (_NUMBER_BEFORE.search(left) or _NUMBER_BEHIND.match(right))
            if is_glued or self.touches_own(left, right) or makes_another_in_tex(left, right):
                message = "the bound number is shown together with what stands next to it"
                self.refuse("glued", message, at, "leave a space")

    def touches_own(self, left: str, right: str) -> bool:
        """Whether a macro that the document defines touches a value, and so may show a part of it."""
        behind, before = _OWN_BEHIND.match(right), _OWN_BEFORE.search(left)
        return any(found is not None and found[1] in self.own for found in (behind, before))

    def refused(self) -> None:
        text = self.source.text
        for found in _OLD.finditer(text):
            message = f"{found[0]} holds its text in the document, where it cannot be checked"
            remedy = f"say {INPUT}, and show it by name: \\gatekitclaim{{ID}}, \\gatekitvalue{{NAME}}"
            self.refuse("old_macro", message, found.start(), remedy)
        for found in _UNSAFE.finditer(text):
            message = f"{found[0]} changes what TeX makes of the text, so that the document cannot be checked"
            self.refuse("unsafe", message, found.start(), "keep it out of the document, also of its comments")
        for found in _REDEFINES.finditer(text):
            message = f"'{' '.join(found[0].split())}' redefines what numbers are shown with"
            self.refuse("unsafe", message, found.start(), "keep it out of the document, also of its comments")
        for found in _ENVIRONMENT.finditer(text):
            message = f"the name that {found[0]} defines is not written in letters, and could be one of gatekit"
            self.refuse("unsafe", message, found.start(), "write the name in letters")

    def pieces(self) -> tuple[tuple[Piece, ...], tuple[Marker, ...]]:
        """Return the text with what is hidden and used as marks, and the markers of the literals."""
        spans: list[tuple[Span, Literal["mark", "open", "close"]]] = [(span, "mark") for span in self.hidden]
        spans += [(use.span, "mark") for use in self.uses]
        for opening, closing in self.literals:
            spans += [(opening, "open"), (closing, "close")]
        return divided(self.source.text, sorted(spans))


def divided(
    text: str, spans: Sequence[tuple[Span, Literal["mark", "open", "close"]]]
) -> tuple[tuple[Piece, ...], tuple[Marker, ...]]:
    """Return a text as pieces: marks, literals between their ends, and what is left; the spans are in order."""
    pieces: list[Piece] = []
    markers: list[Marker] = []
    at = 0
    for (start, end), what in spans:
        if start > at:
            pieces.append(Piece("text", text[at:start], at))
        if what == "mark":
            pieces.append(Piece("mark", text[start:end], start))
        else:
            markers.append(Marker("literal", what == "open", (), (start, end), len(pieces)))
            pieces.append(Piece("marker", "", start))
        at = max(at, end)
    pieces.append(Piece("text", text[at:], at))
    return tuple(pieces), tuple(markers)


_GOES_ON = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@%")
"""Behind `gatekit`: a longer name, or one that goes on in the next line."""


def _backslashes(text: str, end: int) -> int:
    """Return how many backslashes stand right before a place."""
    at = end
    while at and text[at - 1] == "\\":
        at -= 1
    return end - at


SYNTAX = Syntax(str.strip, words_of, is_shown_as_written=False)
"""No block or value comes out of a marker; literals have no words."""
