"""What is done once all stages of a cycle have ended: select, judge, write the dossier, audit the claims.

Each step is the command that a person would type, in a process of its own; the exit code of the judging is the cycle's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatekit.cycles.endings import last_words
from gatekit.cycles.graph import base_stages, family, phase_for, root_of
from gatekit.cycles.plan import Cycle, CycleStage, Phase
from gatekit.cycles.processes import die_with_parent
from gatekit.cycles.snapshot_words import ended_as
from gatekit.cycles.state import CycleState
from gatekit.exit_codes import ExitCode, worst

STARTS = 3
"""Attempts at a step whose process is killed."""


@dataclass(frozen=True)
class Step:
    """One command of the finish."""

    name: str
    argv: tuple[str, ...]
    """After `gatekit`."""


def steps(cycle: Cycle, state: CycleState, folder: Path) -> Iterator[Step]:
    """Yield the commands of a finish in their order; each is asked for once the one before has ended."""
    finish = cycle.finish
    candidate: tuple[str, ...] = ()
    if finish.select is not None:
        read, given_up = evidence_of(cycle, state, folder, finish.select.among)
        if not read:
            yield from _audit(cycle)  # nothing of its own was measured to the end; no other evidence stands in for it
            return
        selected = folder / "selected"
        aside = [part for path in given_up for part in ("--set-aside", path)]
        named = ("--policy", finish.select.policy, "--out", str(selected), "--replace")
        yield Step("select", ("select", *read, *aside, *named))
        read += given_up  # the candidate file is confirmed on all that was compared
        if state.steps.get("select") != ExitCode.PASS:
            # Nothing was selected, so there is nothing to judge; what is published already is audited all the same.
            yield from _audit(cycle)
            return
        candidate = ("--candidate", str(selected / "candidate.json"))
    else:
        read, _ = evidence_of(cycle, state, folder, tuple(cycle.stages))
        if not read:
            yield from _audit(cycle)
            return
    given = [*(part for path in read for part in ("--evidence", path)), *_base(cycle, folder)]
    if finish.check is not None:
        outputs = [
            *("--output", f"json={folder / 'verdict.json'}"),
            *("--output", f"markdown={folder / 'verdict.md'}"),
            *("--output", f"html={folder / 'verdict.html'}"),
        ]
        yield Step("check", ("check", "--policy", finish.check, *given, *candidate, *outputs))
    if finish.dossier and finish.check is not None:
        out = str(folder / "dossier")
        yield Step("dossier", ("dossier", "--policy", finish.check, *given, *candidate, "--out", out))
    yield from _audit(cycle)


def _audit(cycle: Cycle) -> Iterator[Step]:
    if cycle.finish.claims:
        yield Step("claims", ("claims", "check"))


def evidence_of(cycle: Cycle, state: CycleState, folder: Path, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the evidence of stages: of all branches that were measured to the end, and the pilots of the others.

    A branch that was stopped, or failed after its pilot, was compared too: it is never released, and whoever is
    selected pays for it.
    """
    found: list[str] = []
    given_up: list[str] = []
    for name in names:
        stage = cycle.stages[name]
        gone = stopped_branches(cycle, state, stage)
        for branch in stage.branches:
            full = _measured(state, folder, name, branch.name, phase_for(stage, "full"))
            if full is not None and branch.name not in gone:
                found.append(full)
                continue
            pilot = _measured(state, folder, name, branch.name, "pilot")
            if pilot is not None:
                given_up.append(pilot)
    return found, given_up


def _measured(state: CycleState, folder: Path, stage: str, branch: str, phase: Phase) -> str | None:
    """Return the folder of what a branch measured in a phase; None where no task of it was done."""
    tasks = [t.id for t in state.graph.tasks.values() if (t.stage, t.branch, t.phase) == (stage, branch, phase)]
    if not any(state.tasks[name].state == "done" for name in tasks):
        return None
    return str(folder / "evidence" / phase / stage / branch)


def unexcused(state: CycleState) -> list[str]:
    """Return the tasks that failed, or were not run for that, in stages that no rule has stopped for it."""
    broken = [name for name, one in state.tasks.items() if one.state in ("failed", "not_run")]
    return [name for name in broken if state.graph.tasks[name].stage not in state.stopped_stages]


