r"""Make untrusted text (metric names, paths, branch names, reasons) inert in whatever it is printed into.

Each function takes any text and returns text for one kind of place. What people read stays readable; what a terminal, a
CI runner, Markdown, HTML or XML would act on is shown instead: control, invisible and directional characters as `\n`,
`\xNN`, `\uNNNN` or `\UNNNNNNNN`. Workflow commands are broken in files too, because files end up in logs. The rule
of GitHub's runner (actions/runner, ActionCommand.cs): a line is a command if it starts, after trimming, with `::name`,
or if it contains `##[name` anywhere.
"""

from __future__ import annotations

import re
import unicodedata

NAME_LIMIT = 200
"""Characters shown of a name in a line or a table cell."""
TEXT_LIMIT = 2000
"""Characters shown of a text that has a place of its own."""

# Control; format (directional, zero-width); surrogate; unassigned; line and paragraph separators.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
# Drawn as nothing although Unicode files them elsewhere: joiners, fillers, the Braille blank, variation selectors.
_INVISIBLE = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0000, 0xE1000))
)
_PLAIN = re.compile("[ -~]*")
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# A doubled mark, or one at the start: the text may be printed right behind another that ends in the same mark.
_COMMAND_MARKS = re.compile(r"(?<=:):|^:|(?<=#)#|^#")

