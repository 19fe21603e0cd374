"""Tasks as plain processes on this machine: so many at a time, each with its GPUs, none left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gatekit.cycles.endings import how_ended
from gatekit.cycles.engine import Ended, Job
from gatekit.cycles.plan import Needs
from gatekit.cycles.resources import killed_for_memory

GENTLE = 20.0
"""Seconds between being asked to end and being killed."""
POLL = 0.02
"""Seconds between looks at running processes whose end is not told, at first; up to twenty times as long later."""
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG, linux/prctl.h


@dataclass
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    started: float
    gpus: tuple[str, ...]
    starved: int | None
    """What the kernel had killed for want of memory before it was started."""
    over_time: bool = False
    ends: int | None = None
    """A descriptor that can be read once the process has ended; None where the system gives none."""


@dataclass
class Processes:
    """N slots, and the GPUs that may be given out, each to one job at a time."""

    slots: int
    gpus: tuple[str, ...] = ()
    """As CUDA_VISIBLE_DEVICES names them."""
    _running: dict[str, _Running] = field(default_factory=dict)

    def _free_gpus(self) -> list[str]:
        held = {gpu for one in self._running.values() for gpu in one.gpus}
        return [gpu for gpu in self.gpus if gpu not in held]

    def has_room(self, needs: Needs) -> bool:
        """Whether a slot, and as many GPUs as are needed, are free."""
        return len(self._running) < self.slots and len(self._free_gpus()) >= needs.gpus

    def could_ever(self, needs: Needs) -> bool:
        """Whether this machine has as many GPUs."""
        return len(self.gpus) >= needs.gpus

    def start(self, job: Job) -> None:
        """Start a job in a group of its own; it dies with this process where the system can see to that."""
        gpus = tuple(self._free_gpus()[: job.needs.gpus])
        environment = {**os.environ, **job.environment}
        if self.gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        job.log.parent.mkdir(parents=True, exist_ok=True)
        starved = killed_for_memory()
        with open(job.log, "ab") as log:
            process = subprocess.Popen(
                job.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        self._running[job.name] = _Running(job, process, time.monotonic(), gpus, starved, ends=_end_of(process.pid))

    def wait(self, seconds: float) -> Sequence[Ended]:
        """Return what has ended, waiting for the first for at most so long."""
        deadline, pause = time.monotonic() + seconds, POLL
        while True:
            self._end_late_ones()
            ended = self._collect()
            left = deadline - time.monotonic()
            if ended or left <= 0:
                return ended
            self._sleep(min(pause, left))
            pause = min(pause * 1.5, POLL * 20)

    def stop(self) -> Sequence[Ended]:
        """Ask all jobs to end, kill those that do not, and return them."""
        for one in self._running.values():
            _signal(one.process, signal.SIGTERM)
        ended: list[Ended] = []
        deadline = time.monotonic() + GENTLE
        while self._running and time.monotonic() < deadline:
            ended += self._collect()
            time.sleep(POLL)
        for one in self._running.values():
            _signal(one.process, signal.SIGKILL)
            one.process.wait()
        return [*ended, *self._collect()]

    def _sleep(self, seconds: float) -> None:
        """Wait so long, or until a process ends where the system tells of it."""
        waited = select.poll()
        for one in self._running.values():
            if one.ends is not None:
                waited.register(one.ends, select.POLLIN)
        waited.poll(max(1, round(seconds * 1000)))

    def _end_late_ones(self) -> None:
        for one in self._running.values():
            limit = one.job.needs.wall
            if limit is not None and not one.over_time and time.monotonic() - one.started > limit.total_seconds():
                one.over_time = True
                _signal(one.process, signal.SIGKILL)

    def _collect(self) -> list[Ended]:
        found = []
        for name, one in list(self._running.items()):
            code = one.process.poll()
            if code is None:
                continue
            # What it started itself goes with it.
            _signal(one.process, signal.SIGKILL)
            del self._running[name]
            if one.ends is not None:
                os.close(one.ends)
            seconds, starved = time.monotonic() - one.started, killed_for_memory() != one.starved
            found.append(how_ended(one.job, 128 - code if code < 0 else code, seconds, one.over_time, starved))
        return found


def _end_of(pid: int) -> int | None:
    """Return a descriptor of a child's end, of Linux since 5.3; None elsewhere, and where there are no more."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def die_with_parent() -> Callable[[], None] | None:
    """Return what a new process calls first, so that it does not outlive a driver that is killed; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def call() -> None:
        libc.prctl(_DIES_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(128 + signal.SIGKILL)

    return call
