"""All files of a commit, or of a merge result, as git objects: names, modes, ids and sizes, and contents on demand."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal, Protocol

from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode
from gatekit.repo.objects import missing

FILE_MODES = ("100644", "100755")
MODES = {"120000": "a symbolic link", "160000": "a submodule"}

MAX_FILES = 200_000
"""Files of one tree. A few nested tree objects can name more files than fit on any disk."""
MAX_LISTING = 64 << 20
"""Bytes of the listing of one tree."""
LONGEST_PATH = 4095
"""Bytes of one path: Linux opens none that is longer."""
BLOB_LIMIT = 16 << 20
"""Bytes of one file, unless the reader says otherwise: the largest summary."""
TOTAL_LIMIT = 128 << 20
"""Bytes of all files that one call reads."""

# Names that cannot come from `git add`, and that every checkout would refuse or follow out of the work tree.
_IMPOSSIBLE = re.compile(r"(?:^|/)(?:|\.|\.\.|\.git)(?:/|$)", re.IGNORECASE)

Change = Literal["added", "changed", "deleted"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree."""

    path: str
    """Relative to the top, with slashes. Bytes that are not UTF-8 are surrogates, as in os.fsdecode."""
    mode: str
    """"100644", "100755" (executable), "120000" (symbolic link), "160000" (submodule)."""
    oid: str
    size: int | None
    """Bytes; None for a submodule, and for a file whose content is not in this clone."""


class Blobs(Protocol):
    """Where contents come from: a Repository."""

    def blobs(self, oids: Iterable[str], limit: int = BLOB_LIMIT) -> dict[str, bytes]:
        """Return the content of each object."""

    def starts(self, oids: Iterable[str], count: int) -> dict[str, bytes]:
        """Return the first bytes of each object."""


@dataclass(frozen=True)
class Tree:
    """The files below one tree object; listing it has read no file."""

    oid: str
    """Of the commit or tree that was asked for."""
    entries: Mapping[str, Entry]
    """By path, in git's order."""
    source: Blobs = field(repr=False, compare=False)
    root: str = ""
    """The folder of the repository that the paths are relative to; "" is its top."""
    around: Tree | None = field(default=None, repr=False, compare=False)
    """All files of the repository, where these are those of a folder."""

    @property
    def whole(self) -> Tree:
        """All files of the repository."""
        return self.around or self

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.entries)

    def __contains__(self, path: object) -> bool:
        return path in self.entries

    def under(self, prefix: str) -> list[Entry]:
        """Return the files inside a folder, in order of their paths, or the one file of that name; "" is the top."""
        if prefix in self.entries:
            return [self.entries[prefix]]
        names = self._sorted
        if not prefix:
            return [self.entries[name] for name in names]
        folder = prefix.rstrip("/")
        # "0" is the character after "/": between the two are the names inside the folder, and no others.
        start, end = bisect_left(names, folder + "/"), bisect_left(names, folder + "0")
        return [self.entries[name] for name in names[start:end]]

    def file(self, path: str) -> Entry:
        """Return the entry of a regular file.

        Raises:
            GatekitError: `repo.missing_file`, `repo.mode`.
        """
        entry = self.entries.get(path)
        if entry is None:
            place = Location(printable(path))
            raise GatekitError("repo.missing_file", "there is no such file", place, exit_code=ExitCode.INCONCLUSIVE)
        if entry.mode not in FILE_MODES:
            raise wrong_mode(entry)
        return entry

    def read(self, path: str, limit: int = BLOB_LIMIT) -> bytes:
        """Return the content of a regular file of at most `limit` bytes; a larger one is refused unread.

        Raises:
            GatekitError: `repo.missing_file`, `repo.mode`, `repo.blob_size`, `repo.missing_object`, `repo.corrupt`.
        """
        return self.read_all([path], limit)[path]

    def read_all(self, paths: Iterable[str], limit: int = BLOB_LIMIT) -> dict[str, bytes]:
        """Return the contents of many regular files, each of at most `limit` bytes, with one question to git.

        Raises:
            GatekitError: as `read`, and `repo.total_size`.
        """
        files = {path: self.file(path) for path in paths}
        total = 0
        for path, entry in files.items():
            if entry.size is None:
                raise missing(entry.oid, printable(path))
            if entry.size > limit:
                message = f"the file has {entry.size} bytes, more than the {limit} that are read"
                raise GatekitError("repo.blob_size", message, Location(printable(path)))
            total += entry.size
        if total > TOTAL_LIMIT:
            raise GatekitError("repo.total_size", f"{len(files)} files have {total} bytes, more than {TOTAL_LIMIT}")
        contents = self.source.blobs({entry.oid for entry in files.values()}, limit)
        return {path: contents[entry.oid] for path, entry in files.items()}


