"""`--watch`: do it again whenever a file that it reads changes, by looking often; needs nothing of the system."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import rich_click as click

from gatekit.errors import GatekitError
from gatekit.evidence import patterns
from gatekit.evidence.listing import walk
from gatekit.report import inert

EVERY = 0.3
"""Seconds between two looks: soon enough for who saves a file, little work for a folder of thousands."""
SETTLED = 10
"""Looks after which a file that never stops changing is judged as it is."""

State = dict[str, tuple[int, int, int]]
"""Path -> time of its last change in ns, size, inode."""


def again_on_change(judge: Callable[[], int], paths: Sequence[str], optional: Sequence[str] = ()) -> int:
    """Judge, and again after every change, until Ctrl-C; return the exit code of the last verdict.

    What ends the command the first time, such as a wrong option, ends it; later it is said, and watching goes on.

    Args:
        judge: prints a report and returns its exit code.
        paths: files, folders and patterns that it reads.
        optional: those of them that are named only while they are there.
    """
    folder = os.getcwd()
    seen = state(paths)
    code = judge()
    try:
        while True:
            click.echo(f"gatekit: watching {_listed(paths, optional)}; Ctrl-C ends with exit {code}", err=True)
            seen = _changed(paths, seen, folder)
            click.echo()
            try:
                code = judge()
            except GatekitError as error:
                click.echo(f"gatekit: {inert.terminal(str(error), limit=2000)}", err=True)
                code = int(error.exit_code)
    except KeyboardInterrupt:
        return code


def state(paths: Sequence[str]) -> State:
    """Return what tells whether any file under the paths has changed, come or gone."""
    found: State = {}
    for path in paths:
        matches = [path] if os.path.lexists(path) else patterns.matches(path)
        for match in matches:
            files = [os.path.join(root, name) for root, _, names in walk(match) for name in names] or [match]
            for file in files:
                try:
                    known = os.lstat(file)
                except OSError:
                    continue  # gone between two looks: the next one sees it
                found[file] = (known.st_mtime_ns, known.st_size, known.st_ino)
    return found


def enter_again(folder: str) -> None:
    """Stand in a folder that may have been removed and made anew since; while it is gone, nothing lies anywhere."""
    with suppress(OSError):
        os.chdir(folder)


def _changed(paths: Sequence[str], seen: State, folder: str) -> State:
    """Wait until the files differ from what was seen, and have stopped changing; return what they are then."""

    def look() -> State:
        time.sleep(EVERY)
        enter_again(folder)
        return state(paths)

    now = seen
    while now == seen:
        now = look()
    for _ in range(SETTLED):
        later = look()
        if later == now:
            break
        now = later
    return now


def _listed(paths: Sequence[str], optional: Sequence[str]) -> str:
    named = [path for path in paths if path not in optional or os.path.lexists(path)]
    return inert.terminal(", ".join(named), limit=300)
