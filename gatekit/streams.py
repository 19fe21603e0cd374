"""A stderr that cannot end the work that writes to it: closed, on a full disk, or a pipe that nobody reads any more.

What is said there is for people. A run of hours is not to be lost, nor an exit code changed, because nobody listens.
"""

from __future__ import annotations

import contextlib
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


def guard_stderr() -> None:
    """Replace `sys.stderr` by one that takes everything; a closed one by a place where it is lost."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            if descriptor == 1:
                continue  # that a report cannot be written is found out by writing it
            # Else the next file that is opened takes its number, and what a library in C says goes into that file.
            with contextlib.suppress(OSError):
                lost = os.open(os.devnull, os.O_RDWR)
                if lost != descriptor:
                    os.dup2(lost, descriptor)
                    os.close(lost)
    if isinstance(sys.stderr, UnfailingStream):
        return
    stream: Any = sys.stderr
    if stream is None:
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for the whole process)
    sys.stderr = UnfailingStream(stream)
