"""Write a file whole or not at all: an interrupted run leaves the old file, never half a new one."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from gatekit.errors import GatekitError, Location
from gatekit.evidence.left_behind import own_token, remove_left_behind
from gatekit.exit_codes import ExitCode

TEMPORARY = ".gatekit-"


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the content of `path` by `data` in one step that survives a crash.

    The data goes to a temporary file in the same folder, is flushed to the disk and renamed over the target; then the
    folder is flushed. An existing file keeps its permission bits. What killed writers left in the folder is removed.

    Args:
        path: a regular file or a name that is free; its folder must exist.
        data: the whole new content.

    Raises:
        GatekitError: `output.unwritable` (exit code USAGE: an output path is part of the command line) when the path is
            a symbolic link, a directory or a device, or the folder is missing, read-only or full. The old file stays.
    """
    target = os.fspath(path)
    folder = os.path.dirname(target) or "."
    temporary = os.path.join(folder, f"{TEMPORARY}{own_token()}.tmp")
    try:
        mode = _mode_of_target(target)
        try:
            _write_and_flush(temporary, data, mode)
            os.replace(temporary, target)
        except BaseException:  # also KeyboardInterrupt
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _flush_folder(folder)
        remove_left_behind(folder, TEMPORARY, ".tmp")
    except OSError as error:
        raise _unwritable(target, error.strerror or str(error)) from error
    except ValueError as error:  # a NUL in the path
        raise _unwritable(target, str(error)) from error


def _mode_of_target(target: str) -> int | None:
    """Permission bits of the file that will be replaced, None if there is none."""
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(mode):
        raise _unwritable(target, "it is a symbolic link", "name the file that it points to")
    if stat.S_ISDIR(mode):
        raise _unwritable(target, "it is a directory", "name a file in it")
    if not stat.S_ISREG(mode):
        raise _unwritable(target, "it is a pipe, a socket or a device", "name a regular file")
    return stat.S_IMODE(mode)


def _write_and_flush(temporary: str, data: bytes, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(temporary, flags, 0o666), "wb", buffering=0) as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        rest = memoryview(data)
        while rest:  # one write may take less than all
            rest = rest[os.write(file.fileno(), rest) :]
        os.fsync(file.fileno())


def _flush_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot flush a folder
            raise
    finally:
        os.close(descriptor)


def _unwritable(target: str, reason: str, remedy: str | None = None) -> GatekitError:
    return GatekitError(
        "output.unwritable", f"the file cannot be written: {reason}", Location(target), remedy, ExitCode.USAGE
    )
