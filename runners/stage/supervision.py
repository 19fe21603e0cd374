"""A run in a process of its own, waited for by the one that was started: no death of it goes without a word.

A file that is cut short while it is mapped ends in SIGBUS, a machine without memory in SIGKILL, a fault in a library in
SIGSEGV: no handler in Python can say so. The waiting process does, in one line, and writes the failed summary that
the run left with it. What the run had stored is checked when the next one opens it, and made again where it is not
whole.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from runners.stage.interruption import SIGNALS, Interrupted

LARGEST = 4 << 20
"""Bytes of what a run may leave; without it its death is said all the same."""
_HEAD, _ANEW = 9, 8
ATTEMPTS = 4
"""Runs in all where each asks to be begun anew: that somebody empties the cache all the time ends the command."""
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG

AGAIN = "run again: what is stored is checked, and made again where it is not whole"
_CAUSES = {
    signal.SIGBUS: "a file was cut short while it was read, or its disk failed",
    signal.SIGKILL: "somebody, or the system for want of memory, killed it",
}


class Testament:
    """The failed summary of the cell that is measured now, kept where it outlives the run."""

    def __init__(self, shared: mmap.mmap | None = None) -> None:
        self._shared = shared

    @property
    def is_heard(self) -> bool:
        """Say whether another process waits for this one, which does nothing but the run."""
        return self._shared is not None

    def leave(self, parts: Callable[[], Mapping[str, Any]]) -> None:
        """Keep what becomes of a cell if the run dies; called only where somebody waits for the run."""
        if self._shared is None:
            return
        self.withdraw()
        data = json.dumps(dict(parts())).encode()
        if len(data) <= LARGEST - _HEAD:
            self._shared[_HEAD : _HEAD + len(data)] = data
            # Last, so that half of it is never taken for the whole.
            self._shared[:_ANEW] = len(data).to_bytes(_ANEW, "big")

    def withdraw(self) -> None:
        """Keep nothing: the cell has its summary."""
        if self._shared is not None:
            self._shared[:_ANEW] = bytes(_ANEW)

    def begin_anew(self) -> None:
        """Have the run begun anew once it has ended, where somebody waits for it."""
        if self._shared is not None:
            self._shared[_ANEW] = 1

    @property
    def is_begun_anew(self) -> bool:
        """Whether that was asked for, and somebody waits who does it."""
        return self._shared is not None and self._shared[_ANEW] == 1

    def read(self) -> dict[str, Any] | None:
        """Return what was left; None where nothing was."""
        length = 0 if self._shared is None else int.from_bytes(self._shared[:_ANEW], "big")
        if self._shared is None or not length:
            return None
        found: dict[str, Any] = json.loads(self._shared[_HEAD : _HEAD + length])
        return found


def supervised(
    name: str, work: Callable[[Testament], int], written: Callable[[Mapping[str, Any], str], str], alone: bool
) -> int:
    """Return the exit code of some work, done in another process where this one has nothing else to do.

    Whoever calls goes on twice: with the work's own code in the process that did it, and with the same code in the one
    that waited. A death by a signal is 70, with a line that says why; one by SIGINT, SIGTERM or SIGKILL is 130, 143 or
    137, since it was somebody else that ended it. Work that asks for it is begun anew, in a process that knows nothing
    of the one before.

    Args:
        name: of the runner.
        work: what is done; it says what becomes of it if it dies.
        written: writes the failed summary from what was left and a reason, and returns in words where it is.
        alone: whether this process is that of the command; anywhere else, as where Linux is not, the work is done here.
    """
    if not alone or not sys.platform.startswith("linux"):
        return work(Testament())
    for left in reversed(range(ATTEMPTS)):
        testament = Testament(mmap.mmap(-1, LARGEST))
        child = _forked()
        if child == 0:
            return work(testament)
        code = _waited(name, child, testament, written)
        if not testament.is_begun_anew or not left:
            break
        sys.stderr.write(f"{name}: begun anew\n")
    return code


def _forked() -> int:
    """Return the process of a run, or 0 in that process, which ends with this one."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    waiting = os.getpid()
    # One that comes before somebody is there to pass it on waits until then.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    with warnings.catch_warnings():
        # The threads are those of libraries that were imported and have not computed yet.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _die_with(waiting)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    return child


def is_command() -> bool:
    """Whether this process is `gatekit run` or `python -m runners`, and does nothing else."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None:
        return spec.name in ("runners.__main__", "gatekit.__main__")
    return os.path.basename(sys.argv[0]) == "gatekit"


def _die_with(parent: int) -> None:
    # A run whose waiting process is killed would go on with nobody to stop it.
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)


def _waited(name: str, child: int, testament: Testament, written: Callable[[Mapping[str, Any], str], str]) -> int:
    def forward(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    kept = {number: signal.signal(number, forward) for number in SIGNALS}
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    return code if code >= 0 else _died(name, -code, testament, written)


def _died(name: str, number: int, testament: Testament, written: Callable[[Mapping[str, Any], str], str]) -> int:
    asked = number in SIGNALS
    reason = str(Interrupted(number)) if asked else f"the run died of {_signal(number)}"
    left = testament.read()
    try:
        outcome = "no summary" if left is None else written(left, reason)
    except GatekitError as error:
        outcome = f"no summary ({error})"
    sys.stderr.write(f"{name}: {reason}; {outcome}{'' if asked else f'; {AGAIN}'}\n")
    return 128 + number if asked or number == signal.SIGKILL else int(ExitCode.INTERNAL)


def _signal(number: int) -> str:
    try:
        known = signal.Signals(number)
    except ValueError:
        return f"signal {number}"
    return f"{known.name}: {_CAUSES.get(known, 'a library crashed')}"
