"""What tasks leave in a cycle's folder: summaries, and SAEs that other tasks take."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from gatekit.cycles.graph import Task
from gatekit.cycles.state import ENDED, CycleState
from gatekit.errors import GatekitError
from gatekit.evidence.canonical import sha256_file
from gatekit.evidence.listing import all_files
from gatekit.evidence.strict_json import SUMMARY_LIMITS, parse_plain_json, read_regular_file

LARGEST_LIST = 1 << 20
"""Bytes of `saes.yaml`."""


def given_saes(folder: Path) -> list[str]:
    """Return what a configuration says of SAEs that a task left, as settings: the lines of its one `saes.yaml`.

    Args:
        folder: of the task's artifacts.
    """
    found = _saes_files(folder)
    if len(found) != 1:
        return []  # the runner then says what it lacks, and its task fails
    lines = read_regular_file(found[0], "saes", LARGEST_LIST).decode("utf-8").splitlines()
    pairs = [line.partition(": ") for line in lines if line and not line.startswith(("#", " "))]
    return [f"{key}={value}" for key, colon, value in pairs if colon]


def _saes_files(folder: Path) -> list[Path]:
    return [Path(path) for path in all_files(folder) if os.path.basename(path) == "saes.yaml"]


def outputs_of(task: Task, folder: Path) -> tuple[dict[str, str], str | None]:
    """Return path -> sha256 of a task's summaries, and what is wrong with them.

    Args:
        task: that ended.
        folder: of the cycle.
    """
    found: dict[str, str] = {}
    for path in _summaries(task, folder):
        try:
            data = read_regular_file(path, "summary", SUMMARY_LIMITS.size)
            status = parse_plain_json(data, path.name, SUMMARY_LIMITS)["status"]
        except (GatekitError, KeyError, TypeError):
            return found, f"{path.name} is no summary"
        if status != "ok":
            return found, f"its summary says that the run {status}"
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(data).hexdigest()
    return found, None if found else "it wrote no summary"


def _summaries(task: Task, folder: Path) -> Iterator[Path]:
    place = folder / "evidence" / task.out / task.runner
    found = [Path(path) for path in all_files(place) if path.endswith(".json")]
    yield from sorted(path for path in found if not path.name.startswith("."))


def to_run_again(state: CycleState, folder: Path) -> dict[str, str]:
    """Return task -> reason of what has to be done again, though the ledger says that it has ended.

    What was done and whose summaries are not there any more as they were, or whose SAEs are still to be measured and
    gone; and what failed for its workers alone.
    """
    again = {name: "its workers were lost" for name, one in state.tasks.items() if one.lost}
    again |= lost_outputs(state, folder)
    waited_for = {state.graph.tasks[name].saes_of for name, one in state.tasks.items() if one.state not in ENDED}
    for name, task in state.graph.tasks.items():
        done, needed = state.tasks[name].state == "done", task.keeps_saes and task.out in waited_for
        if done and needed and not _saes_files(folder / "artifacts" / task.out):
            again.setdefault(name, "its SAEs are gone")
    return again


def lost_outputs(state: CycleState, folder: Path, among: Collection[str] | None = None) -> dict[str, str]:
    """Return task -> reason of what was done, and whose summaries are not there any more as they were.

    Args:
        state: of the cycle.
        folder: of the cycle.
        among: tasks that are looked at; None for all.
    """
    again: dict[str, str] = {}
    for name in state.tasks if among is None else among:
        one = state.tasks[name]
        if one.state != "done":
            continue
        for path, sha256 in (one.outputs or {}).items():
            try:
                same = sha256_file(folder / path) == sha256
            except GatekitError:
                same = False
            if not same:
                again[name] = "its summaries are gone or changed"
                break
    return again
