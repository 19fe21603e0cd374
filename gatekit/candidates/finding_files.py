"""Candidate files of a folder: `candidate.json`, wherever `gatekit select --out` was told to write it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from gatekit.candidates.confirming import parse_candidate
from gatekit.errors import GatekitError, Location, without_frames
from gatekit.evidence.strict_json import Document

NAME = "candidate.json"
MOST_ENTRIES = 200_000
"""Files and folders that are looked through for them."""


def candidate_paths(root: str) -> list[str]:
    """Return the paths of files named `candidate.json` below a folder, sorted; hidden folders and links are left out.

    Raises:
        GatekitError: `candidate.too_many_entries`: there is more than can be looked through.
    """
    found: list[str] = []
    folders = [root or "."]
    left = MOST_ENTRIES
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue  # what cannot be listed holds nothing that could be read
        left -= len(entries)
        if left < 0:
            message = f"more than {MOST_ENTRIES:,} files and folders, among which candidate files are looked for"
            raise GatekitError("candidate.too_many_entries", message, Location(root or "."))
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.name == NAME and entry.is_file(follow_symlinks=False):
                found.append(os.path.relpath(entry.path, root or "."))
    return sorted(found)


def parse_candidates(contents: Iterable[tuple[str, bytes]]) -> tuple[list[Document], list[GatekitError]]:
    """Read candidate files; what is called so and is another tool's is passed over, a broken one of ours an error."""
    found: list[Document] = []
    errors: list[GatekitError] = []
    for path, data in contents:
        if b"gatekit.candidate/" not in data:
            continue
        try:
            found.append(parse_candidate(data, path))
        except GatekitError as error:
            errors.append(without_frames(error))
    return found, errors
