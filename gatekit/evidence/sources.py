"""The files of the repository that evidence depends on: it goes stale when one of them changes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.canonical import sha256_file
from gatekit.evidence.committed import LARGEST_TEXT, source_bytes
from gatekit.evidence.source_digest import LARGEST, SOURCE_PATH, rule_for, source_entry


def source_entries(paths: Sequence[str], root: str = ".") -> list[dict[str, str]]:
    """Return `producer.sources` for the named files: sorted by path relative to the root, each once.

    Args:
        paths: as a user writes them, from the current folder.
        root: of the repository.

    Raises:
        UsageError: a path is outside the root, is no regular file, or has a name that evidence cannot hold.
        GatekitError: `digest.unreadable`.
    """
    found: dict[str, dict[str, str]] = {}
    for path in paths:
        # The name is kept as the repository has it: links are not followed, because git would not follow them either.
        relative = Path(os.path.relpath(path, root)).as_posix()
        if relative == ".." or relative.startswith("../") or os.path.isabs(relative):
            where = "the current folder" if root == "." else "the repository"
            raise UsageError(f"the source '{path}' is outside {where}", "run at the repository's root")
        if os.path.islink(path) or not os.path.isfile(path):
            what = "is a folder: name its files" if os.path.isdir(path) else "is not a regular file"
            raise UsageError(f"the source '{path}' {what}")
        if not SOURCE_PATH.fullmatch(relative):
            raise UsageError(
                f"the source '{path}' has a name that evidence cannot hold",
                "letters, digits and . _ + - only, and no part may start with a dot",
            )
        found[relative] = _entry(relative, path)
    return [entry for _, entry in sorted(found.items())]


def _entry(relative: str, path: str) -> dict[str, str]:
    # Data may be too large for memory; a file of code, or another text, never is.
    size, by = os.path.getsize(path), rule_for(relative)
    if size > (LARGEST_TEXT if by == "bytes" else LARGEST):
        return {"path": relative, "sha256": sha256_file(path), "by": "bytes"}
    try:
        return source_entry(relative, source_bytes(Path(path)))
    except OSError as error:
        reason = error.strerror or str(error)
        raise GatekitError("digest.unreadable", f"the file cannot be read: {reason}", Location(path)) from None
