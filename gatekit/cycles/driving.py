"""Driving a cycle: start what is ready, record what ends, decide, and stop where a limit is reached.

All that is known stands in the ledger before anything depends on it. So whoever gives the same command after any death
goes on where it was, and what was being measured then is found in the runners' cache.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatekit.cycles.endings import found_no_room, is_hopeless, why_ended
from gatekit.cycles.engine import Ended, Engine, Job
from gatekit.cycles.finishing import finish
from gatekit.cycles.graph import Graph, Task
from gatekit.cycles.halting import Halted, Ousted, Watch
from gatekit.cycles.ledger import Ledger, Record
from gatekit.cycles.left_by_tasks import given_saes, lost_outputs, outputs_of, to_run_again
from gatekit.cycles.meaning import WatchedFiles, file_digests, meaning
from gatekit.cycles.pieces import PieceQueue
from gatekit.cycles.plan import Budget, Cycle, Needs
from gatekit.cycles.resources import lacking, no_room, size_of
from gatekit.cycles.signals import noted_signals
from gatekit.cycles.snapshot_words import duration
from gatekit.cycles.state import CycleState, state_of
from gatekit.cycles.stopping import StopJudge, too_many_failed
from gatekit.cycles.undone import tasks_behind
from gatekit.errors import GatekitError, Location
from gatekit.evidence.object_store import is_url
from gatekit.exit_codes import ExitCode

LOOK = 1.0
"""Seconds between looks at what was asked and spent, while tasks run."""
DISK_LOOK = 30.0
"""Seconds between measurements of the cycle's own size, where the budget limits it."""
NO_NEEDS = Needs()
ROUNDS = 3
"""Times that a driver measures again what is gone from its folder."""