def parse_listing(listing: bytes, oid: str, source: Blobs) -> Tree:
    """Read what `git ls-tree -r -z -l --full-tree` wrote.

    Raises:
        GatekitError: `repo.malformed_tree` for names twice or out of order, or a file that is also a folder;
            `repo.path` for names like `..` and `.git`; `repo.mode` for modes that git does not write.
    """
    entries: dict[str, Entry] = {}
    previous = b""
    for record in listing.split(b"\0"):
        if not record:
            continue
        columns, _, name = record.partition(b"\t")
        mode, _, entry_oid, size = columns.decode("ascii").split()
        if len(name) > LONGEST_PATH:
            message = f"the path has {len(name)} bytes, more than the {LONGEST_PATH} that a file system takes"
            place = Location(f"{printable(name[:60].decode('utf-8', 'replace'))}...")
            raise GatekitError("repo.path_length", message, place)
        path = name.decode("utf-8", "surrogateescape")
        if name <= previous and previous:
            raise _malformed("the name stands twice in its folder, or out of order", path)
        previous = name
        if _IMPOSSIBLE.search(path):
            raise GatekitError("repo.path", "no file can have this name", Location(printable(path)))
        if mode not in FILE_MODES and mode not in MODES:
            message = f"the file has mode {mode}, which git does not write"
            raise GatekitError("repo.mode", message, Location(printable(path)))
        # "-" for a submodule, "BAD" for an object that is not there
        entries[path] = Entry(path, mode, entry_oid, int(size) if size.isdecimal() else None)
    # With the slash before every other character, what is in a folder stands right behind a file of the folder's name.
    before = ""
    for path in sorted(path.replace("/", "\0") for path in entries):
        if before and path.startswith(before) and path[len(before)] == "\0":
            raise _malformed("the name is that of a file and of a folder", before.replace("\0", "/"))
        before = path
    return Tree(oid, MappingProxyType(entries), source)


def changes(before: Tree, after: Tree) -> dict[str, Change]:
    """Return what happened to each path whose mode or content differs, in order of the paths."""
    found: dict[str, Change] = {}
    for path in sorted(before.entries.keys() | after.entries.keys()):
        old, new = before.entries.get(path), after.entries.get(path)
        if old is None:
            found[path] = "added"
        elif new is None:
            found[path] = "deleted"
        elif (old.mode, old.oid) != (new.mode, new.oid):
            found[path] = "changed"
    return found


def wrong_mode(entry: Entry) -> GatekitError:
    """A regular file is needed where the entry is something else."""
    message = f"{MODES.get(entry.mode, 'an entry of mode ' + entry.mode)} stands where a regular file is needed"
    return GatekitError("repo.mode", message, Location(printable(entry.path)), "commit the file itself")


def printable(path: str) -> str:
    """Return the path with what cannot be printed on one line escaped as in Python."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in path)


def _malformed(message: str, path: str) -> GatekitError:
    remedy = "no git command makes such a tree: look at what git fsck says"
    return GatekitError("repo.malformed_tree", message, Location(printable(path)), remedy)
