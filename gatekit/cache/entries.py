"""The entries of a cache, and what writers left behind between them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gatekit.evidence.listing import all_files, walk

FOLDERS = ("activations", "given_activations")
"""Kinds whose entry is a folder with an array and its manifest."""
GROUPS = ("saes",)
"""Kinds whose entry is a folder with files of each seed."""
FILES = ("probing", "shifted_probes", "snapshots", "units")
"""Kinds whose entry is a file."""
RUNS = "runs"
"""Checkpoints and result files of runs, by kind of run and digest of the configuration."""
KINDS = (*FOLDERS, *GROUPS, *FILES, RUNS)

LEFT_BEHIND_AFTER = 24 * 3600.0
"""Seconds without a change after which what is still being written counts as left behind by a process that died."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_UNDER_WAY = re.compile(r"\.(building|faulty)-.*|.*\.partial|\..*\.claim")


class AnyEntry(Protocol):
    """One thing that somebody computed."""

    @property
    def kind(self) -> str:
        """Of the entry."""
        ...

    @property
    def name(self) -> str:
        """Kind and place."""
        ...

    @property
    def bytes(self) -> int:
        """That it takes."""
        ...

    @property
    def used(self) -> float:
        """Seconds since 1970 when it was last used, or published."""
        ...


@dataclass(frozen=True)
class CacheEntry:
    """One thing that somebody computed, and that can be computed again."""

    kind: str
    path: Path
    files: tuple[Path, ...]
    bytes: int
    """On disk; of a file with several names a share, so that the sum over entries is what the disk holds."""
    used: float
    """Seconds since 1970 when it was last read or written, as far as the file system says it."""

    @property
    def name(self) -> str:
        """Kind and place."""
        inside = self.path.parent.name if self.kind == RUNS else None
        return f"{self.kind}/{inside}/{self.path.name}" if inside else f"{self.kind}/{self.path.name}"


def entries_of(cache: Path, kinds: Sequence[str] = KINDS) -> list[CacheEntry]:
    """Return the entries of a cache, by kind and name; none where there is no such folder."""
    found = []
    for kind in kinds:
        for path in _places(cache, kind):
            files = [path] if path.is_file() else [each for each in map(Path, all_files(path)) if each.is_file()]
            entry = _entry(kind, path, [file for file in files if not _UNDER_WAY.fullmatch(file.name)])
            if entry is not None:
                found.append(entry)
    return found


def left_behind(cache: Path, now: float | None = None) -> list[Path]:
    """Return what processes that are no more were writing: nothing has changed in it for a day.

    Args:
        cache: its folder.
        now: seconds since 1970; the present where None.
    """
    before = (time.time() if now is None else now) - LEFT_BEHIND_AFTER
    found = []
    for folder, folders, files in walk(cache):
        for name in [*folders, *files]:
            path = Path(folder, name)
            if _UNDER_WAY.fullmatch(name) and _changed(path) < before:
                found.append(path)
        folders[:] = [name for name in folders if not _UNDER_WAY.fullmatch(name)]
    return sorted(found)


def is_claimed(entry: CacheEntry, now: float | None = None) -> bool:
    """Say whether a process is at work on an entry, or on a file of it."""
    before = (time.time() if now is None else now) - LEFT_BEHIND_AFTER
    claim = entry.path.with_name(f".{entry.path.name}.claim")
    return claim.exists() and _changed(claim) >= before


def _places(cache: Path, kind: str) -> Iterator[Path]:
    place = cache / kind
    if not place.is_dir():
        return
    inside = sorted(place.iterdir())
    if kind == RUNS:
        inside = [run for stage in inside if stage.is_dir() for run in sorted(stage.iterdir()) if run.is_dir()]
    for path in inside:
        stem = path.name if path.is_dir() else path.name.partition(".")[0].partition("-")[0]
        if kind == RUNS or (_DIGEST.fullmatch(stem) and not _UNDER_WAY.fullmatch(path.name)):
            yield path


def _entry(kind: str, path: Path, files: Sequence[Path]) -> CacheEntry | None:
    size, used = 0, 0.0
    for file in files:
        try:
            state = file.stat()
        except OSError:
            continue  # taken away meanwhile
        size += state.st_size // max(1, state.st_nlink)
        used = max(used, state.st_mtime, state.st_atime)
    return CacheEntry(kind, path, tuple(files), size, used) if files else None


def _changed(path: Path) -> float:
    """Return when a file, or anything in a folder, was last written; the present where it is gone."""
    newest = 0.0
    try:
        newest = path.stat().st_mtime
        for inside in all_files(path) if path.is_dir() else ():
            newest = max(newest, os.stat(inside).st_mtime)
    except OSError:
        return time.time()
    return newest
