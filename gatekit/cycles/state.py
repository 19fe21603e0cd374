"""What has become of every task: the graph and the ledger say all of it, whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from gatekit.cycles.endings import MOST_LOSSES
from gatekit.cycles.graph import Graph, Task
from gatekit.cycles.ledger import NAME, Record, moment
from gatekit.cycles.undone import void_records
from gatekit.errors import GatekitError, Location

State = Literal["waiting", "running", "done", "failed", "stopped", "not_run"]
ENDED: tuple[State, ...] = ("done", "failed", "stopped", "not_run")


@dataclass(frozen=True)
class TaskState:
    """One task so far."""

    state: State
    reason: str = ""
    """Why it failed, was stopped or was not run."""
    attempts: int = 0
    """That ended by themselves; a worker that was killed, or lost with its machine, is none."""
    losses: int = 0
    """Workers that were lost since the cycle was last gone on with."""
    lost: bool = False
    """Whether it failed for its workers alone, so that whoever goes on tries it again."""
    device_seconds: float = 0.0
    """Of all attempts together, also of those that were cut off: wall time times devices held."""
    started: datetime | None = None
    """Of the last attempt."""
    seconds: float | None = None
    """Wall time of the last attempt that ended; None where none did."""
    outputs: Mapping[str, str] | None = None
    """Path of a summary, relative to the cycle's folder -> sha256."""


@dataclass(frozen=True)
class Decided:
    """What a decision came to."""

    stopped: Mapping[str, str]
    """Branch -> reason."""
    judged: Sequence[Mapping[str, object]]
    """What was judged for it, rule by rule, for people."""


