"""The files of a folder, at any depth, so that none is passed over in silence, and none is listed without end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NoReturn

from gatekit.errors import GatekitError, Location, did_you_mean

MOST_ENTRIES = 500_000
"""Files and folders below one folder; evidence of 100,000 summaries has as many files, and their signatures."""


def visible_files(folder: str, wanted: Callable[[str], bool]) -> list[str]:
    """Return the paths of files whose names are wanted; hidden files and folders are left out, as in a pull request.

    A link to a folder is not followed but listed: whoever reads it as a file refuses it by name.

    Raises:
        GatekitError: `folder.unlisted`, a folder cannot be listed: it could hold what contradicts the rest;
            `folder.too_many_entries`.
    """

    def stop(error: OSError) -> NoReturn:
        name = os.fsdecode(error.filename or folder)
        place = Location(f"...{name[-77:]}" if len(name) > 80 else name)
        raise GatekitError("folder.unlisted", f"the folder cannot be listed: {error.strerror}", place)

    found: list[str] = []
    for root, folders, files in walk(folder, stop):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(root, name) for name in sorted(files) if wanted(name) and not name.startswith(".")]
        found += [path for name in folders if os.path.islink(path := os.path.join(root, name))]
    return found


def nearest_beside(path: str) -> str | None:
    """Return `did you mean 'policies/release.yaml'?` for the name that is there and nearest to one that is not."""
    folder, name = os.path.split(os.path.normpath(path))
    try:
        there = [other for other in os.listdir(folder or ".") if not other.startswith(".")]
    except OSError:
        return nearest_beside(folder) if folder not in ("", os.sep) else None
    # Names alone are compared: paths that begin alike for long are near whatever stands behind.
    found = did_you_mean(name, there)
    return found.replace("'", f"'{os.path.join(folder, '')}", 1) if found else None


def walk(
    folder: str | os.PathLike[str], onerror: Callable[[OSError], object] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each folder with the names of its folders and files, as `os.walk` does, until there are too many.

    Raises:
        GatekitError: `folder.too_many_entries`: there are more than `MOST_ENTRIES` below the folder.
    """
    left = MOST_ENTRIES
    for root, folders, files in os.walk(folder, onerror=onerror):
        left -= len(folders) + len(files)
        if left < 0:
            message = f"there are more than {MOST_ENTRIES} files and folders below this one"
            raise GatekitError("folder.too_many_entries", message, Location(os.fspath(folder)))
        yield root, folders, files


def all_files(folder: str | os.PathLike[str], onerror: Callable[[OSError], object] | None = None) -> list[str]:
    """Return the paths of all files below a folder, hidden ones too, sorted; links are not followed.

    Args:
        folder: looked through.
        onerror: called with what keeps a folder from being listed; without it such a folder holds nothing.

    Raises:
        GatekitError: `folder.too_many_entries`.
    """
    return sorted(os.path.join(root, name) for root, _, files in walk(folder, onerror) for name in files)
