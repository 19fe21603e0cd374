"""SIGINT and SIGTERM as an exception of the run that they end, one time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal asked the run to end.

    No library that expects errors, as many do while they look for what is installed, may take it for one of them.

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
def keeping_handlers(of_its_own: bool = False) -> Iterator[None]:
    """Give the handlers of before back when the block ends: what an interrupted run writes may not be interrupted.

    Args:
        of_its_own: whether the process does nothing but the run. Once interrupted it only ends, and listens to nobody:
            Ctrl-C reaches a run and the process that waits for it, which passes it on, perhaps a good while later.
    """
    kept = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        ending = of_its_own and all(signal.getsignal(number) == signal.SIG_IGN for number in SIGNALS)
        if not ending:
            for number, handler in kept.items():
                signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into an exception while the block runs; a second one is not listened to.

    After an interruption the signals stay ignored, until `keeping_handlers` around it ends. One whose exception was
    lost, as in what the interpreter calls while it cleans up, or became another, ends the run when the block ends.
    """
    asked: list[int] = []

    def stop(number: int, _frame: object) -> NoReturn:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        asked.append(number)
        raise Interrupted(number)

    kept = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    except BaseException as error:
        if asked and not isinstance(error, Interrupted):
            raise Interrupted(asked[0]) from error
        raise
    else:
        if asked:
            raise Interrupted(asked[0])
    finally:
        if not asked:
            for number, handler in kept.items():
                signal.signal(number, handler)


def pass_on(number: int) -> None:
    """Send a signal to this process, whose own handlers are back: who asked it to end did not mean the run alone."""
    os.kill(os.getpid(), number)
