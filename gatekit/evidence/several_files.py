"""Several files written together: all of them or none, and no file of the user's replaced unasked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.atomic import write_whole
from gatekit.evidence.strict_json import read_regular_file
from gatekit.exit_codes import ExitCode

LARGEST_REPLACED = 64 << 20
"""Bytes of a file that would be replaced; it is kept in memory until all files are written."""


@dataclass(frozen=True)
class WrittenFiles:
    """What became of each file."""

    new: tuple[Path, ...]
    replaced: tuple[Path, ...]
    unchanged: tuple[Path, ...]
    """They were there already, with the same content."""


def check_apart(target: Path, inputs: Sequence[str]) -> None:
    """Refuse to write into the evidence: the next run would read what was written as summaries.

    Raises:
        UsageError: the target lies in one of the input folders.
    """
    place = Path(os.path.realpath(target))
    for folder in inputs:
        if os.path.isdir(folder) and place.is_relative_to(os.path.realpath(folder)):
            raise UsageError(f"--out lies in the evidence folder '{folder}'", "name a place outside of it")


def write_together(files: Mapping[Path, bytes], replace: bool, remedy: str) -> WrittenFiles:
    """Write every file or, where one cannot be written, leave everything as it was.

    Folders are made as needed. A file that is there with other content stops the whole, unless `replace`. A crash of
    the machine half-way can still leave some of the files, each of them whole.

    Args:
        files: content by path.
        replace: overwrite files whose content differs.
        remedy: what the user can do about a file that is in the way.

    Raises:
        UsageError: a file is in the way.
        GatekitError: `output.unwritable`.
    """
    before = {path: _content(path) for path in files}
    changed = {path: data for path, data in files.items() if before[path] != data}
    in_the_way = [path for path in changed if before[path] is not None]
    if in_the_way and not replace:
        named = ", ".join(map(str, in_the_way[:5])) + (", ..." if len(in_the_way) > 5 else "")
        raise UsageError(f"already there with other content: {named}", remedy)
    made: list[Path] = []
    done: list[Path] = []
    try:
        for path, data in changed.items():
            made += _make_folders(path.parent)
            write_whole(path, data)
            done.append(path)
    except BaseException:  # also a signal: the user should find all or nothing
        _take_back({path: before[path] for path in done}, made)
        raise
    return WrittenFiles(
        new=tuple(path for path in changed if before[path] is None),
        replaced=tuple(in_the_way),
        unchanged=tuple(path for path in files if path not in changed),
    )


def _content(path: Path) -> bytes | None:
    """Return a regular file's content; None when there is nothing, or something that `write_whole` will refuse."""
    if not os.path.lexists(path) or path.is_symlink() or not path.is_file():
        return None
    try:
        return read_regular_file(path, "output", LARGEST_REPLACED)
    except GatekitError as error:
        reason = f"the file that is there cannot be read: {error.message}"
        raise GatekitError("output.unwritable", reason, Location(str(path)), exit_code=ExitCode.USAGE) from None


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and its parents; return those that were not there, outermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder cannot be made: {error.strerror}"
        raise GatekitError("output.unwritable", reason, Location(str(folder)), exit_code=ExitCode.USAGE) from None
    return missing[::-1]


def _take_back(before: Mapping[Path, bytes | None], made: list[Path]) -> None:
    # Best effort: the error that led here is the one to report.
    for path, data in before.items():
        with contextlib.suppress(OSError, GatekitError):
            if data is None:
                path.unlink()
            else:
                write_whole(path, data)
    for folder in reversed(made):
        with contextlib.suppress(OSError):
            folder.rmdir()
