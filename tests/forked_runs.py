"""`python -m runners` in a process of its own without the seconds that importing torch takes.

The process is forked from this one, in which everything is imported, and does what the command does: it is supervised
by one that waits, writes to its own stdout and stderr, and ends with the command's exit code.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Stream = Literal["kept", "closed", "full", "dead"]
"""Of what becomes of what is written: it is kept for the test, there is no such stream, its disk is full, its reader is
gone."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    """As a shell has it: 128 + its number for a signal."""
    out: str
    err: str


def start(argv: Sequence[str], out: int | None, err: int | None, before: Callable[[], object] = lambda: None) -> int:
    """Start the command and return the process's id.

    Args:
        argv: of `python -m runners`.
        out: descriptor of its stdout; None where that is closed.
        err: the same of its stderr.
        before: what is done in its process first.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process:
        return process
    try:
        _become(argv, out, err, before)
    finally:
        os._exit(1)


def ran(
    argv: Sequence[str], stdout: Stream = "kept", stderr: Stream = "kept", before: Callable[[], object] = lambda: None
) -> Ended:
    """Run the command to its end."""
    said = [b"", b""]
    with contextlib.ExitStack() as open_files:
        # Pipes, which a disk that takes nothing more does not fill.
        pipes = [os.pipe() for _ in said]
        for reader, _ in pipes:
            open_files.callback(os.close, reader)
        with contextlib.ExitStack() as given:
            for _, writer in pipes:
                given.callback(os.close, writer)
            out, err = (_descriptor(how, pipe[1], given) for how, pipe in zip((stdout, stderr), pipes, strict=True))
            process = start(argv, out, err, before)
        readers = {reader: place for place, (reader, _) in enumerate(pipes)}
        while readers:
            for reader in select.select(list(readers), [], [])[0]:
                read = os.read(reader, 1 << 16)
                said[readers[reader]] += read
                if not read:
                    del readers[reader]
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return Ended(code if code >= 0 else 128 - code, *(each.decode(errors="replace") for each in said))


def _descriptor(how: Stream, kept: int, given: contextlib.ExitStack) -> int | None:
    if how == "closed":
        return None
    if how == "full":
        return given.enter_context(Path("/dev/full").open("wb")).fileno()
    if how == "dead":
        reader, writer = os.pipe()
        os.close(reader)
        given.callback(os.close, writer)
        return writer
    return kept


def _become(argv: Sequence[str], out: int | None, err: int | None, before: Callable[[], object]) -> None:
    from runners import __main__ as command
    from runners.stage import lifecycle

    lifecycle.is_command = lambda: True
    for number, given in ((1, out), (2, err)):
        if given is None:
            os.close(number)
        else:
            os.dup2(given, number)
    sys.stdout = None if out is None else open(1, "w", closefd=False)  # type: ignore[assignment]  # noqa: SIM115
    # As Python opens them itself: line by line, and what is no text escaped.
    lines = None if err is None else open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    sys.stderr = lines  # type: ignore[assignment]
    before()
    code = command.main(list(argv))
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.close()
    os._exit(code)
