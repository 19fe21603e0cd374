"""Files of an object store, each written whole, whatever its protocol; what a network did not do is tried again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.left_behind import own_token
from gatekit.exit_codes import ExitCode

INSTALL = "pip install 'gatekit-sae[objects]', and the package for its protocol, such as s3fs or gcsfs"

_LONGEST_TEXT = 1 << 22
_BYTES_PER_READ = 1 << 22
_PAUSES = (0.2, 1.0)
"""Seconds before each further try."""
_RENAMING = ("file", "local", "sftp", "ssh", "smb", "hdfs", "webhdfs")
"""Protocols under which a file grows while it is written, and is renamed when it is whole."""

T = TypeVar("T")


@dataclass(frozen=True)
class ObjectFiles:
    """A folder of a store; paths are relative to it.

    Whatever the store does not do, tried three times, is a `GatekitError` with the id `cache.objects` and exit code 70.
    """

    url: str
    """As it may be shown."""
    root: str
    """As the file system has it."""
    system: Any
    """fsspec's file system."""

    def text(self, path: str) -> bytes | None:
        """Return a short file; None where there is none, or a long one."""

        def read() -> bytes:
            with self.system.open(self._full(path), "rb") as stream:
                data: bytes = stream.read(_LONGEST_TEXT + 1)
                return data

        try:
            data = self._trying(read)
        except FileNotFoundError:
            return None
        return data if len(data) <= _LONGEST_TEXT else None

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of a file; none where there is no such file."""
        try:
            with self._trying(lambda: self.system.open(self._full(path), "rb")) as stream:
                while chunk := self._trying(lambda: stream.read(_BYTES_PER_READ)):
                    yield chunk
        except FileNotFoundError:
            return

    def get(self, path: str, place: Path) -> bool:
        """Write a file of the store to this machine; return whether there is one."""

        def get() -> None:
            with self.system.open(self._full(path), "rb") as stream, place.open("wb") as out:
                while chunk := stream.read(_BYTES_PER_READ):
                    out.write(chunk)

        try:
            self._trying(get)
        except FileNotFoundError:
            return False
        return True

    def put(self, place: Path, path: str, size: int) -> None:
        """Write a file of this machine to the store, and ask whether all of it arrived."""

        def put() -> None:
            self._whole(path, lambda building: self.system.put_file(str(place), building))
            if self.size(path) != size:
                raise OSError(f"'{path.rpartition('/')[2][:12]}' was cut short")

        self._trying(put)

    def write(self, path: str, data: bytes) -> None:
        """Write a short file, over one that is there."""
        self._trying(lambda: self._whole(path, lambda building: self.system.pipe_file(building, data)))

    def create(self, path: str, data: bytes) -> bool:
        """Write a short file unless there is one, which the store decides; return whether it was written."""

        def create() -> bool:
            try:
                self._make_parent(path)
                if self._renames:
                    with self.system.open(self._full(path), "xb") as stream:
                        stream.write(data)
                else:
                    self.system.pipe_file(self._full(path), data, mode="create")
            except FileExistsError:
                return False
            return True

        return self._trying(create)

    def size(self, path: str) -> int | None:
        """Return a file's size in bytes; None where there is none."""
        self.system.invalidate_cache()
        try:
            return int(self._trying(lambda: self.system.info(self._full(path)))["size"])
        except FileNotFoundError:
            return None

    def changed(self, path: str) -> float:
        """Return when a file was last written; 0 where it is gone, and the present where the store does not say."""
        try:
            return float(self.system.modified(self._full(path)).timestamp())
        except FileNotFoundError:
            return 0.0
        except Exception:  # every protocol's package has errors of its own
            return time.time()

    def below(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder."""
        self.system.invalidate_cache()
        try:
            found = self._trying(lambda: self.system.find(self._full(folder)))
        except FileNotFoundError:
            return []
        return sorted(str(path)[str(path).index(self.root) + len(self.root) :].strip("/") for path in found)

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone already is fine."""
        with suppress(FileNotFoundError):
            self._trying(lambda: self.system.rm_file(self._full(path)))

    @property
    def _renames(self) -> bool:
        return any(one in _RENAMING for one in self._protocols)

    @property
    def _protocols(self) -> tuple[str, ...]:
        protocol = self.system.protocol
        return (protocol,) if isinstance(protocol, str) else tuple(protocol)

    def _full(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _trying(self, work: Callable[[], T]) -> T:
        for pause in (*_PAUSES, None):
            try:
                return work()
            except FileNotFoundError:
                raise
            except Exception as error:  # every protocol's package has errors of its own
                if pause is None:
                    said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
                    message = f"{self.url} does not do what it is asked: {said}"
                    raise GatekitError("cache.objects", message, exit_code=ExitCode.INTERNAL) from error
                time.sleep(pause)
        raise AssertionError

    def _whole(self, path: str, write: Callable[[str], object]) -> None:
        """Write a file that nobody reads before it is whole: by its own protocol, or under another name first."""
        self._make_parent(path)
        full = self._full(path)
        if not self._renames:
            write(full)
            return
        building = f"{full}.{own_token()}.partial"
        try:
            write(building)
            if {"file", "local"} & {*self._protocols}:
                os.replace(building, full)
            else:
                self.system.mv(building, full)
        except BaseException:
            with suppress(Exception):
                self.system.rm_file(building)
            raise

    def _make_parent(self, path: str) -> None:
        if self._renames:
            self.system.makedirs(self._full(path).rpartition("/")[0], exist_ok=True)


def shown_url(url: str) -> str:
    """Return a URL without what may be secret: keys before an @, and options after a ?."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"


def open_files(url: str) -> ObjectFiles:
    """Open a folder of a store by its URL; nothing is asked of the store yet.

    Raises:
        UsageError: fsspec, or the package for the protocol, is not installed, or there is no such protocol.
    """
    shown = shown_url(url)
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError:
        raise UsageError(f"--cache {shown}: an object store needs fsspec, which is not installed", INSTALL) from None
    try:
        system, root = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise UsageError(f"--cache {shown}: {error}", INSTALL) from None
    except Exception as error:  # every protocol's package has errors of its own
        said = " ".join(str(error).split())[:200]
        raise UsageError(f"--cache {shown}: {said}", "give the URL of a folder, such as s3://bucket/cache") from None
    if not root.strip("/"):
        raise UsageError(f"--cache {shown}: no folder in it is named", "give one, such as s3://bucket/cache")
    return ObjectFiles(shown.rstrip("/"), root.rstrip("/"), system)
