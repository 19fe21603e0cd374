"""Reading objects by id through one `git cat-file --batch`, each checked against its id."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.repo import git

# So many ids fit in a pipe's buffer; git answers them while we have not begun to read, so neither waits for the other.
_AT_ONCE = 64
_CHUNK = 1 << 20

T = TypeVar("T")


class ObjectReader:
    """A running `git cat-file --batch`; started by the first read, ended by `close`.

    Args:
        git_dir: of the repository whose objects are read.
        object_format: "sha1" or "sha256".
    """

    def __init__(self, git_dir: Path, object_format: str) -> None:
        self._git_dir = git_dir
        self._format = object_format
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End git; the next read starts it anew."""
        self._process = None
        self._stack.close()

    def read(self, oids: Iterable[str], limit: int, kind: str = "blob") -> Iterator[tuple[str, bytes]]:
        """Yield each id with its content.

        Raises:
            GatekitError: `repo.missing_object`, `repo.blob_size` for more than `limit` bytes, which are then not read,
                `repo.object_kind`, `repo.corrupt` when the content does not have that id.
        """
        return self._each(oids, limit, kind, b"".join)

    def sha256(self, oids: Iterable[str], limit: int) -> Iterator[tuple[str, str]]:
        """Yield each blob's id with the SHA-256 of its content, which is never held in memory as a whole."""

        def digest(chunks: Iterator[bytes]) -> str:
            content = hashlib.sha256()
            for chunk in chunks:
                content.update(chunk)
            return content.hexdigest()

        return self._each(oids, limit, "blob", digest)

    def starts(self, oids: Iterable[str], limit: int, count: int) -> Iterator[tuple[str, bytes]]:
        """Yield each blob's id with the first `count` bytes of its content; the rest is only hashed."""

        def start(chunks: Iterator[bytes]) -> bytes:
            first = next(chunks, b"")[:count]
            for _ in chunks:
                pass
            return first

        return self._each(oids, limit, "blob", start)

    def _each(
        self, oids: Iterable[str], limit: int, kind: str, take: Callable[[Iterator[bytes]], T]
    ) -> Iterator[tuple[str, T]]:
        waiting = list(oids)
        for start in range(0, len(waiting), _AT_ONCE):
            some = waiting[start : start + _AT_ONCE]
            process = self._started()
            complete = False
            try:
                with git.stopped_after(process, git.TIMEOUT_SECONDS):
                    assert process.stdin is not None
                    process.stdin.write("".join(f"{oid}\n" for oid in some).encode("ascii"))
                    process.stdin.flush()
                    for oid in some:
                        yield oid, self._answer(process, oid, limit, kind, take)
                complete = True
            except BrokenPipeError:
                raise _corrupt("git stopped while objects were read") from None
            finally:
                if not complete:  # answers that nobody read must not be taken for those of the next question
                    self.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            # Beyond this size git passes content on as it unpacks it; by default it holds up to 512 MB in memory.
            command = ["-c", "core.bigFileThreshold=1m", "cat-file", "--batch"]
            self._process, _ = self._stack.enter_context(git.start(self._git_dir, command))
        return self._process

    def _answer(
        self, process: subprocess.Popen[bytes], oid: str, limit: int, kind: str, take: Callable[[Iterator[bytes]], T]
    ) -> T:
        assert process.stdout is not None
        words = process.stdout.readline(1000).decode("ascii", "replace").split()
        if words[1:] == ["missing"]:
            raise missing(oid)
        if len(words) != 3 or words[0] != oid or not words[2].isdecimal():
            raise _corrupt(f"git cannot read the object {oid}")
        if words[1] != kind:
            raise GatekitError("repo.object_kind", f"the object {oid} is a {words[1]} where a {kind} is needed")
        size = int(words[2])
        if size > limit:
            raise too_large(size, limit, oid)
        named = hashlib.new(self._format, f"{kind} {size}\0".encode())

        def chunks() -> Iterator[bytes]:
            assert process.stdout is not None
            left = size
            while left:
                chunk = process.stdout.read(min(left, _CHUNK))
                if not chunk:
                    raise _corrupt(f"git cannot read the object {oid}")
                left -= len(chunk)
                named.update(chunk)
                yield chunk

        taken = take(chunks())
        # git itself does not compare content and id when it reads from a pack.
        if process.stdout.read(1) != b"\n" or named.hexdigest() != oid:
            raise _corrupt(f"the content of the object {oid} does not have that id")
        return taken


def missing(oid: str, path: str | None = None) -> GatekitError:
    """The object is not in this clone: a partial or broken one."""
    what = f"the object {oid}" if path is None else f"the content of {path} ({oid})"
    message, remedy = f"{what} is not in this clone", "fetch the whole repository, without --filter"
    return GatekitError("repo.missing_object", message, remedy=remedy, exit_code=ExitCode.INCONCLUSIVE)


def too_large(size: int, limit: int, oid: str) -> GatekitError:
    """The object was not read because of its size."""
    return GatekitError("repo.blob_size", f"the object {oid} has {size} bytes, more than the {limit} that are read")


def _corrupt(message: str) -> GatekitError:
    return GatekitError("repo.corrupt", message, remedy="look at what git fsck says, and clone anew")
