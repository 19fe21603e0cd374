"""What a cycle will run and what that is expected to take, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from gatekit.cycles.graph import Graph, Task
from gatekit.cycles.ledger import Ledger, Record
from gatekit.cycles.plan import Cycle
from gatekit.cycles.snapshot_words import duration
from gatekit.cycles.state import CycleState
from gatekit.errors import GatekitError

LARGEST_TOGETHER = 64 << 20
"""Bytes of the ledgers of all cycles that durations are taken from."""

Durations = Mapping[tuple[str, str, str], float]
"""(runner, configuration, phase) -> mean seconds of runs that were done."""


def plan_lines(cycle: Cycle, graph: Graph, state: CycleState, runs: Path) -> Iterator[str]:
    """Yield the plan for people: a line per task and decision, then the sums."""
    known = durations(runs)
    yield f"{cycle.id}: {cycle.description}"
    for phase, seeds in cycle.seeds.items():
        yield f"  {phase} seeds: {', '.join(map(str, seeds))}"
    for name, task in graph.tasks.items():
        one = state.tasks[name]
        expected = _expected(task, known)
        took = one.state if one.state != "waiting" else ("unknown time" if expected is None else _about(expected))
        waits = f"  after {_waits(task)}" if task.after else ""
        yield f"  {name}: {took}{waits}"
    for name, decision in graph.decisions.items():
        yield f"  {name}: {', '.join(type(rule).__name__ for _, rule in decision.rules)}"
    yield from _sums(graph, state, known, cycle)


def first_lines(cycle: Cycle, graph: Graph, state: CycleState) -> Iterator[str]:
    """Yield the tasks that would be started first."""
    ready = list(state.ready)
    if not ready:
        yield f"{cycle.id}: nothing is left to start"
    for name in ready:
        task = graph.tasks[name]
        settings = " ".join(f"--set '{key}={value}'" for key, value in task.settings)
        yield f"{name}: gatekit run {task.runner} --config {task.config} {settings}"


def durations(runs: Path) -> dict[tuple[str, str, str], float]:
    """Return how long tasks took in the cycles of a folder, by runner, configuration and phase."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for path in _newest_ledgers(runs):
        for record in _records(path):
            seconds = record.get("seconds")
            if record["event"] == "ended" and record.get("ok") is True and isinstance(seconds, int | float):
                parts = str(record.get("task")).split("/")
                key = (parts[-1], str(record.get("config", "")), parts[0])
                found.setdefault(key, []).append(float(seconds))
    return {key: sum(several) / len(several) for key, several in found.items()}


def _records(path: Path) -> list[Record]:
    """Return what a ledger of any cycle says; nothing of one that is damaged, of which its own cycle tells."""
    try:
        return Ledger(path).read()
    except GatekitError:
        return []


def _newest_ledgers(runs: Path) -> list[Path]:
    """Return the ledgers of a folder, those that changed last first, as far as `LARGEST_TOGETHER` goes."""
    known = []
    for path in runs.glob("*/ledger.jsonl"):
        with suppress(OSError):
            told = path.stat()
            known.append((told.st_mtime, str(path), told.st_size))
    left = LARGEST_TOGETHER
    found = []
    for _, name, size in sorted(known, reverse=True):
        left -= size
        if left < 0:
            break
        found.append(Path(name))
    return found


def _expected(task: Task, known: Durations) -> float | None:
    return known.get((task.runner, task.config, task.phase))


def _about(seconds: float) -> str:
    return f"about {duration(seconds)}"


def _waits(task: Task) -> str:
    stages = dict.fromkeys("/".join(name.split("/")[:2]) for name in task.after)
    return ", ".join(stages)


def _sums(graph: Graph, state: CycleState, known: Durations, cycle: Cycle) -> Iterator[str]:
    waiting = [graph.tasks[name] for name, one in state.tasks.items() if one.state == "waiting"]
    expected = [_expected(task, known) for task in waiting]
    there = [seconds for seconds in expected if seconds is not None]
    done = sum(one.state == "done" for one in state.tasks.values())
    yield f"  {len(graph.tasks)} tasks: {done} done, {len(waiting)} waiting"
    if there:
        devices = [max(1, t.needs.gpus) * s for t, s in zip(waiting, expected, strict=True) if s is not None]
        yield f"  expected: {duration(sum(there))} one after another, {sum(devices) / 3600:.3g} device hours"
    unknown = len(waiting) - len(there)
    if unknown:
        yield f"  {unknown} of them have no earlier run of their runner, configuration and phase to go by"
    budget = cycle.budget
    told = [
        None if budget.device_hours is None else f"{budget.device_hours:g} device hours",
        None if budget.wall is None else f"{duration(budget.wall.total_seconds())} of wall time",
        None if budget.disk is None else f"{budget.disk / (1 << 30):.3g} GiB of disk",
    ]
    if any(told):
        yield f"  budget: {', '.join(one for one in told if one)}"
