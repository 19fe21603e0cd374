"""A cycle from its first task to its exit code: who may drive it, what it runs on, and what it leaves."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gatekit.cycles.driving import Driver
from gatekit.cycles.engine import Engine
from gatekit.cycles.finishing import judges_nothing, unexcused
from gatekit.cycles.graph import Graph, graph_of
from gatekit.cycles.halting import STOP_REQUEST, Halted, Ousted
from gatekit.cycles.lease import driving, holder
from gatekit.cycles.ledger import Ledger
from gatekit.cycles.linting import lint_cycle
from gatekit.cycles.monitor import write_snapshots
from gatekit.cycles.plan import Cycle
from gatekit.cycles.processes import Processes
from gatekit.cycles.progress import progress_of
from gatekit.cycles.reading import cycle_path, read_cycle
from gatekit.cycles.resources import nearest
from gatekit.cycles.state import CycleState, state_of
from gatekit.cycles.stopping import StopJudge
from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.kind_files import own_kinds
from gatekit.evidence.object_store import is_url, open_store
from gatekit.exit_codes import ExitCode
from gatekit.kinds import FOLDER as KINDS
from gatekit.kinds import INSTALLED

SNAPSHOT_EVERY = 2.0
"""Seconds between snapshots, at least."""
MOST_NAMED = 5
"""Tasks that are named at the end; all of them stand in the monitor."""
WAIT = 5.0
"""Seconds between looks at a cycle that is waited for."""
_GPU = re.compile(r"[0-9]{1,4}|(GPU|MIG)-[A-Za-z0-9/-]{1,100}", re.ASCII)
"""As CUDA_VISIBLE_DEVICES names one: by number, or by UUID."""


@dataclass(frozen=True)
class RunOptions:
    """How a cycle is run; none of it may change a number."""

    runs: Path
    cache: str | None
    slots: int
    gpus: tuple[str, ...]
    in_pieces: bool
    retry_failed: bool
    wait: bool
    track: str | None = None
    """Where the curves of training go: `wandb`, `tensorboard`, or nowhere."""
    cluster: str | None = None
    """Address of a Ray cluster, "local" to start one here; None for processes of this machine."""


def run_cycle(cycle: Cycle, graph: Graph, options: RunOptions, say: Callable[[str], None]) -> int:
    """Run a cycle to its end and return its exit code.

    Raises:
        UsageError: an option says what cannot be, or the cycle was stopped as asked.
        GatekitError: the plan is unsound or was changed, another process drives it, or evidence is refused.
    """
    _check_options(options)
    kinds = own_kinds(KINDS) if Path(KINDS).is_dir() else INSTALLED
    for error in lint_cycle(cycle, kinds)[:1]:
        raise error
    folder = options.runs / cycle.id
    if (folder / STOP_REQUEST).exists():
        raise UsageError(f"'{cycle.id}' was stopped as asked", f"`gatekit cycle resume {cycle.id}` goes on")
    _wait_for_other(cycle, options, say)
    with driving(folder, cycle.id) as is_held:
        ledger = Ledger(folder / "ledger.jsonl")
        if options.retry_failed:
            for name, one in state_of(graph, ledger.read(), cycle.retries).tasks.items():
                if one.state == "failed":
                    ledger.write("undone", task=name, reason="it is tried again, as asked")
        shown = _Shown(cycle, graph, folder)
        driver = Driver(
            cycle=cycle,
            graph=graph,
            folder=folder,
            engine=_engine(options),
            judge=StopJudge(cycle, folder / "evidence", kinds),
            cache=options.cache,
            in_pieces=options.in_pieces,
            track=options.track,
            slots=options.slots,
            on_change=shown.changed,
            say=say,
            is_held=is_held,
        )
        try:
            state = driver.run(finished=True)
        except (Halted, GatekitError) as halted:
            if not isinstance(halted, Ousted) and driver.is_begun:
                shown.write(driver.state, driven=False)
            if isinstance(halted, GatekitError):
                raise
            say(halted.reason)
            return halted.code
        code = int(state.code if state.code is not None else ExitCode.INTERNAL)
        shown.write(state)
        for name in unexcused(state)[:MOST_NAMED]:
            say(f"{name} was planned and is not measured, so nothing passes")
        if judges_nothing(cycle):
            say(f"nothing was judged, so nothing passes: {cycle.path} has no finish.check")
        written = [path for path in (folder / "monitor.md", folder / "verdict.md") if path.exists()]
        say(f"finished with exit code {code}: {', '.join(map(str, written))}")
        return code


def _check_options(options: RunOptions) -> None:
    """Refuse before anything is started what every task would end with, or share by mistake."""
    for gpu, count in Counter(options.gpus).items():
        if not _GPU.fullmatch(gpu):
            raise UsageError(f"--gpus names no GPU '{gpu}'", "write their numbers, as 0,1, or their UUIDs")
        if count > 1:
            raise UsageError(f"--gpus names {gpu} {count} times", "each is given to one task at a time")
    if options.cache is None:
        return
    if is_url(options.cache):
        open_store(options.cache)
    elif os.path.lexists(options.cache) and not os.path.isdir(options.cache):
        raise UsageError(f"--cache: '{options.cache}' is no folder", "give a folder, which is made where none is")
    elif not os.access(nearest(Path(options.cache)), os.W_OK):
        raise UsageError(f"--cache: '{options.cache}' may not be written", "checkpoints are kept there too")


def _engine(options: RunOptions) -> Engine:
    if options.cluster is None:
        return Processes(options.slots, options.gpus)
    from gatekit.cycles.ray_engine import RayCluster

    return RayCluster(options.slots, None if options.cluster == "local" else options.cluster)


def _wait_for_other(cycle: Cycle, options: RunOptions, say: Callable[[str], None]) -> None:
    """Return once the cycle that must have finished before has.

    Raises:
        GatekitError: `cycle.after`, exit code 3: it has not, and is not to be waited for.
    """
    if cycle.after_cycle is None:
        return
    said = None
    while True:
        why = _unfinished(cycle.after_cycle, options.runs)
        if why is None:
            return
        if not options.wait:
            message = f"'{cycle.id}' starts after '{cycle.after_cycle}', which {why}"
            raise GatekitError(
                "cycle.after", message, cycle.location, "--wait waits for it", exit_code=ExitCode.INCONCLUSIVE
            )
        if said != why:
            say(f"waiting for '{cycle.after_cycle}', which {why}")
            said = why
        time.sleep(WAIT)


def _unfinished(name: str, runs: Path) -> str | None:
    try:
        other = read_cycle(cycle_path(name))
    except UsageError:
        return "is no cycle here"
    records = Ledger(runs / other.id / "ledger.jsonl").read()
    state = state_of(graph_of(other), records, other.retries)
    if state.begun is None:
        return "was not begun"
    if state.code is not None:
        return None
    driver = holder(runs / other.id)
    return f"{driver.words} drives" if driver is not None else "has not finished, and nobody drives it"


class _Shown:
    """Writes snapshots as the state changes, not more often than anyone looks."""

    def __init__(self, cycle: Cycle, graph: Graph, folder: Path) -> None:
        self.cycle, self.graph, self.folder = cycle, graph, folder
        self.last = 0.0

    def changed(self, state: CycleState) -> None:
        if time.monotonic() - self.last >= SNAPSHOT_EVERY:
            self.write(state)

    def write(self, state: CycleState, driven: bool = True) -> None:
        """Write the snapshots; `driven` is False where this process holds the lease but does not go on."""
        found = holder(self.folder) if driven else None
        words = None if found is None else found.words
        write_snapshots(progress_of(self.cycle, self.graph, state, words), self.folder)
        self.last = time.monotonic()
