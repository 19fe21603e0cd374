"""The pieces of tasks: what several processes can make side by side, and what several tasks need once.

A runner that knows its pieces names each by a key that covers all that decides it, and makes one alone with `--only`.
A piece lands in the runners' cache; the task then finds it there. A piece that fails is the task's to report.

Whoever makes a piece loads a model first, so where there are many more pieces than slots a process is given several.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatekit.cycles.endings import MOST_LOSSES, NEVER_AGAIN
from gatekit.cycles.engine import Ended

BATCHES_PER_SLOT = 4
"""So many turns each slot is to have at what can be made now: fewer load a model less often, and end less evenly."""

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""What a piece may be called: its log is named by it."""
MOST_TOGETHER = 1000
"""Pieces of one process: their keys are its command line, which systems limit."""
LARGEST_LISTING = 16 << 20
"""Bytes of the end of what a runner printed; of a longer listing no piece is taken, and the task is run whole."""
MOST_STARTS = 25
"""Lines that start as a document does, from the end, among which the listing is looked for."""


@dataclass
class PieceQueue:
    """What is known of the pieces of a cycle's tasks, in this process alone: the cache knows what is done."""

    retries: int
    _of_task: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _after: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)
    _running: set[str] = field(default_factory=set)
    _failures: dict[str, int] = field(default_factory=dict)
    _losses: dict[str, int] = field(default_factory=dict)
    _alone: set[str] = field(default_factory=set)
    """Of a batch that failed: each is made by itself, so that only the one that cannot be made is given up."""

    @property
    def any_ready(self) -> bool:
        """Whether a piece is running, or a runner is being asked."""
        return bool(self._running or self._asked - set(self._of_task))

    def asked(self, task: str) -> None:
        """Note that a task's runner is being asked for its pieces."""
        self._asked.add(task)

    def are_known(self, task: str) -> bool:
        """Whether the runner was asked; what it does not tell does not keep the task from being run whole."""
        return task in self._of_task or task in self._asked

    def learn(self, task: str, code: int, log: Path) -> None:
        """Take what a runner printed; a runner that knows no pieces has none."""
        self._of_task[task] = ()
        if code != 0:
            return
        units = _units(log)
        self._of_task[task] = tuple(dict.fromkeys(unit["key"] for unit in units))
        for unit in units:
            self._after.setdefault(unit["key"], tuple(unit["after"]))
            if unit.get("done") is True:
                self._ended.add(unit["key"])

    def give_up(self) -> None:
        """Take all pieces as ended that wait for each other, or for what nobody makes: their tasks are run whole.

        To be called where nothing runs and nothing can be started.
        """
        self._ended.update(key for keys in self._of_task.values() for key in keys)

    def are_left(self, task: str) -> bool:
        """Whether a task's pieces are unknown yet, or not all made."""
        return task not in self._of_task or any(key not in self._ended for key in self._of_task[task])

    def next_batch(self, task: str, slots: int) -> tuple[str, ...]:
        """Return the keys of a task's pieces that one process is to make now; none where all wait or are being made.

        Args:
            task: whose pieces.
            slots: processes that can run side by side.
        """
        free = list(self._startable(task))
        if not free or free[0] in self._alone:
            return tuple(free[:1])
        together = [key for key in free if key not in self._alone]
        return tuple(together[: min(MOST_TOGETHER, max(1, len(together) // (slots * BATCHES_PER_SLOT)))])

    def _startable(self, task: str) -> Iterator[str]:
        """Yield the keys of pieces that wait for nothing and that nobody makes."""
        for key in self._of_task.get(task, ()):
            free = key not in self._ended and key not in self._running
            if free and all(other in self._ended for other in self._after.get(key, ())):
                yield key

    def started(self, keys: Sequence[str]) -> None:
        """Note that a process makes these pieces."""
        self._running.update(keys)

    def ended(self, keys: Sequence[str], how: Ended) -> None:
        """Note that a process made its pieces, or that it failed; a piece counts as ended after its own retries."""
        self._running.difference_update(keys)
        if how.code == 0:
            self._ended.update(keys)
            return
        if how.lost:
            self._losses.update((key, self._losses.get(key, 0) + 1) for key in keys)
            self._ended.update(key for key in keys if self._losses[key] > MOST_LOSSES)
            return
        if len(keys) > 1:
            self._alone.update(keys)
            return
        (key,) = keys
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._failures[key] > self.retries or how.code in NEVER_AGAIN:
            self._ended.add(key)


def _units(log: Path) -> list[dict[str, Any]]:
    """Return what a runner printed among other lines: the last document with `units`."""
    with open(log, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - LARGEST_LISTING))
        text = file.read(LARGEST_LISTING).decode("utf-8", "replace")
    starts = [place for place in range(len(text)) if text[place] == "{" and text[place - 1 : place] in ("", "\n")]
    for start in starts[: -MOST_STARTS - 1 : -1]:
        try:
            value, _ = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and isinstance(value.get("units"), list):
            # Of a listing with anything else in it no piece is taken, and the task is run whole.
            return value["units"] if all(map(_is_unit, value["units"])) else []
    return []


def _is_unit(unit: object) -> bool:
    return (
        isinstance(unit, dict)
        and _is_key(unit.get("key"))
        and isinstance(after := unit.setdefault("after", []), list)
        and all(map(_is_key, after))
    )


def _is_key(key: object) -> bool:
    return isinstance(key, str) and KEY.fullmatch(key) is not None
