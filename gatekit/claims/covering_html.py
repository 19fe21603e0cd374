"""Elements of HTML that could hide what stands in them, strike it out, turn it round, or show it elsewhere.

What a sanitiser of GitHub leaves of them is not relied on: sites show the same documents with all of their attributes.
Colours and classes are not looked at: what a style sheet makes of them is not in the document.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_COVERING = frozenset(
    {
        *("applet", "audio", "bdo", "canvas", "datalist", "del", "dialog", "font", "iframe", "map", "marquee"),
        *("math", "object", "optgroup", "option", "rb", "rp", "rt", "rtc", "ruby", "s", "select", "strike", "svg"),
        "video",
    }
)
_HIDING = frozenset({"hidden", "popover"})
_PLAIN_STYLE = re.compile(
    r"(?:\s*(?:text-align|vertical-align|font-weight|font-style|white-space|width|max-width|padding|margin|border)"
    r"(?:-(?:left|right|top|bottom|collapse|spacing))?\s*:\s*[a-z0-9.% ]*(?:;|\Z))*\s*",
    re.IGNORECASE | re.ASCII,
)
"""What a style may say without moving, hiding or colouring text; numbers of it have no sign."""
_VOID = frozenset(
    {
        *("area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input", "keygen"),
        *("link", "meta", "param", "source", "track", "wbr"),
    }
)
"""Elements that hold nothing, so that none of them is ever closed."""


class Cover:
    """Follows the elements of a document from the first that covers something on."""

    def __init__(self) -> None:
        self.open: list[tuple[str, int]] = []
        """Elements that are open and cover what comes: how each begins, and its place in the source."""
        self._inside: list[tuple[str, tuple[str, int], bool]] = []
        """All elements from the first of them on: name, where it was opened, whether it covers."""

    def note(self, tag: str, name: str, where: tuple[str, int], at: int) -> None:
        """Take notice of a tag.

        An element ends where its end tag stands in the same run of HTML as its beginning, with nothing open in
        between: browsers read on past any other.

        Args:
            tag: all of it, as it was written.
            name: in lower case, with / in front where it ends an element.
            where: the run of HTML in which it stands.
            at: its place in the source.
        """
        if name.startswith("/"):
            if self._inside and self._inside[-1][:2] == (name[1:], where) and self._inside.pop()[2]:
                self.open.pop()
            return
        if name in _VOID:
            return
        covers = name in _COVERING or _is_covering(_attributes(tag))
        if covers or self._inside:
            self._inside.append((name, where, covers))
        if covers:
            self.open.append((f"<{' '.join(tag[1:-1].split())[:40]}>", at))


class _TagReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.found = {name: value or "" for name, value in reversed(attrs)}  # of two, the first counts


def _attributes(tag: str) -> dict[str, str]:
    reader = _TagReader()
    reader.feed(tag)
    return reader.found


def _is_covering(attributes: dict[str, str]) -> bool:
    if attributes.keys() & _HIDING:
        return True
    turned = attributes.get("dir", "ltr").strip().lower()
    return turned not in ("ltr", "auto") or not _PLAIN_STYLE.fullmatch(attributes.get("style", ""))
