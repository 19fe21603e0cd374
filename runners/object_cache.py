"""A cache in an object store, with a folder of this machine in front of it.

Runs read and write the folder alone. What is not there is fetched when an entry is claimed, held to its digests, and
put in its place whole; what was made under a claim is published when the claim ends. Who computes an entry is said in
the store: by writing a claim that only one writer can create, and going on to write it. A claim whose text has not
changed for a minute, by the clock of whoever waits, is a dead one's.

As in a folder, claims save work and digests carry correctness: two machines that compute one entry both leave the same.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from gatekit.errors import GatekitError
from gatekit.evidence.object_store import KINDS, ObjectStore, StoredEntry, is_url, open_store
from runners.whole_files import BUILDING, building_folder, own_token, rename_folder, write_file

LEASE_SECONDS = 60.0
"""Without another text of a claim, after which its holder counts as dead."""
RENEW_SECONDS = 15.0
"""Between two texts of a claim."""
POLL_SECONDS = 1.0
"""Between two looks at what somebody else computes."""


@dataclass
class Front:
    """A folder, and the store that it stands in front of."""

    folder: Path
    store: ObjectStore
    silent: set[str] = field(default_factory=set)
    """What was said of the store already."""

    def say(self, error: GatekitError) -> None:
        """Say once what the store does not do."""
        if error.message not in self.silent:
            self.silent.add(error.message)
            sys.stderr.write(f"{error}\n")


_FRONTS: dict[Path, Front] = {}


def cache_folder(given: str | None, default: Callable[[], Path]) -> Path:
    """Return the folder that runs use as their cache; of an object store, the one in front of it.

    Args:
        given: a folder, a URL, or None.
        default: gives the user's own cache, in which the folders in front of stores lie too.

    Raises:
        UsageError: as `gatekit.evidence.object_store.open_store`.
    """
    if given is None:
        return default()
    if not is_url(given):
        return Path(given)
    store = open_store(given)
    folder = default() / "fronts" / sha256(store.files.url.encode()).hexdigest()[:16]
    _FRONTS[folder] = Front(folder, store)
    return folder


@contextmanager
def claimed_in_store(place: Path, what: str, wait: bool) -> Iterator[bool]:
    """Hold the claim on an entry in the store while the block runs, with what the store has of it in its place.

    Args:
        place: of the entry, in a folder; without a store in front of which that stands, nothing is done.
        what: it is, for the line that says what is waited for.
        wait: where somebody else has the claim.

    Yields:
        Whether the entry is to be made here, where it is not there by now.
    """
    found = _front_of(place)
    if found is None:
        yield True
        return
    front, name = found
    there, holder = _there_or_claimed(front, name, place, what, wait)
    if not there and holder is None and not wait:
        yield False
        return
    before = _signature(place)
    try:
        yield True
        if _signature(place) != before:
            _publish(front, name, place)
    except GatekitError as error:
        if error.error_id != "cache.objects":
            raise
        front.say(error)  # what was computed is in the folder, and published when it is used next
    finally:
        if holder is not None:
            holder.end()


def share(files: Iterable[Path]) -> None:
    """Publish the entries that some files of a cache belong to, where the store lacks them.

    Raises:
        GatekitError: `cache.objects`: the store does not answer.
    """
    entries = {}
    for file in files:
        found = _front_of(file)
        if found is not None:
            front, name = found
            entries[front.folder / name] = (front, name)
    for place, (front, name) in entries.items():
        if place.exists():
            _publish(front, name, place)


def share_if_possible(files: Iterable[Path]) -> None:
    """Do as `share`, and say in one line where the store does not answer: a measurement is done without it."""
    try:
        share(files)
    except GatekitError as error:
        sys.stderr.write(f"{error}\n")


def has(file: Path, size: int) -> bool:
    """Say whether a file of the cache is there with this size: in the folder, or in the store behind it.

    Raises:
        GatekitError: `cache.objects`: the store does not answer.
    """
    with suppress(OSError):
        return file.stat().st_size == size
    found = _front_of(file)
    if found is None:
        return False
    front, name = found
    entry = front.store.read(name)
    one = None if entry is None else entry.files.get(file.name)
    return one is not None and one.bytes == size


def pull(place: Path) -> bool:
    """Put what the store has of an entry in its place; return whether it was there, and whole.

    Raises:
        GatekitError: `cache.objects`: the store does not answer.
    """
    found = _front_of(place)
    return found is not None and _pull(*found, place)


def _front_of(place: Path) -> tuple[Front, str] | None:
    """Return the store behind a place, and the name of the entry that lies there or holds it."""
    for folder, front in _FRONTS.items():
        if place.is_relative_to(folder):
            parts = place.relative_to(folder).parts
            if len(parts) > 1 and parts[0] in KINDS:
                return front, "/".join(parts[:2])
    return None


def _there_or_claimed(front: Front, name: str, place: Path, what: str, wait: bool) -> tuple[bool, _Holder | None]:
    """Return whether the entry was fetched, or who holds the claim on it; neither where that is somebody else's."""
    said = False
    seen: tuple[str | None, float] = (None, time.monotonic())
    try:
        while True:
            if _pull(front, name, place):
                return True, None
            holder = _Holder(front, name)
            if holder.begin():
                # Whoever had the claim before may have published it.
                if _pull(front, name, place):
                    holder.end()
                    return True, None
                return False, holder
            if not wait:
                return False, None
            if not said:
                sys.stderr.write(f"{what}: another machine is at it; waiting for what it publishes\n")
                said = True
            text = front.store.claim(name)
            if text != seen[0]:
                seen = (text, time.monotonic())
            elif text is not None and time.monotonic() - seen[1] > LEASE_SECONDS:
                if front.store.claim(name) == text:
                    front.store.release_claim(name)
                continue
            time.sleep(POLL_SECONDS)
    except GatekitError as error:
        front.say(error)
        return True, None  # computed here, whoever else does


