"""What a killed writer was building: its names say whose they are, and a later writer in the same folder removes them.

A file that is written whole lies under a temporary name until it is renamed. Whoever is killed, or loses power, cannot
remove it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from itertools import islice
from pathlib import Path
from socket import gethostname

_OWNED = re.compile(r"(?P<host>[A-Za-z0-9_-]+)\.(?P<pid>[0-9]+)\.[0-9a-f]{16}")
_OLDER = re.compile(r"[0-9a-f]{16}")
"""As names were before they said whose they are."""
ABANDONED_AFTER = 24 * 3600.0
"""Seconds without a change after which what a writer on another machine was building counts as left behind."""
KEPT_FOR = 3600.0
"""Seconds for which nothing is removed, whoever made it: two containers may have one name and their own processes."""

MOST_ENTRIES = 100_000
"""Names of a folder that are looked through for what was left behind, and files and folders in one such folder: what
holds more counts as somebody's."""

_looked_in: set[tuple[str, str]] = set()
"""(folder, prefix): each is looked through once by a process, which may write a thousand files there."""


def own_token() -> str:
    """Return a part of a name that says which process made it, and that no other call returns."""
    return f"{_host()}.{os.getpid()}.{secrets.token_hex(8)}"


def is_left_behind(path: Path, token: str) -> bool:
    """Say whether a file or folder that was being built is nobody's any more.

    Args:
        path: of it.
        token: the part of its name that `own_token` gave; any other text is of nobody.
    """
    owner = _OWNED.fullmatch(token)
    if owner is None:
        return True
    if owner["host"] == _host():
        return not _is_running(int(owner["pid"]))
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_AFTER
    except OSError:
        return False


def remove_left_behind(folder: str | os.PathLike[str], prefix: str, suffix: str = "") -> None:
    """Remove from a folder what dead processes were building there, unless it changed within the last hour.

    Nothing that goes wrong here stops whoever writes: the folder may be another user's.

    Args:
        folder: not looked into any deeper.
        prefix: what temporary names start with; the token follows.
        suffix: what follows the token.
    """
    asked = (os.path.abspath(folder), prefix)
    if asked in _looked_in:
        return
    _looked_in.add(asked)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in islice(entries, MOST_ENTRIES):
            if not (entry.name.startswith(prefix) and entry.name.endswith(suffix)):
                continue
            token = entry.name[len(prefix) : len(entry.name) - len(suffix)]
            if not (_OWNED.fullmatch(token) or _OLDER.fullmatch(token)):
                continue  # somebody's file
            with contextlib.suppress(OSError):
                if time.time() - _last_change(entry.path) > KEPT_FOR and is_left_behind(Path(entry.path), token):
                    _remove(entry)


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
    else:
        os.unlink(entry.path)


def _last_change(path: str) -> float:
    """Return when a file, or anything in a folder, was last written; now where too much lies in the folder."""
    changed = os.lstat(path).st_mtime
    left = MOST_ENTRIES
    for root, folders, files in os.walk(path):
        left -= len(folders) + len(files)
        if left < 0:
            return time.time()
        changed = max([changed, *(os.lstat(os.path.join(root, name)).st_mtime for name in files)])
    return changed


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", gethostname()) or "unknown"


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
