"""Entries of a cache in an object store: each is there whole, as its digests say, or it is not there.

    URL/files/KIND/NAME/SHA256       the bytes of one file, under its own digest
    URL/entries/KIND/NAME.json       which files an entry consists of; written last, so that nobody finds half an entry
    URL/claims/KIND/NAME.json        who computes it, for as long as the text of the claim keeps changing

Anything that fsspec opens is such a store. Nothing in it is believed: names are held to a pattern, a list to its own
digest, and a file to the digest that the list names. What is cut, altered or half written is taken for absent.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatekit.evidence.object_files import ObjectFiles, open_files

KINDS = ("activations", "given_activations", "saes", "probing", "shifted_probes", "units")
"""What is shared; states of training and checkpoints of runs stay where they are."""

_URL = re.compile(r"[a-z][a-z0-9+.-]*://.*", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"[0-9a-f]{64}(-[0-9a-f]{16})?(\.json)?")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FORMAT = "gatekit.objects/1"
_BYTES_PER_READ = 1 << 22


def is_url(text: str) -> bool:
    """Say whether a cache is an object store, and no folder."""
    return _URL.fullmatch(text) is not None


@dataclass(frozen=True)
class StoredFile:
    """One file of an entry."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class StoredEntry:
    """An entry as its list has it."""

    name: str
    """KIND/NAME."""
    files: Mapping[str, StoredFile]
    used: float
    """Seconds since 1970 when it was published, by the clock of whoever did; a store does not tell who reads."""

    @property
    def kind(self) -> str:
        """Of the entry."""
        return self.name.partition("/")[0]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files.values())


@dataclass(frozen=True)
class ObjectStore:
    """One store. Every method raises `GatekitError` as `ObjectFiles` does where the store does not answer."""

    files: ObjectFiles

    def read(self, name: str) -> StoredEntry | None:
        """Return an entry's list; None where there is none, or one that is not what was written."""
        data = self.files.text(_entry(name))
        return None if data is None else _listed(name, data)

    def publish(self, name: str, places: Mapping[str, Path]) -> bool:
        """Put an entry there, beside what the store has of it already; return whether anything was missing.

        Args:
            name: KIND/NAME.
            places: name of each file -> where it lies.
        """
        told = {file: _stored(place) for file, place in places.items()}
        there = self.read(name)
        known = {} if there is None else dict(there.files)
        if told.items() <= known.items() and all(self._is_there(name, one) for one in told.values()):
            return False
        for file, one in told.items():
            self.files.put(places[file], _file(name, one), one.bytes)
        self.files.write(_entry(name), _list_of(StoredEntry(name, {**known, **told}, time.time())))
        return True

    def fetch(self, entry: StoredEntry, into: Path) -> bool:
        """Get all files of an entry into an empty folder; return whether they are what its list says."""
        for file, one in entry.files.items():
            place = into / file
            if not self.files.get(_file(entry.name, one), place) or _stored(place) != one:
                return False
        return True

    def fault_of(self, name: str) -> str | None:
        """Return what is wrong with an entry in a few words, or None, having read every byte of it."""
        entry = self.read(name)
        if entry is None:
            return "its list is not what was written"
        for file, one in entry.files.items():
            if _digest_of(self.files.chunks(_file(entry.name, one))) != one:
                return f"'{file}' is not what was published"
        return None

    def withdraw(self, entry: StoredEntry) -> None:
        """Take away the list of an entry that is not whole; one that was published anew meanwhile stays."""
        if self.read(entry.name) == entry:
            self.files.remove(_entry(entry.name))

    def remove(self, name: str) -> None:
        """Take an entry away, its list first."""
        self.files.remove(_entry(name))
        for path in self.files.below(f"files/{_checked(name)}"):
            self.files.remove(path)

    def names(self) -> list[str]:
        """Return the names of all entries that have a list, sound or not."""
        paths = [path for kind in KINDS for path in self.files.below(f"entries/{kind}")]
        names = [path.removeprefix("entries/").removesuffix(".json") for path in paths if path.endswith(".json")]
        return sorted(name for name in names if _is_name(name))

    def unlisted(self, before: float) -> list[str]:
        """Return the paths of files and claims that belong to no entry, except what changed after a time.

        Args:
            before: seconds since 1970.
        """
        listed: set[str] = set()
        for name in self.names():
            entry = self.read(name)
            listed |= {_entry(name), *(_file(name, one) for one in (entry.files.values() if entry else ()))}
        paths = [path for top in ("files", "claims", "entries") for path in self.files.below(top)]
        return [path for path in paths if path not in listed and self.files.changed(path) < before]

    def create_claim(self, name: str, text: str) -> bool:
        """Write a claim unless there is one; return whether it was written."""
        return self.files.create(_claim(name), text.encode())

    def claim(self, name: str) -> str | None:
        """Return the text of a claim; None where there is none."""
        data = self.files.text(_claim(name))
        return None if data is None else data.decode("utf-8", "replace")

    def renew_claim(self, name: str, text: str) -> None:
        """Write a claim over the one that is there."""
        self.files.write(_claim(name), text.encode())

    def release_claim(self, name: str) -> None:
        """Take a claim away."""
        self.files.remove(_claim(name))

    def is_claimed(self, name: str, since: float) -> bool:
        """Say whether a claim was renewed after a time, in seconds since 1970."""
        return self.files.changed(_claim(name)) > since

    @staticmethod
    def is_name(text: str) -> bool:
        """Say whether an entry can be called so; paths of files are no such names."""
        return _is_name(text)

    def _is_there(self, name: str, file: StoredFile) -> bool:
        return self.files.size(_file(name, file)) == file.bytes


