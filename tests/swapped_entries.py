"""Entries of a cache in each other's places, as a copy of the wrong folder leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def swap(one: Path, other: Path) -> None:
    """Let two entries change places."""
    rotate([one, other])


def rotate(entries: Sequence[Path]) -> None:
    """Put every entry in the place of the one before it."""
    aside = [path.rename(path.with_name(f"{path.name}.aside")) for path in entries]
    for number, path in enumerate(aside):
        path.rename(entries[number - 1])
