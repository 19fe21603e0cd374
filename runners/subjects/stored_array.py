"""An array in the cache beside a manifest that says what it must be: one that is not is made again, never used.

Whatever is wrong with an entry of the cache (a flipped byte, a cut, empty or missing file, a manifest that is none, a
whole entry of another key) is found on opening, said in one line, and mended, since the cache holds nothing that cannot
be computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatekit.errors import GatekitError, Location
from runners.arrays import Floats
from runners.cache_use import note_files
from runners.claims import claimed
from runners.digests import data_sha256
from runners.subjects.mapped_array import map_array
from runners.whole_files import building_folder

ARRAY = "activations.npy"
MANIFEST = "manifest.json"
_ALTERED = "activations.altered"
_BYTES_PER_READ = 1 << 24


@dataclass(frozen=True)
class StoredArray:
    """An array that is the one that its manifest names."""

    path: Path
    sha256: str
    """Over the array's bytes, header left out."""
    shape: tuple[int, ...]


def write_manifest(folder: Path, rows: Floats, key: Mapping[str, object]) -> None:
    """Say in `folder` what its array must be: bytes, shape and type, and what it was made of.

    Args:
        folder: that holds the array.
        rows: the array.
        key: whose digest will be the entry's name.
    """
    manifest = {"key": key, "sha256": _array_sha256(rows), "shape": list(rows.shape), "dtype": str(rows.dtype)}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")


def open_array(folder: Path) -> StoredArray:
    """Open an entry of the cache and compare its array with its manifest, and its name with the key that this tells.

    Raises:
        GatekitError: `activations.altered`, the array is not the one that was stored.
    """
    path = folder / ARRAY
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        wanted = (manifest["sha256"], manifest["shape"], manifest["dtype"])
        made_for = data_sha256(manifest["key"])
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        raise _altered(path) from None
    if made_for != folder.name:
        raise _altered(path)
    rows = map_array(path, _ALTERED)
    found = (_array_sha256(rows), list(rows.shape), str(rows.dtype))
    if found != wanted:
        raise _altered(path)
    return StoredArray(path, found[0], tuple(rows.shape))


def open_or_make(folder: Path, make: Callable[[], None]) -> StoredArray:
    """Open an entry of the cache; make it where there is none, and again where it is faulty.

    Args:
        folder: the entry.
        make: puts a whole entry there, or leaves the one that another run put there first.

    Raises:
        GatekitError: what has just been made is not what its manifest says, or `make` raises.
    """
    note_files(folder / ARRAY, folder / MANIFEST)
    found = _opened_or_set_aside(folder)
    if found is not None:
        return found
    with claimed(folder, f"stored activations {folder.name[:12]}"):
        # Whoever had the claim before may have left it.
        found = _opened_or_set_aside(folder)
        if found is not None:
            return found
        make()
        return open_array(folder)


def _opened_or_set_aside(folder: Path) -> StoredArray | None:
    """Return an entry that is whole; take a faulty one away in one step, so that no other run finds a part of it."""
    if not folder.exists():
        return None
    try:
        return open_array(folder)
    except GatekitError:
        if not folder.exists():
            return None  # taken away while it was read
        sys.stderr.write(f"stored activations {folder.name[:12]} are not the ones computed: made again\n")
    with building_folder(folder) as aside, suppress(FileNotFoundError):
        os.rename(folder, aside / folder.name)
    return None


def _altered(path: Path) -> GatekitError:
    return GatekitError(_ALTERED, "the stored activations are not the ones computed", Location(str(path)), "delete it")


def _array_sha256(rows: Floats) -> str:
    digest = hashlib.sha256()
    step = max(1, _BYTES_PER_READ // max(1, rows[:1].nbytes))
    for start in range(0, len(rows), step):
        digest.update(np.ascontiguousarray(rows[start : start + step]).data)
    return digest.hexdigest()
