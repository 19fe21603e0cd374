"""Taking entries out of a cache: those not used for long, or the least recently used until it is small enough."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from gatekit.cache.entries import RUNS, AnyEntry

E = TypeVar("E", bound=AnyEntry)


def to_remove(
    entries: Sequence[E],
    now: float,
    older_than: float | None,
    at_most: int | None,
    claimed: Callable[[E, float], bool],
) -> list[E]:
    """Return the entries that must go, least recently used first.

    Files of runs stay, since summaries name them; and so does what a process is at work on.

    Args:
        entries: of the cache.
        now: seconds since 1970.
        older_than: seconds without use after which an entry goes; None keeps any age.
        at_most: bytes that all entries may take together; None is any number.
        claimed: (entry, now) -> whether a process is at work on it.
    """
    total = sum(entry.bytes for entry in entries)
    found = []
    for entry in sorted(entries, key=lambda entry: (entry.used, entry.name)):
        is_old = older_than is not None and now - entry.used > older_than
        is_too_much = at_most is not None and total > at_most
        if entry.kind != RUNS and (is_old or is_too_much) and not claimed(entry, now):
            found.append(entry)
            total -= entry.bytes
    return found


def remove(path: Path) -> None:
    """Take a file or folder away in one step, so that nobody finds a part of it; one that is gone already is fine.

    Raises:
        OSError: it cannot be removed.
    """
    aside = path.with_name(f".faulty-{os.getpid()}-{secrets.token_hex(8)}")
    with suppress(FileNotFoundError):
        os.rename(path, aside)
        if aside.is_dir() and not aside.is_symlink():
            shutil.rmtree(aside)
        else:
            aside.unlink()
