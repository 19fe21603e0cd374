"""The files of a folder, at any depth, so that none is passed over in silence."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn

from gatekit.errors import GatekitError, Location


def visible_files(folder: str, wanted: Callable[[str], bool]) -> list[str]:
    """Return the paths of files whose names are wanted; hidden files and folders are left out, as in a pull request.

    A link to a folder is not followed but listed: whoever reads it as a file refuses it by name.

    Raises:
        GatekitError: `folder.unlisted`, a folder cannot be listed: it could hold what contradicts the rest.
    """

    def stop(error: OSError) -> NoReturn:
        name = os.fsdecode(error.filename or folder)
        place = Location(f"...{name[-77:]}" if len(name) > 80 else name)
        raise GatekitError("folder.unlisted", f"the folder cannot be listed: {error.strerror}", place)

    found: list[str] = []
    for root, folders, files in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(root, name) for name in sorted(files) if wanted(name) and not name.startswith(".")]
        found += [path for name in folders if os.path.islink(path := os.path.join(root, name))]
    return found
