"""Paths and patterns of a registry: relative, with /, inside its folder; read alike in a folder and in a git tree."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from functools import cache
from pathlib import PurePosixPath


def is_plain(path: str) -> bool:
    """Whether a path is relative, normal and stays inside the folder that it is relative to."""
    inside = not path.startswith("/") and ".." not in path.split("/")
    return inside and "\\" not in path and path != "." and PurePosixPath(path).as_posix() == path


def matching(patterns: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Return the paths that one of the patterns matches, sorted."""
    compiled = [_expression(pattern) for pattern in patterns]
    return sorted({path for path in paths if any(expression.fullmatch(path) for expression in compiled)})


def find(pattern: str, root: str) -> list[str]:
    """Return the paths under `root`, relative to it, that a pattern matches, sorted."""
    found = glob.glob(pattern, root_dir=root or None, recursive=True)
    # glob decides what lies there; the expression decides what matches, so that folders and git trees agree.
    return matching([pattern], (PurePosixPath(path).as_posix() for path in found))


def in_other_case(patterns: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Return the paths that a pattern would match if case did not matter, and that none matches as it is, sorted."""
    compiled = [_expression(pattern) for pattern in patterns]
    loose = [re.compile(expression.pattern, expression.flags | re.IGNORECASE) for expression in compiled]
    return sorted(
        {
            path
            for path in paths
            if any(one.fullmatch(path) for one in loose) and not any(one.fullmatch(path) for one in compiled)
        }
    )


def folders_above(patterns: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Return the paths that could be a folder with a match of a pattern below it, in any case, sorted."""
    above = set()
    for pattern in patterns:
        parts = pattern.split("/")
        for length in range(1, len(parts)):
            folder = "/".join(parts[:length])
            above.add(f"{folder}/*" if parts[length - 1] == "**" else folder)
    loose = [re.compile(_expression(one).pattern, re.DOTALL | re.IGNORECASE) for one in above]
    return sorted({path for path in paths if any(one.fullmatch(path) for one in loose)})


def any_case(pattern: str) -> str:
    """Return the pattern for `glob` that also finds names of other case."""
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isascii() and c.isalpha() else c for c in pattern)


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
