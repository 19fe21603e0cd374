"""A file of the work tree as git would commit it: a checkout may have other line ends than the repository.

Evidence is compared with what is committed, in pull requests, and with what lies on the disk, by `gatekit stale` and by
whoever measures. With core.autocrlf, or by .gitattributes, a text file lies there with CRLF and is committed with LF.
"""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

from gatekit.evidence.source_digest import rule_for

_CRLF = b"\r\n"

LARGEST_TEXT = 64 << 20
"""Bytes of a file that may be text. A larger one is data, which is as it is, and its digest is taken in pieces
(`canonical.sha256_file`)."""


def committed_bytes(path: Path) -> bytes:
    """Return a file's content as `git add` would store it; as it is where git would change nothing, or cannot be asked.

    Git itself decides, by its attributes and settings, what is text; a binary file is never changed. Only line ends
    are followed: what other filters store is not looked at.

    Raises:
        OSError: the file cannot be read, or has more than `LARGEST_TEXT` bytes.
    """
    return as_committed(path, bounded_bytes(path))


def as_committed(path: Path, data: bytes) -> bytes:
    """Return the content that was read from a file as `git add` would store it; see `committed_bytes`."""
    if _CRLF not in data:
        return data
    with_lf = data.replace(_CRLF, b"\n")
    folder, name = path.parent, path.name
    as_it_is = _git(folder, "hash-object", "--stdin", "--no-filters", stdin=data)
    stored = _git(folder, "hash-object", "--stdin", f"--path={name}", stdin=data)
    if stored is None or stored == as_it_is:
        return data
    if stored != _git(folder, "hash-object", "--stdin", "--no-filters", stdin=with_lf):
        return data
    return data if _stays(folder, name) else with_lf


def source_bytes(path: Path) -> bytes:
    """Return a file's content for its digest as a source: as committed, but of Python, whose tree has no line ends.

    Raises:
        OSError: the file cannot be read, or has more than `LARGEST_TEXT` bytes.
    """
    return bounded_bytes(path) if rule_for(path.name) == "syntax_tree" else committed_bytes(path)


def bounded_bytes(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        OSError: the file cannot be read, or has more than `LARGEST_TEXT` bytes.
    """
    with path.open("rb") as file:
        data = file.read(LARGEST_TEXT + 1)
    if len(data) > LARGEST_TEXT:
        raise OSError(errno.EFBIG, f"it has more than {LARGEST_TEXT} bytes", str(path))
    return data


def _stays(folder: Path, name: str) -> bool:
    """Whether the index has the file with CRLF, which git then keeps, unless an attribute says that it is text."""
    listed = (_git(folder, "ls-files", "--stage", "--", name) or b"").split()
    if len(listed) < 2:
        return False
    there = _git(folder, "cat-file", "blob", listed[1].decode("ascii")) or b""
    said = _git(folder, "check-attr", "text", "--", name) or b""
    return _CRLF in there and not said.rstrip().endswith(b": text: set")


def _git(folder: Path, *arguments: str, stdin: bytes | None = None) -> bytes | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    # A name is a name, whatever stars it has.
    environment = {**os.environ, "GIT_LITERAL_PATHSPECS": "1"}
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
