"""A stderr that cannot end the work that writes to it: closed, on a full disk, or a pipe that nobody reads any more.

What is said there is for people. A run of hours is not to be lost, nor an exit code changed, because nobody listens.
What goes to stdout was asked for: where that is closed, whoever writes there is told when it is flushed, and work that
writes nothing there is done all the same.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO


class UnfailingStream:
    """Passes everything on to a stream, and drops what that one does not take."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written; say that all was."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each line as `write` does."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush, if it can be done."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class ClosedStream(io.TextIOBase):
    """Stands where a stdout was closed: takes what is written, and says when it is flushed that it went nowhere."""

    def __init__(self) -> None:
        self._lost = False

    def write(self, text: str) -> int:
        """Write nowhere."""
        self._lost = self._lost or bool(text)
        return len(text)

    def flush(self) -> None:
        """Say that something was lost, if it was.

        Raises:
            OSError: as said.
        """
        if self._lost:
            raise OSError(errno.EBADF, "stdout is closed")


def guard_streams() -> None:
    """Replace `sys.stderr` by one that takes everything, and a closed one by a place where it is lost.

    A closed `sys.stdout` is replaced by a `ClosedStream`.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # Else the next file that is opened takes its number, and what a library in C says goes into that file.
            # Nothing can be written to stdout, by a process that is started here neither.
            with contextlib.suppress(OSError):
                lost = os.open(os.devnull, os.O_RDONLY if descriptor == 1 else os.O_RDWR)
                if lost != descriptor:
                    os.dup2(lost, descriptor)
                    os.close(lost)
                # As those that a process is started with: its own processes have them too.
                os.set_inheritable(descriptor, True)
    if sys.stdout is None:
        sys.stdout = ClosedStream()
    if isinstance(sys.stderr, UnfailingStream):
        return
    stream: Any = sys.stderr
    if stream is None:
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for the whole process)
    sys.stderr = UnfailingStream(stream)
