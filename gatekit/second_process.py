"""A second process that does a part of many equal steps ahead of the one that goes through all of them in order.

It hands over what a step gave, as bytes. A step that it hands nothing over for, and every later one where it died, is
done again by whoever asks, who then also says what is wrong. So results, errors and their order are those of one
process, and memory stays bounded: no more is done ahead than a pipe holds.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO, NoReturn

LARGEST_HANDED = 1 << 20
"""Bytes of what one step gives; for more nothing is handed over."""

_PIPE_BYTES = 1 << 20
"""Where the system allows it; less of it is only slower."""
_LENGTH = struct.Struct("<I")

Taken = Callable[[int], bytes | None]
"""Number of a step -> what it gave; None where the caller has to do it. Steps are asked for in order, each once."""


@contextlib.contextmanager
def working_ahead(steps: int, share: tuple[int, int], step: Callable[[int], bytes | None]) -> Iterator[Taken]:
    """Do a part of the steps in a second process, forked from this one, while the caller goes through all of them.

    Args:
        steps: how many there are.
        share: (a, b): of every b steps the other process does the first a.
        step: does one, and returns bytes; None, or any exception, leaves it to the caller. It changes nothing but the
            process that it runs in.

    Yields:
        What gives the results. Everything is the caller's where there is one core, where another thread runs, which a
        fork would leave behind with its locks, and on systems other than Linux, whose libraries may not be forked.
    """
    if not share[0] or not _may_fork():
        yield lambda _: None
        return
    there, here = share
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(range(steps), share, step, writing)
    os.close(writing)
    try:
        with open(reading, "rb", buffering=1 << 16) as pipe:
            yield lambda number: _next(pipe) if number % here < there else None
    finally:
        # The pipe is closed: if it is still at work, its next write ends it.
        os.waitpid(child, 0)


def _may_fork() -> bool:
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return False
    try:
        # Not the threads of Python alone: libraries have their own.
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _work(numbers: range, share: tuple[int, int], step: Callable[[int], bytes | None], writing: int) -> NoReturn:
    """Write what the steps gave; whatever goes wrong ends this process only, without a word."""
    try:
        _widen(writing)
        with open(writing, "wb", buffering=1 << 14) as pipe:
            for number in numbers:
                if number % share[1] < share[0]:
                    given = _given(number, step)
                    pipe.write(_LENGTH.pack(len(given)) + given)
    except BaseException:  # signals and a full memory too: it must not leave by the ways of the process that it copies
        os._exit(1)
    os._exit(0)


def _widen(pipe: int) -> None:
    import fcntl  # here because not every system has it

    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _given(number: int, step: Callable[[int], bytes | None]) -> bytes:
    """Return what a step gave; nothing where it is the caller's to do."""
    try:
        given = step(number)
    except Exception:
        return b""
    return given if given is not None and len(given) <= LARGEST_HANDED else b""


def _next(pipe: BinaryIO) -> bytes | None:
    """Return what the next step gave; None where nothing was handed over, or no process is there any more."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    given = pipe.read(length)
    return given if given and len(given) == length else None
