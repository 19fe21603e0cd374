"""Faults that a run meets outside itself, each in one line: a full disk, a package that is not there, the hub."""

from __future__ import annotations

import errno
import os

from gatekit.errors import GatekitError
from runners.stage.hub_faults import hub_fault

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_REMEDIES = {errno.EIO: "the disk failed; see to it, and run again"}
_FOLDERS = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
"""What no other attempt would change."""
_MAKE_ROOM = "make room, and run again"
_OURS = ("runners", "gatekit")


def machine_fault(error: BaseException) -> GatekitError | str | None:
    """Return what is wrong with the machine; None for an error of another sort.

    Returns:
        An error for what was asked for and cannot be had here, a line for what broke while it was done.
    """
    return _of_a_package(error) or _of_a_folder(error) or _of_the_disk(error) or _gone(error) or hub_fault(error)


def _of_a_package(error: BaseException) -> GatekitError | None:
    """Return the error that a library wants a package that is not installed, such as that of a quantised model."""
    if not isinstance(error, ImportError) or str(error.name or "").partition(".")[0] in _OURS:
        return None
    said = str(error).strip().split("\n")[0]
    remedy = "install it beside the runners, or measure what does not ask for it"
    return GatekitError("runner.package_missing", said or "a package is not installed", remedy=remedy)


def _of_a_folder(error: BaseException) -> GatekitError | None:
    """Return the error that a folder, or what lies in it, may not be written or read."""
    number = error.errno if isinstance(error, OSError) else None
    if number not in _FOLDERS:
        if isinstance(error, OSError) or os.strerror(errno.EROFS) not in str(error):
            return None
        number = errno.EROFS
    remedy = "give folders that can be written (--cache, --out, --artifacts), and files that can be read"
    return GatekitError("runner.folder", f"{os.strerror(number)}{_named(error, '')}", remedy=remedy)


def _gone(error: BaseException) -> str | None:
    """Return in one line which file is not there; None for an error of another sort.

    Where it is an input, whoever runs again is refused at its place; and who only wrote it anew finds it.
    """
    if not isinstance(error, FileNotFoundError) or not error.filename:
        return None
    return f"{os.strerror(errno.ENOENT)}{_named(error, '')}: put back what was taken away meanwhile, and run again"


def _named(error: BaseException, doing: str = "writing ") -> str:
    name = getattr(error, "filename", None)
    return f" ({doing}{os.path.basename(os.fsdecode(name))})" if isinstance(name, str | bytes) and name else ""


def _of_the_disk(error: BaseException) -> str | None:
    """Return in one line what the disk did not take; None for an error of another sort.

    Libraries that write in C raise errors of their own, with the system's words in them.
    """
    if isinstance(error, OSError) and error.errno in _DISK:
        name, number = _named(error), error.errno
    else:
        found = next((one for one in sorted(_DISK) if os.strerror(one) in str(error)), None)
        if found is None:
            return None
        name, number = "", found
    return f"{os.strerror(number)}{name}: {_REMEDIES.get(number, _MAKE_ROOM)}; what was trained is in the cache"
