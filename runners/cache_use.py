"""Which entries of the cache a piece of work has read or written, for whoever wants to know that they are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_NOTED: ContextVar[list[Path] | None] = ContextVar("entries of the cache", default=None)


@contextmanager
def noting() -> Iterator[list[Path]]:
    """Give the list that grows by every file of the cache that is used while the block runs."""
    noted: list[Path] = []
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


def note_files(*files: Path) -> None:
    """Say that these files of the cache were used."""
    noted = _NOTED.get()
    if noted is not None:
        noted.extend(files)