def open_store(url: str) -> ObjectStore:
    """Open a store by its URL; nothing is asked of it yet.

    Raises:
        UsageError: as `gatekit.evidence.object_files.open_files`.
    """
    return ObjectStore(open_files(url))


def _entry(name: str) -> str:
    return f"entries/{_checked(name)}.json"


def _claim(name: str) -> str:
    return f"claims/{_checked(name)}.json"


def _file(name: str, file: StoredFile) -> str:
    return f"files/{_checked(name)}/{file.sha256}"


def _is_name(name: str) -> bool:
    kind, _, rest = name.partition("/")
    return kind in KINDS and _NAME.fullmatch(rest) is not None


def _checked(name: str) -> str:
    if not _is_name(name):
        raise ValueError(f"no entry of a cache is called '{name}'")
    return name


def _stored(path: Path) -> StoredFile:
    with path.open("rb") as stream:
        return _digest_of(iter(lambda: stream.read(_BYTES_PER_READ), b""))


def _digest_of(chunks: Iterator[bytes]) -> StoredFile:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return StoredFile(digest.hexdigest(), size)


def _list_of(entry: StoredEntry) -> bytes:
    files = {name: {"sha256": one.sha256, "bytes": one.bytes} for name, one in sorted(entry.files.items())}
    told = {"format": _FORMAT, "entry": entry.name, "files": files, "published": round(entry.used, 3)}
    return (json.dumps({**told, "sha256": _sha256(told)}, sort_keys=True, indent=1) + "\n").encode()


def _listed(name: str, data: bytes) -> StoredEntry | None:
    """Return what a list says; None for one that is not what was written under this name."""
    try:
        told = json.loads(data)
        if told.pop("sha256") != _sha256(told) or (told["format"], told["entry"]) != (_FORMAT, name):
            return None
        files = {file: StoredFile(one["sha256"], one["bytes"]) for file, one in told["files"].items()}
        sound = all(
            _FILE.fullmatch(file) and _SHA256.fullmatch(one.sha256) and type(one.bytes) is int and one.bytes >= 0
            for file, one in files.items()
        )
        return StoredEntry(name, files, float(told["published"])) if files and sound else None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _sha256(told: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
