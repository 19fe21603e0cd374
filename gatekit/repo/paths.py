"""Rules for the names of files that decide a verdict: one name is one file on every machine and in every report."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from gatekit.errors import GatekitError, Location
from gatekit.repo.tree import FILE_MODES, Entry, Tree, printable, wrong_mode

MAX_PATH = 255
"""Characters of a whole path; longer ones cannot be checked out on every system."""

_DRIVE = re.compile(r"^[A-Za-z]:")


def watched_errors(tree: Tree, watched: Iterable[str]) -> list[GatekitError]:
    """Return what is wrong with the files under the watched folders, or the watched files themselves.

    Each is a regular file (`repo.mode`) with a path of printable characters in Unicode's composed form (NFC), without
    backslash or drive letter, of at most 255 characters (`repo.path`); and no two of them, nor one of them and any
    file that only differs in case or form from being watched, would be the same file on a file system that folds case
    or normalises names (`repo.path_twin`). A watched folder, or one above it, is not itself a link or a submodule.

    Args:
        tree: the side that is checked.
        watched: paths of folders or files; "" is the top, with everything in it.
    """
    prefixes = sorted({prefix.rstrip("/") for prefix in watched})
    folded_prefixes = tuple(folded(prefix) for prefix in prefixes)
    inside = tuple(prefix and prefix + "/" for prefix in folded_prefixes)
    above = {folded(folder) for prefix in prefixes for folder in _folders(prefix)}
    errors: list[GatekitError] = []
    spellings: dict[str, str] = {}
    for entry in tree.entries.values():
        seen = folded(entry.path)
        if seen in above and entry.mode not in FILE_MODES:
            errors.append(wrong_mode(entry))
        if seen not in folded_prefixes and not seen.startswith(inside):
            continue
        errors += _entry_errors(entry)
        if not _is_watched(entry.path, prefixes):
            message = "the name differs only in case or in Unicode form from a path that the gate reads"
            errors.append(GatekitError("repo.path_twin", message, Location(printable(entry.path)), "rename it"))
        for part in (*_folders(entry.path), entry.path):
            known = spellings.setdefault(folded(part), part)
            if known != part:
                message = f"the name differs only in case or in Unicode form from {printable(known)}"
                errors.append(GatekitError("repo.path_twin", message, Location(printable(part)), "rename one of them"))
    return errors


def _entry_errors(entry: Entry) -> list[GatekitError]:
    if entry.mode not in FILE_MODES:
        return [wrong_mode(entry)]
    problem = _path_problem(entry.path)
    return [GatekitError("repo.path", problem, Location(printable(entry.path)), "rename it")] if problem else []


def _path_problem(path: str) -> str | None:
    if any("\udc80" <= character <= "\udcff" for character in path):
        return "the name is not UTF-8"
    if not path.isprintable():
        return "the name has a control character or another that is not printed"
    if unicodedata.normalize("NFC", path) != path:
        return "the name is not in Unicode's composed form (NFC)"
    if "\\" in path:
        return "the name has a backslash, which separates folders on some systems"
    if any(_DRIVE.match(part) for part in path.split("/")):
        return "the name starts like a drive of Windows"
    if len(path) > MAX_PATH:
        return f"the path has {len(path)} characters, more than {MAX_PATH}"
    return None


def _folders(path: str) -> list[str]:
    """Every folder above the path, the top one first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _is_watched(path: str, prefixes: Iterable[str]) -> bool:
    return any(not prefix or path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def folded(path: str) -> str:
    """Return a path as a file system sees it that folds case, normalises and ignores invisible characters."""
    if path.isascii():
        return path.lower()
    visible = "".join(character for character in path if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", visible).casefold())
