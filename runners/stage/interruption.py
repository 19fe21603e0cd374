"""SIGINT and SIGTERM as an exception of the run that they end, one time."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """A signal asked the run to end.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number

    @property
    def code(self) -> int:
        """The exit code that says so."""
        return 128 + self.number


@contextmanager
def keeping_handlers() -> Iterator[None]:
    """Give the handlers of before back when the block ends: what an interrupted run writes may not be interrupted."""
    kept = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into an exception while the block runs; a second one is not listened to.

    After an interruption the signals stay ignored, until `keeping_handlers` around it ends: Ctrl-C reaches a run and
    the process that waits for it, which passes it on.
    """

    def stop(number: int, _frame: object) -> NoReturn:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    interrupted = False
    kept = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    except Interrupted:
        interrupted = True
        raise
    finally:
        if not interrupted:
            for number, handler in kept.items():
                signal.signal(number, handler)
