"""`--watch`: do it again whenever a file that it reads changes, by looking often; needs nothing of the system."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from glob import has_magic

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


def again_on_change(judge: Callable[[], int], paths: Sequence[str]) -> int:
    """Judge, and again after every change, until Ctrl-C; return the exit code of the last verdict.

    What ends the command the first time, such as a wrong option, ends it; later it is said, and watching goes on.

    Args:
        judge: prints a report and returns its exit code.
        paths: files, folders and patterns that it reads.
    """
    seen = state(paths)
    code = judge()
    try:
        while True:
            click.echo(f"gatekit: watching {_listed(paths)}; Ctrl-C ends with exit {code}", err=True)
            seen = _changed(paths, seen)
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


def _changed(paths: Sequence[str], seen: State) -> State:
    """Wait until the files differ from what was seen, and have stopped changing; return what they are then."""
    now = seen
    while now == seen:
        time.sleep(EVERY)
        now = state(paths)
    for _ in range(SETTLED):
        time.sleep(EVERY)
        later = state(paths)
        if later == now:
            break
        now = later
    return now


def _listed(paths: Sequence[str]) -> str:
    there = [path for path in paths if os.path.lexists(path) or has_magic(path)]
    return inert.terminal(", ".join(there), limit=300)
