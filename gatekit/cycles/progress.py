"""Where a cycle is: counts, rate, time left, cost, and why branches were stopped; for people and for monitors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gatekit.cycles.graph import Graph
from gatekit.cycles.plan import Cycle
from gatekit.cycles.state import CycleState, State

ORDER: tuple[State, ...] = ("done", "running", "waiting", "failed", "stopped", "not_run")
Standing = str
"""`not begun`, `running`, `halted`, `finished`, or `left behind`: its driver died without a word."""


@dataclass(frozen=True)
class CycleProgress:
    """A cycle at one moment."""

    cycle: str
    description: str
    standing: Standing
    at: datetime
    begun: datetime | None
    rested: datetime | None
    """When it finished, or was halted; None while it goes on."""
    counts: Mapping[State, int]
    stages: Sequence[tuple[str, Mapping[State, int]]]
    tasks_an_hour: float | None
    """Of those that were done, over the time since the cycle was begun; None before the first."""
    seconds_left: float | None
    """If all that waits takes as long as what was done like it, in as many slots as now; None before the first."""
    device_hours: float
    device_hours_budget: float | None
    halted: str | None
    holder: str | None
    code: int | None
    running: Sequence[tuple[str, float]]
    """(task, seconds since it was started)."""
    failed: Sequence[tuple[str, str]]
    stopped: Sequence[tuple[str, str]]
    """(stage or stage/branch, reason)."""
    judged: Sequence[Mapping[str, Any]]
    """What stop rules found, oldest first."""
    steps: Mapping[str, int]


def progress_of(
    cycle: Cycle, graph: Graph, state: CycleState, holder: str | None, now: datetime | None = None
) -> CycleProgress:
    """Return where a cycle is.

    Args:
        cycle: the plan.
        graph: of the plan.
        state: after all records of its ledger.
        holder: who drives it, None where nobody alive does.
        now: aware time; that of the machine where it is not given.
    """
    at = now or datetime.now(UTC)
    by_stage = {name: Counter[State]() for name in cycle.stages}
    for name, one in state.tasks.items():
        by_stage[graph.tasks[name].stage][one.state] += 1
    counts = sum(by_stage.values(), Counter[State]())
    stopped = [
        (decision.removeprefix("decide/").split("/")[0] + f"/{branch}", reason)
        for decision, decided in state.decided.items()
        for branch, reason in decided.stopped.items()
    ]
    return CycleProgress(
        cycle=cycle.id,
        description=cycle.description,
        standing=_standing(state, holder),
        at=at,
        begun=state.begun,
        rested=state.rested,
        counts={word: counts[word] for word in ORDER},
        stages=[(name, {word: found[word] for word in ORDER if found[word]}) for name, found in by_stage.items()],
        tasks_an_hour=_rate(state, state.rested or at),
        seconds_left=_left(graph, state),
        device_hours=state.device_seconds / 3600,
        device_hours_budget=cycle.budget.device_hours,
        halted=state.halted,
        holder=holder,
        code=state.code,
        running=[
            (n, (at - s.started).total_seconds()) for n, s in state.tasks.items() if s.state == "running" and s.started
        ],
        failed=[(name, one.reason) for name, one in state.tasks.items() if one.state in ("failed", "not_run")],
        stopped=[*state.stopped_stages.items(), *stopped],
        judged=[{"decision": name, **one} for name, decided in state.decided.items() for one in decided.judged],
        steps=state.steps,
    )


def _standing(state: CycleState, holder: str | None) -> Standing:
    if state.begun is None:
        return "not begun"
    if state.code is not None:
        return "finished"
    if holder is not None:
        return "running"
    return "halted" if state.halted is not None else "left behind"


def _rate(state: CycleState, until: datetime) -> float | None:
    done = sum(one.state == "done" for one in state.tasks.values())
    if not done or state.begun is None:
        return None
    hours = (until - state.begun).total_seconds() / 3600
    return done / hours if hours > 0 else None


def _left(graph: Graph, state: CycleState) -> float | None:
    """Return the wall time that is left: what is open, each as long as tasks like it took, over the slots in use."""
    alike: dict[tuple[str, ...], list[float]] = {}
    for name, one in state.tasks.items():
        if one.seconds is not None:
            task = graph.tasks[name]
            for key in ((task.stage, task.phase, task.runner), (task.runner,), ()):
                alike.setdefault(key, []).append(one.seconds)
    if () not in alike:
        return None
    total, running = 0.0, 0
    for name, one in state.tasks.items():
        if one.state in ("waiting", "running"):
            task = graph.tasks[name]
            keys: Sequence[tuple[str, ...]] = ((task.stage, task.phase, task.runner), (task.runner,), ())
            found = next(alike[key] for key in keys if key in alike)
            total += sum(found) / len(found)
            running += one.state == "running"
    return total / max(1, running)