class _Holder:
    """Holds a claim, and writes it anew as long as this process lives."""

    def __init__(self, front: Front, name: str) -> None:
        self._front, self._name = front, name
        self._token, self._number = own_token(), 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def begin(self) -> bool:
        """Take the claim unless somebody has it."""
        if not self._front.store.create_claim(self._name, self._text()):
            return False
        self._thread.start()
        return True

    def end(self) -> None:
        """Give the claim back, unless it was taken over."""
        self._over.set()
        self._thread.join()
        with suppress(GatekitError):
            if self._is_ours():
                self._front.store.release_claim(self._name)

    def _text(self) -> str:
        return json.dumps({"holder": self._token, "number": self._number}) + "\n"

    def _is_ours(self) -> bool:
        return f'"{self._token}"' in (self._front.store.claim(self._name) or "")

    def _renew(self) -> None:
        while not self._over.wait(RENEW_SECONDS):
            with suppress(GatekitError):
                if not self._is_ours():
                    return
                self._number += 1
                self._front.store.renew_claim(self._name, self._text())


def _pull(front: Front, name: str, place: Path) -> bool:
    entry = front.store.read(name)
    while entry is not None:
        with building_folder(place) as building:
            if front.store.fetch(entry, building):
                _put_in_place(entry, building, place)
                return True
        again = front.store.read(name)
        if again == entry:
            sys.stderr.write(f"{name[:24]} in {front.store.files.url} is not what was published: made again\n")
            front.store.withdraw(entry)
            return False
        entry = again  # published anew while it was fetched
    return False


def _put_in_place(entry: StoredEntry, building: Path, place: Path) -> None:
    if place.name in entry.files and len(entry.files) == 1:
        write_file(place, lambda made: os.replace(building / place.name, made))
        return
    if not place.exists():
        rename_folder(building, place)
        return
    # What says that the others are whole comes last.
    for file in sorted(entry.files, key=lambda file: (file.endswith(".json"), file)):
        write_file(place / file, lambda made, file=file: os.replace(building / file, made))  # type: ignore[misc]


def _publish(front: Front, name: str, place: Path) -> None:
    files = _files_of(place)
    if files:
        front.store.publish(name, files)


def _files_of(place: Path) -> dict[str, Path]:
    if place.is_file():
        return {place.name: place}
    paths = sorted(place.iterdir()) if place.is_dir() else []
    return {path.name: path for path in paths if path.is_file() and not path.name.startswith((".", BUILDING))}


def _signature(place: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for name, path in _files_of(place).items():
        with suppress(OSError):
            state = path.stat()
            found[name] = (state.st_mtime_ns, state.st_size)
    return found
