"""Progress on stderr: a bar with rate and time left on a terminal, one plain line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

SECONDS_BETWEEN_LINES = 15.0
SECONDS_BETWEEN_QUESTIONS = 0.5
"""How things stand is asked no oftener on a terminal: an answer waits for the device."""


class Progress(Protocol):
    """Told how far one piece of work has come."""

    def advance(self, amount: int, standing: Callable[[], str] | None = None) -> None:
        """Count `amount` more units as done; `standing` is asked how things stand when that is shown, not before."""

    def resume(self, amount: int) -> None:
        """Count `amount` units as done by an earlier run: they say nothing about the rate."""


class _Lines:
    """Plain lines: at the start, every 15 seconds, and at the end."""

    def __init__(self, title: str, total: int, unit: str, stream: TextIO) -> None:
        self._title, self._total, self._unit, self._stream = title, total, unit, stream
        self._done = self._before = 0
        self._started = self._last = time.monotonic()
        stream.write(f"{title}: {total:,} {unit}\n")

    def resume(self, amount: int) -> None:
        self._done += amount
        self._before += amount

    def advance(self, amount: int, standing: Callable[[], str] | None = None) -> None:
        self._done += amount
        now = time.monotonic()
        if self._done >= self._total or now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            elapsed = max(now - self._started, 1e-9)
            rate = (self._done - self._before) / elapsed
            left = max(self._total - self._done, 0) / max(rate, 1e-9)
            self._stream.write(
                f"{self._title}: {self._done:,} of {self._total:,} {self._unit}, "
                f"{rate:,.0f} {self._unit}/s, {elapsed:.0f} s gone, {left:.0f} s left"
                f"{f'; {standing()}' if standing else ''}\n"
            )
            self._stream.flush()


class _Bar:
    """One rich task."""

    def __init__(self, bars: RichProgress, title: str, total: int, unit: str) -> None:
        self._bars, self._unit = bars, unit
        self._task = bars.add_task(title, total=total, rate="", standing="")
        self._asked = 0.0

    def resume(self, amount: int) -> None:
        self._bars.reset(self._task, completed=int(self._bars.tasks[0].completed) + amount)

    def advance(self, amount: int, standing: Callable[[], str] | None = None) -> None:
        speed = self._bars.tasks[0].speed
        self._bars.update(self._task, advance=amount, rate=f"{speed:,.0f} {self._unit}/s" if speed else "")
        now = time.monotonic()
        if standing is not None and now - self._asked >= SECONDS_BETWEEN_QUESTIONS:
            self._asked = now
            self._bars.update(self._task, standing=standing())


class Silent:
    """For tests and callers that show nothing."""

    def advance(self, amount: int, standing: Callable[[], str] | None = None) -> None:
        """Show nothing."""

    def resume(self, amount: int) -> None:
        """Show nothing."""


@contextmanager
def showing(title: str, total: int, unit: str, stream: TextIO | None = None) -> Iterator[Progress]:
    """Show one piece of work of `total` units while the block runs."""
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        yield _Lines(title, total, unit, stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[standing]}"),
    )
    with RichProgress(*columns, console=Console(file=stream)) as bars:
        yield _Bar(bars, title, total, unit)
