"""Progress on stderr: a bar with rate and time left on a terminal, one plain line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

SECONDS_BETWEEN_LINES = 15.0


class Progress(Protocol):
    """Told how far one piece of work has come."""

    def advance(self, amount: int) -> None:
        """Count `amount` more units as done."""


class _Lines:
    """Plain lines: at the start, every 15 seconds, and at the end."""

    def __init__(self, title: str, total: int, unit: str, stream: TextIO) -> None:
        self._title, self._total, self._unit, self._stream = title, total, unit, stream
        self._done = 0
        self._started = self._last = time.monotonic()
        stream.write(f"{title}: {total:,} {unit}\n")

    def advance(self, amount: int) -> None:
        self._done += amount
        now = time.monotonic()
        if self._done >= self._total or now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            elapsed = max(now - self._started, 1e-9)
            rate = self._done / elapsed
            left = max(self._total - self._done, 0) / max(rate, 1e-9)
            self._stream.write(
                f"{self._title}: {self._done:,} of {self._total:,} {self._unit}, "
                f"{rate:,.0f} {self._unit}/s, {elapsed:.0f} s gone, {left:.0f} s left\n"
            )
            self._stream.flush()


class _Bar:
    """One rich task."""

    def __init__(self, advance_task: object) -> None:
        self._advance_task = advance_task

    def advance(self, amount: int) -> None:
        self._advance_task(amount)  # type: ignore[operator]


class Silent:
    """For tests and callers that show nothing."""

    def advance(self, amount: int) -> None:
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
    )
    with RichProgress(*columns, console=Console(file=stream)) as bars:
        task = bars.add_task(title, total=total, rate="")

        def advance(amount: int) -> None:
            speed = bars.tasks[0].speed
            bars.update(task, advance=amount, rate=f"{speed:,.0f} {unit}/s" if speed else "")

        yield _Bar(advance)