@dataclass
class Driver:
    """One process that drives one cycle."""

    cycle: Cycle
    graph: Graph
    folder: Path
    engine: Engine
    judge: StopJudge
    cache: str | None = None
    """For the runners; None for their own default."""
    in_pieces: bool = False
    """Whether runners are asked for the pieces that can be made side by side."""
    track: str | None = None
    """Service that takes the curves of training, `wandb` or `tensorboard`; None for none."""
    slots: int = 1
    """Tasks or processes with pieces that can run side by side."""
    on_change: Callable[[CycleState], None] = lambda _state: None
    """Called after every record, to show it."""
    say: Callable[[str], None] = lambda _line: None
    is_held: Callable[[], bool] = lambda: True
    """Whether the lease of the cycle is still this process's."""
    state: CycleState = field(init=False)
    pieces: PieceQueue = field(init=False)
    ledger: Ledger = field(init=False)
    _devices: dict[str, int] = field(default_factory=dict)
    _written: dict[str, int] = field(default_factory=dict)
    """Bytes of the log of what runs, before it was started."""
    _batches: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """First key -> all keys of the pieces that one process makes."""
    _own_size: tuple[float, int] | None = None
    """When it was measured, by a clock that never steps, and bytes."""
    _watch: Watch = field(init=False)
    is_begun: bool = False
    """Whether the plan is the one that was begun, so that there is a state to show."""

    def run(self, finished: bool = False) -> CycleState:
        """Run all tasks and decisions, and return the state in which nothing is left to start.

        Args:
            finished: whether what is left to do at the end is done too, so that the state has an exit code.

        Raises:
            Halted: a limit, a request or a signal ended it before.
            GatekitError: the plan changed since it was begun, or a stop rule's input is refused.
        """
        self.ledger = Ledger(self.folder / "ledger.jsonl")
        records = self.ledger.read()
        digests, told = file_digests(self.cycle, self.graph), meaning(self.cycle, self.graph)
        self._refuse_other_plan(records, told, digests)
        self.state = state_of(self.graph, records, self.cycle.retries)
        self.pieces = PieceQueue(self.cycle.retries)
        first = self.ledger.write("cycle_run", cycle=self.cycle.id, plan=self.cycle.sha256, meaning=told, files=digests)
        self.state.take(first)
        self.is_begun = True
        self._watch = Watch(self.cycle.id, self.folder, self.is_held, WatchedFiles(digests))
        with noted_signals() as self._watch.received:
            try:
                self._undo(to_run_again(self.state, self.folder))
                for _ in range(ROUNDS):
                    while self._step():
                        pass
                    if not self._undo(lost_outputs(self.state, self.folder)):
                        break
                else:
                    raise Halted(f"summaries are taken out of {self.folder} as it runs", ExitCode.INCONCLUSIVE)
                if finished:
                    code = finish(self.cycle, self.state, self.folder, self._record, self._watch.look, self.say)
                    self._record("finished", code=int(code))
            except Ousted:
                self.engine.stop()  # the ledger is the other's now
                raise
            except BaseException as error:
                self._interrupt()
                if isinstance(error, Halted):
                    self._record("halted", reason=error.reason)
                elif isinstance(error, GatekitError) and error.error_id != "cycle.disk":
                    self._record("halted", reason=str(error))
                raise
        return self.state

    def _undo(self, lost: Mapping[str, str]) -> bool:
        """Have tasks done again, each for a reason; return whether there are any."""
        for task, reason in lost.items():
            self._record("undone", task=task, reason=reason)
            self.say(f"{task}: {reason}; it is run again")
        if lost:
            self.state = state_of(self.graph, self.ledger.read(), self.cycle.retries)
        return bool(lost)

    def _step(self) -> bool:
        """Do what can be done now; return whether anything is left to do."""
        self._watch.look()
        self._decide()
        spent = self._over_budget()
        ready = list(self.state.ready)
        lacks = None if spent else self._start()
        if self._devices:
            for ended in self.engine.wait(LOOK):
                self._ended(ended)
            return True
        if spent or lacks:
            raise Halted(spent or str(lacks), ExitCode.INCONCLUSIVE)
        if self.in_pieces and ready and list(self.state.ready) == ready:
            self.pieces.give_up()  # nothing runs, and nothing could be started
        return bool(self.state.ready or self.state.undecided or self.pieces.any_ready)

    def _decide(self) -> None:
        for name in list(self.state.undecided):
            if self._undo(lost_outputs(self.state, self.folder, tasks_behind(self.graph, name))):
                return  # it is decided once they are there again
            decided = self.judge.decide(self.graph.decisions[name], self.state, datetime.now(UTC))
            self._record("decided", decision=name, stopped=dict(decided.stopped), judged=list(decided.judged))
            for branch, reason in decided.stopped.items():
                self.say(f"{name}: {branch} is stopped: {reason}")

    def _over_budget(self) -> str | None:
        """Return why nothing new may start; None where something may."""
        budget = self.cycle.budget
        begun = self.state.begun
        if budget.wall is not None and begun is not None and datetime.now(UTC) - begun >= budget.wall:
            return f"the budget of {budget.wall} since it was begun is spent"
        if budget.device_hours is not None and self.state.device_seconds >= budget.device_hours * 3600:
            return f"the budget of {budget.device_hours:g} device hours is spent"
        if budget.disk is not None and self._size() >= budget.disk:
            return f"the cycle's folder has {self._size()} bytes; its budget is {budget.disk}"
        return None

    def _stage_over_budget(self, stage: str, budget: Budget) -> str | None:
        if budget.device_hours is None:
            return None
        spent = sum(one.device_seconds for name, one in self.state.tasks.items() if self._stage(name) == stage)
        if spent < budget.device_hours * 3600:
            return None
        return f"the stage's budget of {budget.device_hours:g} device hours is spent"

    def _size(self) -> int:
        now = time.monotonic()
        if self._own_size is None or now - self._own_size[0] > DISK_LOOK:
            self._own_size = (now, size_of(self.folder))
        return self._own_size[1]

    def _stage(self, task: str) -> str:
        return self.graph.tasks[task].stage

    def _start(self) -> str | None:
        """Start all that there is room for; return what is lacking where a task could not start for that."""
        for name in list(self.state.ready):
            if not self.engine.has_room(NO_NEEDS):
                break
            task = self.graph.tasks[name]
            if name not in self.state.ready:
                continue  # its stage was stopped a moment ago
            stage = self.cycle.stages[task.stage]
            why = self._stage_over_budget(stage.name, stage.budget)
            if why is not None:
                self._record("stage_stopped", stage=stage.name, reason=why)
                self.say(f"{stage.name}: {why}")
                continue
            if not self.engine.could_ever(task.needs):
                return f"{name} needs {task.needs.gpus} GPUs, and there are not as many here"
            if self.in_pieces:
                if not self.pieces.are_known(name):
                    if self.engine.has_room(task.needs):
                        self._launch(f"units/{name}", task, (*self._argv(task), "--units"))
                        self.pieces.asked(name)
                    continue
                if self.pieces.are_left(name):
                    lacks = self._start_pieces(name, task)
                    if lacks:
                        return lacks
                    continue
            if not self.engine.has_room(task.needs):
                continue
            lacks = lacking(task.needs, self._places())
            if lacks:
                return f"{name} was not started: {lacks}"
            self._launch(name, task, self._argv(task))
            self._record("started", task=name)
        return None

    def _start_pieces(self, name: str, task: Task) -> str | None:
        while self.engine.has_room(task.needs) and (keys := self.pieces.next_batch(name, self.slots)):
            lacks = lacking(task.needs, self._places())
            if lacks:
                return f"a piece of {name} was not started: {lacks}"
            only = (part for key in keys for part in ("--only", key))
            self._launch(f"piece/{keys[0]}", task, (*self._argv(task), *only))
            self.pieces.started(keys)
            self._batches[keys[0]] = keys
        return None

    def _places(self) -> tuple[Path, ...]:
        """Return the folders that tasks write to."""
        return (self.folder, *(() if self.cache is None or is_url(self.cache) else (Path(self.cache),)))

    def _launch(self, name: str, task: Task, argv: tuple[str, ...]) -> None:
        log = self._log(name)
        self._written[name] = log.stat().st_size if log.exists() else 0
        try:
            self.engine.start(Job(name, argv, task.needs, log, self._labels(task)))
        except OSError as error:
            raise Halted(f"{name} could not be started: {error.strerror or error}", ExitCode.INCONCLUSIVE) from None
        self._devices[name] = max(1, task.needs.gpus)

    def _labels(self, task: Task) -> dict[str, str]:
        """Return how W&B sorts a task's run among those of its cycle; its name is the task's."""
        if self.track != "wandb":
            return {}
        tags = ",".join((task.phase, task.branch))
        return {"WANDB_RUN_GROUP": self.cycle.id, "WANDB_JOB_TYPE": task.stage, "WANDB_TAGS": tags}

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _argv(self, task: Task) -> tuple[str, ...]:
        told = [f"{key}={value}" for key, value in task.settings]
        if task.saes_of is not None:
            told = [*given_saes(self.folder / "artifacts" / task.saes_of), *told]
        settings = [part for setting in told for part in ("--set", setting)]
        cache = () if self.cache is None else ("--cache", self.cache)
        out = str(self.folder / "evidence" / task.out / task.runner)
        kept = (self.folder / "artifacts" / task.out / task.runner).absolute()
        if self.track is not None:
            kept /= task.id.replace("/", ".")  # the name of its curves
        artifacts = ("--artifacts", str(kept)) if task.keeps_saes or self.track is not None else ()
        track = ("--track", self.track) if self.track is not None else ()
        return (
            *(sys.executable, "-m", "gatekit", "run", task.runner, "--config", task.config, *settings),
            *("--out", out, *cache, *artifacts, *track),
        )

    def _ended(self, ended: Ended) -> None:
        devices, log = self._devices.pop(ended.name), self._log(ended.name)
        before = self._written.pop(ended.name)
        spent = {"seconds": round(ended.seconds, 3), "device_seconds": round(ended.seconds * devices, 3)}
        kind, _, rest = ended.name.partition("/")
        # Also of what is refused: a folder that takes nothing more cannot be told from one that may not be written.
        full = None if ended.code == 0 else no_room(self._places())
        if full is None and found_no_room(ended, log, before):
            full = f"a disk, or a quota, that {ended.name} writes to is full; {log} has what it wrote"
        if full is not None:
            # It is no attempt: all that is started on a full disk fails, and would have failed for good.
            self._watch.full = full
            if ended.name in self.graph.tasks:
                self._record("interrupted", task=ended.name, device_seconds=spent["device_seconds"])
            return
        if kind == "units":
            self.pieces.learn(rest, ended.code, log)
            return
        if kind == "piece":
            keys = self._batches.pop(rest)
            self.pieces.ended(keys, ended)
            self._record("piece_ended", pieces=list(keys), code=ended.code, **spent)
            return
        task = self.graph.tasks[ended.name]
        if ended.code == 0 and self._watch.files.changed() is not None:
            # Nobody knows by which of the two it was measured.
            self._record("interrupted", task=ended.name, device_seconds=spent["device_seconds"])
            return
        outputs, wrong = outputs_of(task, self.folder)
        if ended.code == 0 and wrong is None:
            self._record("ended", task=task.id, config=task.config, ok=True, code=0, outputs=outputs, **spent)
            self.say(f"{task.id}: done in {duration(ended.seconds)} ({self.state.ended} of {len(self.graph.tasks)})")
        else:
            reason = why_ended(ended, log, before, wrong)
            told = {"again": not is_hopeless(ended) and ended.code != 0, "lost": ended.lost and ended.code != 0}
            self._record("ended", task=task.id, ok=False, code=ended.code, reason=reason, **told, **spent)
            self.say(f"{task.id}: {reason}")
        stage = self.cycle.stages[task.stage]
        names = [name for name, one in self.graph.tasks.items() if one.stage == task.stage] if stage.stops else []
        why = too_many_failed(stage, self.state, names) if names else None
        if why is not None and stage.name not in self.state.stopped_stages:
            self._record("stage_stopped", stage=stage.name, reason=why)
            self.say(f"{stage.name}: {why}")

    def _refuse_other_plan(self, records: list[Record], now: str, digests: Mapping[str, str | None]) -> None:
        if records and records[0]["event"] != "cycle_run":
            message = f"the ledger does not begin with the plan that was run, but with '{records[0]['event']}'"
            remedy = "put the ledger back as it was, or begin the cycle anew under another id"
            raise GatekitError("ledger.damaged", message, Location(str(self.ledger.path)), remedy)
        if not records:
            return
        files = records[0].get("files", {})
        changed = [path for path, digest in digests.items() if files.get(path, digest) != digest]
        if records[0]["meaning"] != now or changed:
            what = f"the plan of '{self.cycle.id}', or a file that it names"
            named = f": {', '.join(changed[:3])}" if changed else ""
            message = f"{what}, has changed since it was begun in {self.folder}{named}"
            remedy = "give the changed plan an id of its own, or put the old one back"
            raise GatekitError("cycle.changed", message, self.cycle.location, remedy)

    def _interrupt(self) -> None:
        for ended in self.engine.stop():
            devices = self._devices.pop(ended.name, 1)
            if ended.name in self.graph.tasks:
                self._record("interrupted", task=ended.name, device_seconds=round(ended.seconds * devices, 3))

    def _record(self, event: str, **facts: Any) -> None:
        self._watch.own()
        self.state.take(self.ledger.write(event, **facts))
        self.on_change(self.state)
