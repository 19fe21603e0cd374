"""Pointers of Git LFS: what a clone without it, or a download of the wrong address, has in place of a large file.

A pointer is a text file of three lines, whose first one is the version (git-lfs, docs/spec.md).
"""

from __future__ import annotations

import os

from gatekit.errors import GatekitError, Location

FIRST = b"version https://git-lfs.github.com/spec/"
"""What every pointer begins with."""


def refuse_pointer(path: str | os.PathLike[str]) -> None:
    """Refuse a file that is a pointer, and not what it points to; what cannot be read is left to whoever reads it.

    Raises:
        GatekitError: `file.pointer`.
    """
    try:
        with open(path, "rb") as file:
            is_pointer = file.read(len(FIRST)) == FIRST
    except OSError:
        return
    if is_pointer:
        message = "a pointer of Git LFS stands here, and not the file itself"
        raise GatekitError("file.pointer", message, Location(os.fspath(path)), "git lfs pull, or download it again")
