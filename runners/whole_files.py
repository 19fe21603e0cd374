"""Files and folders that appear whole or not at all, in a folder that many processes and perhaps several users write.

Everything is built under a name of its own beside its place and renamed: a reader sees the old entry, the new one or
none, and of two writers of one entry the last one holds, whose bytes are the same. What is made has the permissions of
the folder that it is made in, so that whoever prepares a cache for a group or for everybody decides it once.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gatekit.evidence.left_behind import is_left_behind, own_token, remove_left_behind

BUILDING = ".building-"

__all__ = [
    "BUILDING",
    "building_folder",
    "is_left_behind",
    "make_folder",
    "own_token",
    "permissions_of",
    "rename_folder",
    "write_file",
    "write_text",
]


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, each with the permissions of the one that it lies in."""
    if folder.is_dir():
        return
    above = folder.parent
    outermost = not above.is_dir()
    make_folder(above)
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise
        return
    if not outermost:
        _like_parent(folder)


@contextmanager
def permissions_of(folder: Path) -> Iterator[None]:
    """Let files and folders that are made while the block runs have the permissions of a folder, whoever makes them.

    Args:
        folder: that they go to, or another that is there.
    """
    kept = os.umask(~stat.S_IMODE(folder.stat().st_mode) & 0o777)
    try:
        yield
    finally:
        os.umask(kept)


@contextmanager
def building_folder(place: Path) -> Iterator[Path]:
    """Give an empty folder beside `place`, to be filled; it is gone when the block ends, unless it was renamed."""
    make_folder(place.parent)
    remove_left_behind(place.parent, BUILDING)
    folder = place.parent / f"{BUILDING}{own_token()}"
    folder.mkdir()
    try:
        _like_parent(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def rename_folder(folder: Path, place: Path) -> None:
    """Put a filled folder in its place; where another process put one first, that one stays.

    Raises:
        OSError: it cannot be renamed, and no folder is there.
    """
    for path in folder.iterdir():
        _like_parent(path)
    try:
        os.rename(folder, place)
    except OSError:
        if not place.is_dir():
            raise


def write_file(place: Path, fill: Callable[[Path], None]) -> None:
    """Write a file whole: `fill` writes it under another name, and it is on the disk before it has its own.

    Args:
        place: of the file.
        fill: given the name to write to.
    """
    make_folder(place.parent)
    remove_left_behind(place.parent, BUILDING)
    building = place.with_name(f"{BUILDING}{own_token()}")
    try:
        fill(building)
        # A second name of another file leaves that one's permissions as they are.
        if building.stat().st_nlink == 1:
            _like_parent(building)
        with building.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(building, place)
    except BaseException:
        building.unlink(missing_ok=True)
        raise


def write_text(place: Path, text: str) -> None:
    """Write a text whole, as UTF-8."""

    def fill(building: Path) -> None:
        building.write_text(text, encoding="utf-8")

    write_file(place, fill)


def _like_parent(path: Path) -> None:
    """Give a file or folder the permissions of the folder it lies in; a file is never executable."""
    with suppress(OSError):  # of another user's folder they stay as the system made them
        mode = stat.S_IMODE(path.parent.stat().st_mode) & ~stat.S_ISVTX
        os.chmod(path, mode if path.is_dir() else mode & 0o666)
