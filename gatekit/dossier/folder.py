"""Write a folder whole or not at all, and replace only what an earlier run wrote.

The files are written into a hidden folder beside the target, flushed, and put in its place by one rename. Where a
dossier is there already, the two are exchanged in one step if the system can, so that at any moment the name leads to a
whole dossier, the old or the new one.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from gatekit.errors import GatekitError, Location
from gatekit.evidence.atomic import write_whole
from gatekit.evidence.canonical import sha256_file
from gatekit.evidence.listing import all_files
from gatekit.evidence.strict_json import read_json, read_regular_file
from gatekit.exit_codes import ExitCode

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
SCHEMA = "gatekit.dossier/1"
LARGEST_SUMS = 1 << 20
"""Bytes of SHA256SUMS; a dossier has some twenty files."""

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def sums(files: Mapping[str, bytes]) -> bytes:
    """Return SHA256SUMS as `sha256sum --check` reads it, in the order of the names."""
    return "".join(f"{sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())).encode()


def check_target(target: Path) -> None:
    """Refuse a place where something else than an untouched earlier dossier stands.

    Raises:
        GatekitError: `dossier.in_the_way` (exit code USAGE).
    """
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir():
        raise _in_the_way(target, "it is not a folder")
    try:
        _check_content(target)
    except OSError as error:
        raise _in_the_way(target, f"it cannot be read: {error.strerror or error}") from error


def _stop(error: OSError) -> NoReturn:
    raise error


def _check_content(target: Path) -> None:
    dossier = _is_dossier(target)
    found = {}
    for name in all_files(target, _stop):
        if not dossier:
            raise _in_the_way(target, "it holds files that are no dossier")
        inside = Path(name)
        found[inside.relative_to(target).as_posix()] = inside
    if not found:
        return
    expected = _listed(target)
    for name in sorted(found.keys() | expected.keys()):
        if name not in expected:
            raise _in_the_way(target, f"it holds {name}, which no dossier wrote")
        path = found.get(name)
        # A named pipe in a file's place would be waited for without end.
        regular = path is not None and stat.S_ISREG(path.lstat().st_mode)
        if path is None or not regular or sha256_file(path) != expected[name]:
            raise _in_the_way(target, f"{name} was changed since the dossier was written")


def write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Write all files into the folder `target`, or leave everything as it was.

    Args:
        target: free, an empty folder or an untouched earlier dossier; its parents are made.
        files: content by relative path.

    Raises:
        GatekitError: `dossier.in_the_way`, or `output.unwritable`.
    """
    check_target(target)
    temporary = target.parent / f".{target.name}.gatekit-{secrets.token_hex(8)}.tmp"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.mkdir()
            for name, data in sorted(files.items()):
                path = temporary / name
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, data)
            _put_in_place(temporary, target)
        finally:  # also after a signal; what is left here is half a new dossier, or the whole old one
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        reason = f"the folder cannot be written: {error.strerror or error}"
        raise GatekitError("output.unwritable", reason, Location(str(target)), exit_code=ExitCode.USAGE) from error


def _is_dossier(target: Path) -> bool:
    try:
        manifest = read_json(target / MANIFEST).value
    except GatekitError:
        return False
    return isinstance(manifest, dict) and manifest.get("schema") == SCHEMA


def _listed(target: Path) -> dict[str, str]:
    """Return what SHA256SUMS lists, and itself: it is what its own lines say."""
    try:
        text = read_regular_file(target / SUMS, "dossier", LARGEST_SUMS).decode("utf-8")
    except (GatekitError, UnicodeDecodeError):
        return {}
    listed = {line[66:]: line[:64] for line in text.splitlines()}
    return listed | {SUMS: sha256(text.encode()).hexdigest()}


def _put_in_place(temporary: Path, target: Path) -> None:
    if not os.path.lexists(target) or not any(target.iterdir()):
        temporary.rename(target)  # rename(2) replaces an empty folder
    elif not _exchanged(temporary, target):
        aside = target.parent / f".{target.name}.gatekit-{secrets.token_hex(8)}.old"
        target.rename(aside)
        try:
            temporary.rename(target)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.rename(target)
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(other))


def _in_the_way(target: Path, what: str) -> GatekitError:
    return GatekitError(
        "dossier.in_the_way",
        f"the dossier cannot be written here: {what}",
        Location(str(target)),
        "name a free folder with --out, or remove this one",
        ExitCode.USAGE,
    )