def stopped_branches(cycle: Cycle, state: CycleState, stage: CycleStage) -> dict[str, str]:
    """Return branch -> reason of all branches of a stage that were stopped after their pilot."""
    found: dict[str, str] = {}
    root = root_of(stage)
    for name in (f"decide/{root}", *(f"decide/{root}/{branch.name}" for branch in stage.branches)):
        if name in state.decided:
            found.update(state.decided[name].stopped)
    for member in family(cycle, root):
        if member.name in state.stopped_stages and "pilot" in stage.phases:
            for branch in stage.branches:
                full = [
                    state.tasks[task.id].state
                    for task in state.graph.tasks.values()
                    if (task.stage, task.branch, task.phase) == (stage.name, branch.name, "full")
                ]
                if full and all(one != "done" for one in full):
                    found.setdefault(branch.name, state.stopped_stages[member.name])
    return found


def _base(cycle: Cycle, folder: Path) -> list[str]:
    base = cycle.finish.base
    if base is None:
        return []
    stage = cycle.stages.get(base)
    paths = [base]
    if stage is not None:
        stages = base_stages(cycle, stage)
        paths = [str(folder / "evidence" / phase_for(one, "full") / one.name) for one in stages]
    return [part for path in paths for part in ("--base-evidence", path)]


def carry_out(step: Step, log: Path) -> int:
    """Run one step and return its exit code; what it prints goes to a log, and it does not outlive this process."""
    log.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(STARTS):
        with open(log, "wb") as file:
            done = subprocess.run(
                [sys.executable, "-m", "gatekit", *step.argv],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
                env={**os.environ, "NO_COLOR": "1"},
                preexec_fn=die_with_parent(),
            )
        if done.returncode != -signal.SIGKILL:
            break
    return done.returncode if done.returncode in list(ExitCode) else ExitCode.INTERNAL


def why_not_passed(step: Step, code: int, log: Path) -> str | None:
    """Return in one line how a step ended; None where it passed, or where the verdict says why it did not."""
    if code == ExitCode.PASS or (step.name == "check" and code in (ExitCode.BLOCKED, ExitCode.INCONCLUSIVE)):
        return None
    said = last_words(log, 0)
    return f"{step.name}: {ended_as(code)}{f': {said}' if said else ''}; {log} has what it wrote"


def finish(
    cycle: Cycle,
    state: CycleState,
    folder: Path,
    record: Callable[..., None],
    look: Callable[[], None],
    say: Callable[[str], None],
) -> ExitCode:
    """Carry out all steps and return the cycle's exit code.

    Args:
        cycle: the plan.
        state: in which every task has ended; `record` moves it on.
        folder: of the cycle.
        record: appends to the ledger.
        look: raises where something keeps the cycle from going on; called around each step.
        say: told of each step that did not pass, where no verdict says why.
    """
    codes: dict[str, ExitCode] = {}
    for step in steps(cycle, state, folder):
        look()
        log = folder / "logs" / "finish" / f"{step.name}.log"
        code = carry_out(step, log)
        look()  # a step that was interrupted together with this process has no end of its own
        record("step_ended", step=step.name, code=code)
        codes[step.name] = ExitCode(code)
        why = why_not_passed(step, code, log)
        if why is not None:
            say(why)
    judged = [codes[name] for name in ("select", "check", "claims") if name in codes]
    wanted = cycle.finish.check is not None or cycle.finish.select is not None
    if wanted and not {"select", "check"} & set(codes):
        judged.append(ExitCode.INCONCLUSIVE)  # nothing was measured that could be judged
    if unexcused(state) or not any(one.state == "done" for one in state.tasks.values()):
        # What was planned and not measured is missing, whatever the rest is judged as.
        judged.append(ExitCode.INCONCLUSIVE)
    if not judged:
        judged.append(ExitCode.INCONCLUSIVE)  # all was measured, and nothing was judged: that is no pass
    return worst(judged)


def judges_nothing(cycle: Cycle) -> bool:
    """Whether a plan's end judges nothing, so that it measures and can never pass."""
    end = cycle.finish
    return end.check is None and end.select is None and not end.claims