# Every ASCII punctuation mark can mean something to some Markdown renderer; as an entity none does.
_MARKDOWN = {ord(mark): f"&#{ord(mark)};" for mark in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"}
# GitHub looks for mentions, issue numbers and emoji names in the rendered text, where an entity is the character again;
# the zero-width space keeps the name apart from its mark there.
_MARKDOWN |= {ord(mark): f"&#{ord(mark)};&#8203;" for mark in "@#:"}

# What a word may hold that a file shows as it stands and a renderer too: letters and digits of any script; marks that
# mean nothing within a line; others only where they mean nothing, as `_` within a name or `<` before a number.
_PLAIN_WORD = re.compile(
    r"""(?:[^\W_]|[^\x00-\x7f]|["'(),;.?!%/+\-=^{}>]
    | (?<=[^\W_])_(?=[^\W_])
    | <(?=[0-9.=-]|$) | &$ | :$ | (?<=[^:]):(?=[0-9]+$) | (?<=[0-9]):(?=[0-9][0-9](?![0-9]))
    | \[(?![\[^!]) | \](?![(\[:]))*""",
    re.VERBOSE,
)
# A line that begins so may be a list, a quote, a heading, a rule, a table or the definition of a link.
_BEGINS_BLOCK = re.compile(r"[-+*=>#|~_`:\[<]|[0-9]+[.)]$")
# What GitHub links wherever it stands, and `![`, which begins a picture.
_LINKED = re.compile(r"www\.|\bGH-[0-9]|^(?=[0-9]*[a-f])[0-9a-f]{7,64}$|!\[", re.IGNORECASE)
_IN_WORD = re.compile(r"""([("']*)([^(]*?)([)"',;.:?!]*)|()(.*?)([,;.:?!]*)""")
_MARKUP = {ord(mark): f"&#{ord(mark)};" for mark in "&<>\"'\n\t"}


def terminal(text: str, limit: int | None = NAME_LIMIT) -> str:
    """Return one line for stdout, stderr or a log.

    Args:
        text: anything.
        limit: characters shown; a longer text ends in `...`. None shows all.
    """
    return _visible(text, limit, marks=":#")


def markdown_code(text: str, limit: int | None = NAME_LIMIT) -> str:
    """Return a code span, also for a table cell, where a bar must be escaped even inside a code span."""
    return _code_span(_escape_bars(_visible(text, limit, marks=":#")) or " ")


def _code_span(content: str) -> str:
    fence = "`" * (max(map(len, re.findall("`+", content)), default=0) + 1)
    # One space on each side is taken off again by the renderer, if there is one on both sides.
    padded = (
        content.startswith("`") or content.endswith("`") or (content.strip(" ") and content[0] == content[-1] == " ")
    )
    return f"{fence} {content} {fence}" if padded else f"{fence}{content}{fence}"


def markdown_text(text: str, limit: int | None = NAME_LIMIT) -> str:
    """Return running text, also for a table cell: nothing in it is markup, a link, a mention or an emoji."""
    return _visible(text, limit).translate(_MARKDOWN)


def markdown_plain(text: str, limit: int | None = NAME_LIMIT, in_table: bool = False) -> str:
    """Return running text for a file that people read as it stands, in a terminal or an editor, and rendered too.

    Words that a renderer would act on stand in code spans; all others are left as they are.

    Args:
        text: anything.
        limit: characters shown of it, without the marks of code spans.
        in_table: whether it is for a table's cell, which a bar would end.
    """
    words = _visible(text, limit).strip(" ").split(" ")
    return " ".join(_plain_word(word, place == 0, in_table) for place, word in enumerate(words))


def _plain_word(word: str, is_first: bool, in_table: bool) -> str:
    if "##[" in word or (in_table and "|" in word):
        return word.translate(_MARKDOWN)
    if is_first and _BEGINS_BLOCK.match(word):
        return _code_span(word)
    parts = _IN_WORD.fullmatch(word)
    assert parts is not None  # it matches every word
    before, core, after = parts.groups("")[:3] if parts[3] is not None else parts.groups("")[3:]
    if _PLAIN_WORD.fullmatch(core) and not _LINKED.search(word):
        return word
    return f"{before}{_code_span(core)}{after}"


def html(text: str, limit: int | None = TEXT_LIMIT) -> str:
    """Return the content of an HTML element, or of an attribute in quotes."""
    return _markup(_visible(text, limit))


def xml(text: str, limit: int | None = TEXT_LIMIT) -> str:
    """Return XML 1.0 character data, or the content of an attribute in quotes; line ends and tabs are kept."""
    return _markup(_visible(text, limit, keep="\n\t"))


def annotation_data(text: str, limit: int | None = TEXT_LIMIT) -> str:
    """Return the message of a GitHub annotation, what stands behind the second `::`; line ends are kept."""
    message = _visible(text, limit, keep="\r\n").replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return re.sub("(?<=#)#", r"\\x23", message)


def annotation_property(text: str, limit: int | None = TEXT_LIMIT) -> str:
    """Return the value of a property of a GitHub annotation, such as `file` or `title`."""
    return annotation_data(text, limit).replace(":", "%3A").replace(",", "%2C")


def _visible(text: str, limit: int | None, keep: str = "", marks: str = "") -> str:
    """Return the text with hidden characters and command marks escaped, cut to `limit` but never within an escape.

    Args:
        text: anything.
        limit: characters of the result, None for all.
        keep: hidden characters that the caller handles.
        marks: characters to escape where they stand first or behind themselves.
    """
    if (limit is None or len(text) <= limit) and _PLAIN.fullmatch(text) and not any(map(text.count, marks)):
        return text
    pieces: list[str] = []
    room, fits, before = len(text) * 10 if limit is None else limit, 0, ""
    for character in text:
        is_mark = character in marks and before in ("", character)
        piece = _escaped(character) if is_mark else _shown(character, keep)
        before = character
        room -= len(piece)
        if room < 0:
            return "".join(pieces[:fits]) + "..."
        pieces.append(piece)
        if room >= 3:
            fits = len(pieces)
    return "".join(pieces)


def _shown(character: str, keep: str) -> str:
    if " " <= character <= "~" or character in keep:
        return character
    if unicodedata.category(character) in _HIDDEN_CATEGORIES or ord(character) in _INVISIBLE:
        return _SHORT_ESCAPES.get(character) or _escaped(character)
    return character


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _markup(text: str) -> str:
    return _COMMAND_MARKS.sub(lambda mark: f"&#{ord(mark[0])};", text.translate(_MARKUP))


def _escape_bars(text: str) -> str:
    """Put an odd number of backslashes before each bar.

    Some renderers count the backslashes before a bar, some look only at the last one. After an odd number the text
    shows one backslash more than it has, which is better than a cell that ends early.
    """
    return re.sub(r"(\\*)\|", lambda found: found[1] + (r"\|" if len(found[1]) % 2 == 0 else r"\\|"), text)
