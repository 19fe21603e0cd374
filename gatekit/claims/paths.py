"""Paths and patterns of a registry: relative, with /, inside its folder; read alike in a folder and in a git tree."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import PurePosixPath

from gatekit.errors import GatekitError, Location
from gatekit.repo.paths import folded

MOST_ENTRIES = 200_000
"""Files and folders that are looked through for documents."""


def is_plain(path: str) -> bool:
    """Whether a path is relative, normal and stays inside the folder that it is relative to."""
    inside = not path.startswith("/") and ".." not in path.split("/")
    return inside and "\\" not in path and path != "." and PurePosixPath(path).as_posix() == path


def matching(patterns: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Return the paths that one of the patterns matches, sorted."""
    patterns = list(patterns)
    compiled = [_expression(pattern) for pattern in patterns]
    near = _ending_alike(patterns, paths)
    return sorted({path for path in near if any(expression.fullmatch(path) for expression in compiled)})


def find(patterns: Sequence[str], root: str) -> tuple[list[str], list[str]]:
    """Return what lies below a folder where a pattern could match, relative to it: files, and links and whatever else.

    A link is not followed. A folder is looked into where a pattern, however spelt, has a place below it.

    Raises:
        GatekitError: `document.too_many_entries`.
    """
    above = _Loose(_above(patterns))
    files: list[str] = []
    others: list[str] = []
    left, folders = MOST_ENTRIES, [""]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(os.path.join(root, folder) or "."))
        except OSError:
            continue  # what cannot be listed holds nothing that could be read
        left -= len(entries)
        if left < 0:
            message = f"there are more than {MOST_ENTRIES} files and folders, among which documents are looked for"
            raise GatekitError("document.too_many_entries", message, Location(root or "."))
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if above.match(path):
                    folders.append(path)
            elif entry.is_file(follow_symlinks=False):
                files.append(path)
            else:
                others.append(path)
    return files, others


def in_other_spelling(patterns: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Return the paths that a pattern would match but for their spelling, and that none matches as it is, sorted.

    Case, Unicode's form and invisible characters are spelling: on some systems, and to people, it is the same name.
    """
    patterns = list(patterns)
    compiled = [_expression(pattern) for pattern in patterns]
    loose = _Loose(patterns)
    return sorted(
        {
            path
            for path in _ending_alike(patterns, paths)
            if loose.match(path) and not any(one.fullmatch(path) for one in compiled)
        }
    )


def folders_above(patterns: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Return the paths that could be a folder with a match of a pattern below it, however spelt, sorted."""
    loose = _Loose(_above(patterns))
    return sorted({path for path in paths if loose.match(path)})


class _Loose:
    """Patterns that match a path in any case, and in any spelling that is the same name on some file system."""

    def __init__(self, patterns: Iterable[str]) -> None:
        given = sorted(patterns)
        self._any_case = [_in_any_case(pattern) for pattern in given]
        self._folded = [_in_any_case(folded(pattern)) for pattern in given]

    def match(self, path: str) -> bool:
        if any(one.fullmatch(path) for one in self._any_case):
            return True
        if path.isascii():
            return False
        seen = folded(path)
        return any(one.fullmatch(seen) for one in self._folded)


def _in_any_case(pattern: str) -> re.Pattern[str]:
    return re.compile(_expression(pattern).pattern, re.DOTALL | re.IGNORECASE)


def _above(patterns: Iterable[str]) -> set[str]:
    """Return patterns of the folders that could have a match below them."""
    above = set()
    for pattern in patterns:
        parts = pattern.split("/")
        for length in range(1, len(parts)):
            folder = "/".join(parts[:length])
            above.add(f"{folder}/*" if parts[length - 1] == "**" else folder)
    return above


def _ending_alike(patterns: Iterable[str], paths: Iterable[str]) -> Iterable[str]:
    """Yield the paths that end, in any case, as a pattern does behind its last star: the others match none.

    And those that may be spelt otherwise.
    """
    ends = tuple({re.split(r"[*?]", pattern)[-1].lower() for pattern in patterns})
    # Other letters than ASCII have cases of their own, which only the expressions know.
    if not all(end.isascii() for end in ends):
        return paths
    return (path for path in paths if not path.isascii() or path.lower().endswith(ends))


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """Translate: `*` and `?` stay within a folder and match no leading dot, `**/` is any number of visible folders."""
    # What stands between two stars is found at its first place and never looked for again ("atomic"): a later place
    # could match nothing more, and trying all of them would take a power of the length of a path.
    folders: list[str] = []
    parts = pattern.split("/")
    for index, part in enumerate(parts):
        if part == "**" and index < len(parts) - 1:
            folders.append("**")
        else:
            folders.append(_part(part) + ("/" if index < len(parts) - 1 else ""))
    first, *rest = _split(folders, "**")
    text = "".join(first)
    for number, group in enumerate(rest):
        any_folders = r"(?:(?!\.)[^/]+/)*"
        is_last = number == len(rest) - 1
        text += f"{any_folders}{''.join(group)}" if is_last else f"(?>{any_folders}?{''.join(group)})"
    return re.compile(text, re.DOTALL)


def _part(part: str) -> str:
    """Return the expression for a name within a folder."""
    visible = r"(?!\.)" if part[:1] in ("*", "?") else ""
    first, *rest = re.split(r"\*+", part)
    text = visible + _fixed(first)
    for number, piece in enumerate(rest):
        text += f"[^/]*{_fixed(piece)}" if number == len(rest) - 1 else f"(?>[^/]*?{_fixed(piece)})"
    return text


def _fixed(piece: str) -> str:
    return "".join("[^/]" if character == "?" else re.escape(character) for character in piece)


def _split(items: list[str], mark: str) -> list[list[str]]:
    groups: list[list[str]] = [[]]
    for item in items:
        if item == mark:
            groups.append([])
        else:
            groups[-1].append(item)
    return groups
