"""Where attestations lie: beside the evidence, in the same folders."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path

from gatekit.errors import GatekitError, without_frames
from gatekit.evidence import patterns
from gatekit.evidence.folder_limits import LOCAL_ATTESTATION_FILES, beyond, sizes_of
from gatekit.evidence.listing import walk
from gatekit.evidence.strict_json import read_regular_file
from gatekit.signing.dsse import LIMITS
from gatekit.signing.verifying import is_attestation_name


def find_attestations(paths: Iterable[str]) -> list[str]:
    """Return the attestations of files, folders and glob patterns, sorted, each once.

    In a folder that is every `*.dsse.json` and `*.sigstore.json` at any depth, hidden files and folders left out. Those
    of a file `x.json` lie beside it and are called `x.*`. A path that is an attestation is itself one. What does not
    exist is left for whoever reads the evidence to report.
    """
    found: set[str] = set()
    folders: dict[str, list[str]] = {}
    for path in paths:
        matches = [path] if os.path.lexists(path) else patterns.matches(path)
        for match in matches:
            if os.path.isdir(match):
                found.update(_inside(match))
            elif is_attestation_name(os.path.basename(match)):
                found.add(match)
            else:
                found.update(_beside(match, folders))
    return sorted({Path(path).as_posix() for path in found})


def read_attestations(paths: Sequence[str]) -> tuple[list[tuple[str, bytes]], list[GatekitError]]:
    """Return (path, bytes) of every file that can be read, and an error `signature.*` for each that cannot."""
    found: list[tuple[str, bytes]] = []
    # One that is too large by itself is refused unread, as that.
    sizes = {path: size for path, size in sizes_of(paths).items() if size <= LIMITS.size}
    errors = beyond(sizes, LOCAL_ATTESTATION_FILES)
    for path in () if errors else paths:
        try:
            found.append((path, read_regular_file(path, "signature", LIMITS.size)))
        except GatekitError as error:
            errors.append(without_frames(error))
    return found, errors


def _inside(folder: str) -> list[str]:
    found: list[str] = []
    for root, folders, files in walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(root, name) for name in files if is_attestation_name(name)]
    return found


def _beside(path: str, folders: dict[str, list[str]]) -> list[str]:
    """Return the attestations of one file; `folders` keeps those of each folder in order, for the next file of it."""
    folder, name = os.path.split(path)
    stem = name.removesuffix(".json") + "."
    if folder not in folders:
        folders[folder] = _names_in(folder)
    names = folders[folder]
    first, end = bisect_left(names, stem), bisect_left(names, f"{stem}\U0010ffff")
    return [os.path.join(folder, other) for other in names[first:end]]


def _names_in(folder: str) -> list[str]:
    _, folders, files = next(walk(folder or "."), ("", [], []))
    return sorted(name for name in (*folders, *files) if is_attestation_name(name))
