"""What the end of a command means: it failed, its worker was lost, or no other attempt would end otherwise.

Whoever is killed, or loses its machine, has failed at nothing: that is no attempt, however often it happens. A process
that the kernel killed for want of memory has failed: it would want as much again.
"""

from __future__ import annotations

import errno
import os
import re
import signal
from pathlib import Path

from gatekit.cycles.engine import Ended, Job
from gatekit.cycles.signals import coded
from gatekit.exit_codes import ExitCode

NEVER_AGAIN = (ExitCode.REFUSED, ExitCode.USAGE)
"""Codes of what would be refused each time: a configuration, a file, a model or a folder as it is."""
MOST_LOSSES = 20
"""Workers of one task that a driver may lose before it gives the task up; the next driver begins to count anew."""
LONGEST_END = 16 << 10
"""Bytes of the end of a log, among which its last words are looked for."""
LONGEST_WORDS = 300
"""Characters of them that are kept."""

_NO_ROOM = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT))
_BY_SOMEBODY = {128 + number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)}
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def how_ended(job: Job, code: int, seconds: float, late: bool, starved: bool) -> Ended:
    """Return how a command ended.

    Args:
        job: the command.
        code: its exit code, 128 + number where a signal ended it.
        seconds: that it took.
        late: whether it was ended for taking too long.
        starved: whether the kernel killed a process of its machine for want of memory meanwhile.
    """
    if late:
        return Ended(job.name, code, seconds, f"it took longer than {job.needs.wall}", late=True)
    if starved and code == 128 + signal.SIGKILL:
        return Ended(job.name, code, seconds, "it was killed while its machine had no memory left")
    return Ended(job.name, code, seconds, lost=code in _BY_SOMEBODY)


def is_hopeless(ended: Ended) -> bool:
    """Whether another attempt would end in the same way."""
    return ended.late or ended.code in NEVER_AGAIN


def found_no_room(ended: Ended, log: Path, before: int) -> bool:
    """Whether a command failed, by its own last words, for a disk or a quota that is full.

    Args:
        ended: how it ended.
        log: that took what it wrote.
        before: bytes of the log that earlier attempts had written.
    """
    return ended.code != 0 and any(said in last_words(log, before) for said in _NO_ROOM)


def why_ended(ended: Ended, log: Path, before: int, wrong: str | None = None) -> str:
    """Return in one line why a task was not done.

    Args:
        ended: how its command ended.
        log: that took what it wrote.
        before: bytes of the log that earlier attempts had written.
        wrong: what is wrong with what it left, where it ended well.
    """
    if ended.code == 0 and wrong is not None:
        return f"{wrong}; {log} has what it wrote"
    said = "" if ended.late else last_words(log, before)
    how = ended.words or f"it ended with {coded(ended.code)}"
    final = ", which no other attempt would change" if ended.code in NEVER_AGAIN else ""
    told = f": {said}" if said else ""
    return f"{how}{final}{told}; {log} has what it wrote"


def last_words(log: Path, before: int) -> str:
    """Return the last line that a command wrote which begins at the margin; nothing where it wrote none.

    What is quoted below an error, and a traceback's lines of code, are set in.
    """
    try:
        with open(log, "rb") as file:
            end = file.seek(0, 2)
            file.seek(max(before, end - LONGEST_END))
            text = file.read(LONGEST_END).decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [_COLOURS.sub("", line).rstrip() for line in text.splitlines()]
    said = next((line for line in reversed(lines) if line and not line[0].isspace()), "")
    return said if len(said) <= LONGEST_WORDS else said[: LONGEST_WORDS - 3] + "..."
