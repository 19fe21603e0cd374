"""Which records of a ledger hold no longer, because a task was undone after them.

What was done, and lost since, is made again and comes out the same: so what was decided on it holds. What failed and is
tried again may come out as anything: so what was decided without it is decided again, and a stage that was stopped
goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cycles.graph import Graph
from gatekit.cycles.ledger import Record


def void_records(graph: Graph, records: Sequence[Record]) -> set[int]:
    """Return the places of records that say what has not happened, as it is told now.

    Args:
        graph: of the plan.
        records: of the ledger, oldest first.

    Raises:
        KeyError: a record lacks what those of its event have.
    """
    undone = {record["task"]: place for place, record in enumerate(records) if record["event"] == "undone"}
    if not undone:
        return set()
    failed: dict[str, int] = {}
    void = set()
    for place, record in enumerate(records):
        name = str(record.get("task"))
        if place > undone.get(name, -1):
            continue
        void.add(place)
        if record["event"] == "ended":
            failed.pop(name, None)
            if not record["ok"] and name in graph.tasks:
                failed[name] = undone[name]
    stages: dict[str, int] = {}
    for name, at in failed.items():
        stage = graph.tasks[name].stage
        stages[stage] = max(at, stages.get(stage, at))
    for place, record in enumerate(records):
        if record["event"] == "stage_stopped" and place < stages.get(record["stage"], -1):
            void.add(place)
        if record["event"] == "decided" and record["decision"] in graph.decisions:
            behind = tasks_behind(graph, record["decision"])
            if any(place < at for name, at in failed.items() if name in behind):
                void.add(place)
    return void


def tasks_behind(graph: Graph, decision: str) -> set[str]:
    """Return the tasks without which a decision would have read other evidence."""
    found: set[str] = set()
    waiting = [decision]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += graph.decisions[name].after if name in graph.decisions else graph.tasks[name].requires
    return {name for name in found if name in graph.tasks}