class CycleState:
    """All of a cycle so far; each record of the ledger moves it on."""

    def __init__(self, graph: Graph, retries: int) -> None:
        self.graph, self.retries = graph, retries
        self.tasks: dict[str, TaskState] = {name: TaskState("waiting") for name in graph.tasks}
        self.decided: dict[str, Decided] = {}
        self.stopped_stages: dict[str, str] = {}
        """CycleStage -> why all that had not begun of it was stopped."""
        self.steps: dict[str, int] = {}
        """Step of the finish -> exit code."""
        self.begun: datetime | None = None
        self.halted: str | None = None
        """Why it does not go on by itself; None where it does, or has finished."""
        self.rested: datetime | None = None
        """When it finished, or was halted; None while it goes on."""
        self.code: int | None = None
        """Exit code of a cycle that has finished."""
        self.piece_seconds = 0.0
        self.ready: dict[str, None] = {}
        """Tasks that could start now, in the graph's order of their becoming so."""
        self.undecided: dict[str, None] = {}
        """Decisions that can be taken now."""
        self._ended = 0
        self._left: dict[str, int] = {}
        self._followers: dict[str, list[str]] = {}
        nodes: list[tuple[str, tuple[str, ...]]] = [(one.id, one.after) for one in graph.tasks.values()]
        nodes += [(one.id, one.after) for one in graph.decisions.values()]
        for name, after in nodes:
            self._left[name] = len(after)
            for other in after:
                self._followers.setdefault(other, []).append(name)
        for name, after in nodes:
            if not after:
                self._free(name)

    @property
    def device_seconds(self) -> float:
        """Seconds of devices held, by all attempts."""
        return self.piece_seconds + sum(one.device_seconds for one in self.tasks.values())

    @property
    def ended(self) -> int:
        """How many tasks need nothing more."""
        return self._ended

    def take(self, record: Record) -> None:
        """Move on by one record; what the plan does not know is passed over."""
        event, name = record["event"], record.get("task")
        if event == "cycle_run":
            self._run_again(record)
        elif event == "halted":
            self.halted, self.rested = str(record["reason"]), moment(record["time"])
        elif event == "finished":
            self.code, self.halted, self.rested = int(record["code"]), None, moment(record["time"])
        elif event == "decided" and record["decision"] in self.graph.decisions:
            judged = [_judged(one) for one in record.get("judged", ())]
            self.decided[record["decision"]] = Decided(dict(record["stopped"]), judged)
            self.undecided.pop(record["decision"], None)
            self._follow(record["decision"])
        elif event == "stage_stopped":
            self._stop_stage(str(record["stage"]), str(record["reason"]))
        elif event == "step_ended":
            self.steps[record["step"]] = int(record["code"])
        elif event == "piece_ended":
            self.piece_seconds += float(record["device_seconds"])
        elif name in self.tasks:
            self._task(str(name), record)

    def _run_again(self, record: Record) -> None:
        self.begun = self.begun or moment(record["time"])
        self.halted = self.code = self.rested = None
        # Whoever drove before is dead: what it had started is to be done again.
        for key, one in self.tasks.items():
            if one.state == "running":
                self.tasks[key] = replace(one, state="waiting", reason="", losses=0)
                self.ready[key] = None
            elif one.state == "waiting" and one.losses:
                self.tasks[key] = replace(one, losses=0)

    def _task(self, name: str, record: Record) -> None:
        before = self.tasks[name]
        if before.state in ENDED:
            return
        event = record["event"]
        if event == "started":
            self.tasks[name] = replace(before, state="running", started=moment(record["time"]), reason="")
            self.ready.pop(name, None)
        elif event == "interrupted":
            spent = before.device_seconds + float(record["device_seconds"])
            self.tasks[name] = replace(before, state="waiting", device_seconds=spent)
            self.ready[name] = None
        elif event == "ended":
            lost = record.get("lost") is True
            attempts, seconds = before.attempts + (not lost), float(record["seconds"])
            spent = before.device_seconds + float(record["device_seconds"])
            one = replace(before, state="done", attempts=attempts, device_seconds=spent, seconds=seconds, reason="")
            if record["ok"]:
                self._end(name, replace(one, outputs=dict(record["outputs"])))
            else:
                one = replace(one, state="waiting", reason=str(record["reason"]), losses=before.losses + lost)
                if one.losses <= MOST_LOSSES if lost else record["again"] and attempts <= self.retries:
                    self.tasks[name] = one
                    self.ready[name] = None
                else:
                    self._end(name, replace(one, state="failed", lost=lost))

    def _end(self, name: str, one: TaskState) -> None:
        self.tasks[name] = one
        self._ended += 1
        self.ready.pop(name, None)
        self._follow(name)

    def _follow(self, name: str) -> None:
        """Free what waited for a task or decision that has ended; a chain of any length, without recursion."""
        ended = [name]
        while ended:
            for follower in self._followers.get(ended.pop(), ()):
                self._left[follower] -= 1
                if self._left[follower] == 0 and self._free(follower):
                    ended.append(follower)

    def _free(self, name: str) -> bool:
        """Make ready what waits for nothing more, and return whether it ended by that."""
        if name in self.graph.decisions:
            self.undecided[name] = None
            return False
        task, one = self.graph.tasks[name], self.tasks[name]
        if one.state in ENDED:
            return False  # stopped with its stage, which was followed then
        why = self._kept_from_running(task)
        if why is None:
            self.ready[name] = None
            return False
        self.tasks[name] = replace(one, state=why[0], reason=why[1])
        self._ended += 1
        return True

    def _kept_from_running(self, task: Task) -> tuple[State, str] | None:
        if task.stage in self.stopped_stages:
            return "stopped", self.stopped_stages[task.stage]
        for name in task.after:
            decision = self.decided.get(name)
            if decision is not None and task.branch in decision.stopped:
                return "stopped", decision.stopped[task.branch]
        for name in task.requires:
            if self.tasks[name].state != "done":
                return "not_run", f"{name} {_became(self.tasks[name].state)}"
        return None

    def _stop_stage(self, stage: str, reason: str) -> None:
        self.stopped_stages.setdefault(stage, reason)
        for name, task in self.graph.tasks.items():
            if task.stage == stage and self.tasks[name].state == "waiting":
                self._end(name, replace(self.tasks[name], state="stopped", reason=reason))


def state_of(graph: Graph, records: Iterable[Record], retries: int) -> CycleState:
    """Read a ledger against the plan's graph; what was lost since, or is to be tried again, has not happened.

    Raises:
        GatekitError: `ledger.record`: a record lacks what those of its event have.
    """
    state = CycleState(graph, retries)
    kept = list(records)
    place, record = 0, kept[0] if kept else {}
    try:
        void = void_records(graph, kept)
        for place, record in enumerate(kept):
            if place not in void:
                state.take(record)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        message = f"record {place + 1} ('{str(record.get('event'))[:40]}') is none that a cycle writes: {error!r:.80}"
        remedy = "put the ledger back as it was, or begin the cycle anew under another id"
        raise GatekitError("ledger.record", message, Location(NAME), remedy) from None
    return state


def _judged(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a rule found; raises KeyError or TypeError where it lacks what every snapshot shows of it."""
    shown = [found["policy"], found["rule"]]
    shown += [gate[key] for gate in found.get("gates", ()) for key in ("name", "outcome", "why")]
    keys = ("branch", "rank", "on_front", "standing", "reasons")
    shown += [one[key] for one in found.get("candidates", ()) for key in keys]
    return found if shown else {}


def _became(state: State) -> str:
    return {"failed": "failed", "stopped": "was stopped"}.get(state, "was not run")
