"""A file's bytes, unpacked while they are read where its name says that it is packed.

What is packed may be far larger than its file: text packs to a quarter or a tenth, a run of equal bytes to a
thousandth. More than `MOST_TIMES` the size of the file is therefore no text, and is refused where it begins.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from gatekit.errors import GatekitError, Location
from runners.subjects.text_forms.registry import PACKED
from runners.subjects.text_rows import opened

MOST_TIMES = 100
"""How many times its own size a packed file may hold."""

ALWAYS = 1 << 24
"""Bytes that any packed file may hold."""


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a file, to be read from front to back.

    Raises:
        GatekitError: `table.file`: it is not there; `table.packed`, while it is read: it is not packed as its name
            says, is cut off, or holds more than it may.
    """
    codec = PACKED.get(path.suffix.lower())
    if codec is None:
        with opened(path) as stream:
            yield stream
        return
    import pyarrow

    with opened(path) as packed, pyarrow.CompressedInputStream(packed, codec) as unpacking:
        yield io.BufferedReader(_Bounded(unpacking, path))


class _Bounded(io.RawIOBase):
    """Reads what is unpacked, and counts it."""

    def __init__(self, unpacking: Any, path: Path) -> None:
        self._unpacking, self._place = unpacking, Location(str(path))
        self._most, self._read = max(ALWAYS, MOST_TIMES * path.stat().st_size), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found = self._unpacking.read(len(buffer))
        except OSError as error:
            said = str(error).split("\n")[0]
            message = f"cannot be unpacked after {self._read:,} bytes of what it holds: {said}"
            raise GatekitError("table.packed", message, self._place) from None
        self._read += len(found)
        if self._read > self._most:
            message = f"holds more than {self._most:,} bytes, {MOST_TIMES} times its size, which text does not"
            raise GatekitError("table.packed", message, self._place)
        buffer[: len(found)] = found
        return len(found)
