"""Signals: those that ask a driver to end, and those that ended a task."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def coded(code: int) -> str:
    """Return how a process ended, in words."""
    if code > 128:
        try:
            return f"signal {signal.Signals(code - 128).name}"
        except ValueError:
            pass
    return f"exit code {code}"


@contextmanager
def noted_signals() -> Iterator[dict[str, int]]:
    """Note SIGINT and SIGTERM while the block runs, instead of acting on them."""
    received: dict[str, int] = {}
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def note(number: int, _frame: object) -> None:
        received["signal"] = number

    kept = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
