"""Whether there is room for a task: disk where runs are written, and memory of this machine."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from gatekit.cycles.plan import GIB, Needs
from gatekit.errors import GatekitError, Location
from gatekit.evidence.listing import walk
from gatekit.exit_codes import ExitCode

_FULL = (errno.ENOSPC, errno.EDQUOT)

LEAST_ROOM = 1 << 20
"""Bytes of free disk with which nothing that measures can be written; what fails below has failed for that."""


def no_room(folders: tuple[Path, ...]) -> str | None:
    """Return which disk is full, in one line; None where none is.

    Args:
        folders: as of `lacking`.
    """
    full = [folder for folder in folders if shutil.disk_usage(nearest(folder)).free < LEAST_ROOM]
    return f"the disk of {full[0]} is full" if full else None


def unwritable(what: str, path: Path, error: OSError) -> GatekitError:
    """Return the error that a file of a cycle could not be written: exit code 3 where room helps, 64 elsewhere."""
    full = error.errno in _FULL
    message = f"{what} could not be written: {error.strerror or error}; nothing that it holds is lost"
    remedy = "make room, and give the same command again" if full else "give a folder that can be written (--runs)"
    code = ExitCode.INCONCLUSIVE if full else ExitCode.USAGE
    return GatekitError("cycle.disk", message, Location(str(path)), remedy, exit_code=code)


def lacking(needs: Needs, folders: tuple[Path, ...]) -> str | None:
    """Return what a task needs and this machine does not have free, in one line; None where there is room.

    Args:
        needs: of the task.
        folders: where it writes; the nearest that exists is asked.
    """
    for folder in folders:
        free = shutil.disk_usage(nearest(folder)).free
        if free < needs.disk:
            return f"{_gib(free)} of disk are free at {folder}, and {_gib(needs.disk)} are needed"
    available = memory_available()
    if needs.memory and available is not None and available < needs.memory:
        return f"{_gib(available)} of memory are free, and {_gib(needs.memory)} are needed"
    return None


def memory_available() -> int | None:
    """Return the bytes that new processes can have, as the kernel estimates; None where it does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def killed_for_memory() -> int | None:
    """Return how many processes the kernel has killed on this machine for want of memory; None where it does not say.

    Linux counts those of a control group, such as a container or a job of Slurm, among them.
    """
    try:
        with open("/proc/vmstat", encoding="ascii") as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return None


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    total = 0
    for path, _, names in walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_size
            except OSError:
                continue  # gone since it was listed
    return total


def nearest(folder: Path) -> Path:
    """Return a folder, or the one above it that is there."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / (1 << 20):.0f} MiB"
