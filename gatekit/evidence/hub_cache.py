"""Files of a model in the cache of huggingface_hub, which are symbolic links to what the cache keeps by content.

    models--OWNER--NAME/snapshots/COMMIT/config.json -> ../../blobs/DIGEST

Where links are refused because what they lead to is not what a change shows, these are followed: both ends lie in one
folder of the cache.
"""

from __future__ import annotations

import os
from pathlib import Path

_PREFIXES = ("models--", "datasets--")


def blob_of(path: str | os.PathLike[str]) -> str | None:
    """Return the file that a link inside a snapshot leads to, or None where the path is no such link.

    The file lies in `blobs` of the snapshot's own repository, and is no link itself.
    """
    whole = os.path.abspath(path)
    if "/snapshots/" not in whole:  # of nearly every file, and a path's parents take long to name
        return None
    place = Path(whole)
    for above in place.parents:
        if above.name == "snapshots" and above.parent.name.startswith(_PREFIXES):
            found = os.path.realpath(place)
            blobs = os.path.realpath(above.parent / "blobs")
            inside = os.path.dirname(found) == blobs and blobs == os.path.join(os.path.realpath(above.parent), "blobs")
            return found if inside else None
    return None
