"""What a cycle asks of whatever runs its tasks: start a command with its needs, and say how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gatekit.cycles.plan import Needs


@dataclass(frozen=True)
class Job:
    """One command to be run."""

    name: str
    argv: tuple[str, ...]
    needs: Needs
    log: Path
    """Takes its standard output and error, after what is there already."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beside the machine's own."""


@dataclass(frozen=True)
class Ended:
    """How a job ended."""

    name: str
    code: int
    """Exit code; 128 + number where a signal ended it."""
    seconds: float
    """Wall time."""
    words: str = ""
    """What the engine knows beside the code: a limit of time, a machine without memory."""
    late: bool = False
    """Whether it was ended because it took longer than it may."""
    lost: bool = False
    """Whether somebody else ended it: its process was killed or asked to end, or its machine was lost."""


class Engine(Protocol):
    """Runs jobs somewhere; keeps no state that outlives it."""

    def has_room(self, needs: Needs) -> bool:
        """Whether a job with these needs could start now."""
        ...

    def could_ever(self, needs: Needs) -> bool:
        """Whether such a job could start if nothing else ran."""
        ...

    def start(self, job: Job) -> None:
        """Start a job."""
        ...

    def wait(self, seconds: float) -> Sequence[Ended]:
        """Return the jobs that have ended, as soon as there is one, or nothing after a time."""
        ...

    def stop(self) -> Sequence[Ended]:
        """End all jobs, gently first, and return them once they are gone."""
        ...
