"""What a pattern of the command line matches, as the shell and Python's `glob` have it, and not without end."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import translate
from glob import has_magic

from gatekit.errors import GatekitError, Location
from gatekit.evidence import listing

ANY_DEPTH = "**"


def matches(pattern: str) -> list[str]:
    """Return the files and folders that a pattern matches, sorted, each once.

    `*`, `?` and `[]` stand for a part of a name, `**` for any folders or none; neither matches a name that starts with
    a dot unless the pattern's own does. Links are followed, so that none is passed over.

    Raises:
        GatekitError: `folder.too_many_entries`: more than `listing.MOST_ENTRIES` would have to be looked at.
    """
    parts = [part for part in pattern.split("/") if part]
    search = _Search(pattern)
    found = {"/" if pattern.startswith("/") else "": None}
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        step: dict[str, None] = {}
        search.looked_into = set()
        for place in found:
            step |= dict.fromkeys(search.below(place, part, folders_only=not is_last or pattern.endswith("/")))
        found = step
    return sorted(place for place in found if place)


class _Search:
    """Looks into folders, and counts what it sees there."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.left = listing.MOST_ENTRIES
        self.looked_into: set[str] = set()
        """Folders into which one `**` has looked, from whichever folder above them."""

    def below(self, place: str, part: str, folders_only: bool) -> Iterator[str]:
        """Yield what one part of the pattern matches in a folder."""
        if part == ANY_DEPTH:
            yield from self.at_any_depth(place, folders_only)
        elif has_magic(part):
            wanted = re.compile(translate(part))
            for entry in self.entries(place):
                hidden = entry.name.startswith(".") and not part.startswith(".")
                if not hidden and wanted.match(entry.name) and (not folders_only or _is_folder(entry)):
                    yield os.path.join(place, entry.name)
        else:
            named = os.path.join(place, part)
            if os.path.isdir(named) if folders_only else os.path.lexists(named):
                yield named

    def at_any_depth(self, place: str, folders_only: bool) -> Iterator[str]:
        """Yield a folder and whatever lies below it that is not hidden."""
        waiting = [place]
        yield place
        while waiting:
            folder = waiting.pop()
            if folder in self.looked_into:
                continue
            self.looked_into.add(folder)
            for entry in self.entries(folder):
                if entry.name.startswith("."):
                    continue
                path = os.path.join(folder, entry.name)
                is_folder = _is_folder(entry)
                if is_folder:
                    waiting.append(path)
                if is_folder or not folders_only:
                    yield path

    def entries(self, place: str) -> Iterator[os.DirEntry[str]]:
        """Yield what lies in a folder; nothing where it is none, or cannot be listed."""
        try:
            with os.scandir(place or ".") as found:
                for entry in found:
                    self.left -= 1
                    if self.left < 0:
                        message = f"more than {listing.MOST_ENTRIES} files and folders would have to be looked at"
                        raise GatekitError("folder.too_many_entries", message, Location(self.pattern))
                    yield entry
        except OSError:
            return


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
