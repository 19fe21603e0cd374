"""A cache in a folder and a cache in an object store, as `gatekit cache` looks at either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gatekit.cache.entries import LEFT_BEHIND_AFTER, AnyEntry, CacheEntry, entries_of, is_claimed, left_behind
from gatekit.cache.pruning import remove
from gatekit.cache.wholeness import fault_of
from gatekit.errors import GatekitError, Location
from gatekit.evidence.object_store import ObjectStore, is_url, open_store


class OpenedCache(Protocol):
    """A cache, wherever it is."""

    def entries(self) -> Sequence[AnyEntry]:
        """Return all entries, by kind and name."""
        ...

    def fault_of(self, entry: AnyEntry) -> str | None:
        """Return what is wrong with an entry in a few words, or None."""
        ...

    def remove(self, name: str) -> None:
        """Take an entry, or what was left behind, away."""
        ...

    def is_claimed(self, entry: AnyEntry, now: float) -> bool:
        """Say whether a process is at work on an entry."""
        ...

    def left_behind(self, now: float) -> list[str]:
        """Return what processes that are no more were writing."""
        ...


def open_cache(given: str | Path) -> OpenedCache:
    """Open a cache by its folder or its URL.

    Raises:
        UsageError: as `gatekit.evidence.object_store.open_store`.
    """
    if isinstance(given, str) and is_url(given):
        return _Store(open_store(given))
    return _Folder(Path(given))


@dataclass(frozen=True)
class _Folder:
    folder: Path

    def entries(self) -> Sequence[CacheEntry]:
        try:
            return entries_of(self.folder)
        except OSError as error:
            place = Location(str(error.filename or self.folder))
            raise GatekitError("cache.unreadable", f"it cannot be read: {error.strerror}", place) from None

    def fault_of(self, entry: AnyEntry) -> str | None:
        assert isinstance(entry, CacheEntry)
        return fault_of(entry)

    def remove(self, name: str) -> None:
        path = self.folder / name
        try:
            remove(path)
        except OSError as error:
            raise GatekitError("cache.kept", f"it cannot be removed: {error.strerror}", Location(str(path))) from None

    def is_claimed(self, entry: AnyEntry, now: float) -> bool:
        assert isinstance(entry, CacheEntry)
        return is_claimed(entry, now)

    def left_behind(self, now: float) -> list[str]:
        return [str(path.relative_to(self.folder)) for path in left_behind(self.folder, now)]


@dataclass(frozen=True)
class _Listed:
    """An entry of a store, whose list may be damaged."""

    name: str
    bytes: int
    used: float

    @property
    def kind(self) -> str:
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class _Store:
    store: ObjectStore

    def entries(self) -> Sequence[_Listed]:
        found = []
        for name in self.store.names():
            entry = self.store.read(name)
            found.append(_Listed(name, 0, 0.0) if entry is None else _Listed(name, entry.bytes, entry.used))
        return found

    def fault_of(self, entry: AnyEntry) -> str | None:
        return self.store.fault_of(entry.name)

    def remove(self, name: str) -> None:
        if self.store.is_name(name):
            self.store.remove(name)
        else:
            self.store.files.remove(name)

    def is_claimed(self, entry: AnyEntry, now: float) -> bool:
        return self.store.is_claimed(entry.name, now - LEFT_BEHIND_AFTER)

    def left_behind(self, now: float) -> list[str]:
        return self.store.unlisted(now - LEFT_BEHIND_AFTER)
