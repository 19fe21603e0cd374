"""The graph of a cycle: every task and every decision, and what each of them waits for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from gatekit.cycles.plan import Branch, Cycle, CycleStage, FailedRuns, Needs, Phase, PolicyStop, Settings, StopRule
from gatekit.errors import GatekitError

MOST_TASKS = 100_000
"""Tasks of a cycle."""
MOST_WAITS = 2_000_000
"""Tasks for which the tasks of a cycle wait, counted for each that waits."""


@dataclass(frozen=True)
class Task:
    """One run of one runner: one stage, one branch, one phase."""

    id: str
    """PHASE/STAGE/BRANCH/RUNNER."""
    stage: str
    branch: str
    phase: Phase
    runner: str
    config: str
    settings: Settings
    """Over the configuration, the seeds among them; where a key occurs twice, the later one holds."""
    out: str
    """Folder of its summaries, relative to the cycle's evidence; the runners of one branch share it."""
    needs: Needs
    after: tuple[str, ...]
    """Tasks and decisions that must have ended."""
    requires: tuple[str, ...]
    """Those of them that must have been done, not merely have ended."""
    saes_of: str | None = None
    """Folder of artifacts, like `out`, whose SAEs it measures: then those name the seeds."""
    keeps_saes: bool = False
    """Whether another task measures what it leaves."""


@dataclass(frozen=True)
class Decision:
    """Whether a branch, or which branches of a stage, go on from pilot to full."""

    id: str
    """decide/STAGE/BRANCH, or decide/STAGE for what is decided of all branches together."""
    stage: str
    """That whose branches they are."""
    branch: str | None
    rules: tuple[tuple[str, StopRule], ...]
    """(stage that states it, rule)."""
    after: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """All of a cycle, each before what waits for it."""

    tasks: dict[str, Task]
    decisions: dict[str, Decision]


def graph_of(cycle: Cycle) -> Graph:
    """Expand a plan.

    Raises:
        GatekitError: `cycle.order`: parts of it wait for each other; `cycle.limit`: there are too many tasks, or too
            many that each waits for.
    """
    _refuse_too_many(cycle)
    decisions = {one.id: one for stage in cycle.stages.values() for one in _decisions(cycle, stage)}
    tasks = {one.id: one for stage in cycle.stages.values() for one in _tasks(cycle, stage, decisions)}
    waits = {task.id: task.after for task in tasks.values()}
    waits |= {decision.id: decision.after for decision in decisions.values()}
    try:
        order = list(TopologicalSorter(waits).static_order())
    except CycleError as error:
        circle: list[str] = error.args[1]
        names = list(dict.fromkeys(_stage_of(part) for part in circle))
        first = cycle.stages[names[0]]
        message = f"these wait for each other: {' <- '.join(circle)}"
        raise GatekitError("cycle.order", message, first.location, "take one `after` or `base` out") from None
    return Graph(
        {name: tasks[name] for name in order if name in tasks},
        {name: decisions[name] for name in order if name in decisions},
    )


def _refuse_too_many(cycle: Cycle) -> None:
    """Count tasks and what they wait for, before any is made."""
    tasks = waits = 0
    of_phase = {name: len(stage.branches) * len(stage.runners) for name, stage in cycle.stages.items()}
    for stage in cycle.stages.values():
        own = of_phase[stage.name] * len(stage.phases)
        tasks += own
        waits += own * sum(of_phase[other] for other in stage.after)
        for count, most, what in ((tasks, MOST_TASKS, "tasks"), (waits, MOST_WAITS, "tasks that others wait for")):
            if count > most:
                message = f"with this stage the cycle has more than {most} {what}"
                raise GatekitError("cycle.limit", message, stage.location, "use fewer branches, or several cycles")


def _stage_of(node: str) -> str:
    return node.split("/")[1]


def family(cycle: Cycle, root: str) -> list[CycleStage]:
    """Return the stages that share the branches of one, itself first."""
    return [cycle.stages[root], *(stage for stage in cycle.stages.values() if stage.branches_of == root)]


def base_stages(cycle: Cycle, stage: CycleStage) -> list[CycleStage]:
    """Return the stages whose evidence a rule reads that names one as its base: also what is measured of its SAEs."""
    return [stage, *(other for other in cycle.stages.values() if other.saes_of == stage.name)]


def root_of(stage: CycleStage) -> str:
    """Return the name of the stage whose branches a stage has."""
    return stage.branches_of or stage.name


def _of_branch(rule: StopRule) -> bool:
    return isinstance(rule, PolicyStop)


def _of_stage(rule: StopRule) -> bool:
    return not isinstance(rule, PolicyStop | FailedRuns)


def _decisions(cycle: Cycle, root: CycleStage) -> Iterator[Decision]:
    if root.branches_of is not None:
        return
    members = [stage for stage in family(cycle, root.name) if "pilot" in stage.phases]
    rules = [(stage.name, rule) for stage in members for rule in stage.stops]
    own = tuple((name, rule) for name, rule in rules if _of_branch(rule))
    together = tuple((name, rule) for name, rule in rules if _of_stage(rule))
    for branch in root.branches if own else ():
        pilots = [name for stage in members for name in _ids(stage, branch, "pilot")]
        yield Decision(f"decide/{root.name}/{branch.name}", root.name, branch.name, own, (*pilots, *_bases(cycle, own)))
    if together:
        each = [f"decide/{root.name}/{branch.name}" for branch in root.branches] if own else []
        pilots = [name for stage in members for branch in root.branches for name in _ids(stage, branch, "pilot")]
        yield Decision(f"decide/{root.name}", root.name, None, together, (*pilots, *each, *_bases(cycle, together)))


def _bases(cycle: Cycle, rules: Sequence[tuple[str, StopRule]]) -> list[str]:
    """Return the tasks whose evidence rules compare with."""
    named = {getattr(rule, "base", None) for _, rule in rules}
    bases = [one for stage in cycle.stages.values() if stage.name in named for one in base_stages(cycle, stage)]
    return [name for base in dict.fromkeys(one.name for one in bases) for name in _all_ids(cycle.stages[base], "pilot")]


def _tasks(cycle: Cycle, stage: CycleStage, decisions: dict[str, Decision]) -> Iterator[Task]:
    root = root_of(stage)
    source = None if stage.saes_of is None else cycle.stages[stage.saes_of]
    keeps = any(other.saes_of == stage.name for other in cycle.stages.values())
    for phase, settings in stage.phases.items():
        earlier = [name for other in stage.after for name in _all_ids(cycle.stages[other], phase)]
        for branch in stage.branches:
            same = _ids(cycle.stages[root], branch, phase) if root != stage.name else []
            same += _ids(source, branch, phase) if source is not None else []
            decided = [f"decide/{root}/{branch.name}", f"decide/{root}"] if phase == "full" else []
            pilots = _ids(stage, branch, "pilot") if phase == "full" and "pilot" in stage.phases else []
            after = (*earlier, *same, *pilots, *(name for name in decided if name in decisions))
            for runner in stage.runners:
                yield Task(
                    id=f"{phase}/{stage.name}/{branch.name}/{runner}",
                    stage=stage.name,
                    branch=branch.name,
                    phase=phase,
                    runner=runner,
                    config=stage.config,
                    settings=_merged(
                        stage.settings,
                        branch.settings if source is None else (),
                        settings,
                        cycle.seeds[phase] if source is None else None,
                    ),
                    out=f"{phase}/{stage.name}/{branch.name}",
                    needs=stage.needs,
                    after=tuple(dict.fromkeys(after)),
                    requires=tuple(dict.fromkeys((*same, *pilots))),
                    saes_of=None if source is None else f"{phase_for(source, phase)}/{source.name}/{branch.name}",
                    keeps_saes=keeps,
                )


def _merged(stage: Settings, branch: Settings, phase: Settings, seeds: Sequence[int] | None) -> Settings:
    merged = tuple(dict((*stage, *branch, *phase)).items())
    # SAEs that are measured from their files have the seeds that their files name.
    return merged if seeds is None else (*merged, ("seeds", f"[{', '.join(map(str, seeds))}]"))


def phase_for(stage: CycleStage, phase: Phase) -> Phase:
    """Return the phase of a stage that another stage's phase looks at: the same one, or the only one that it has."""
    return phase if phase in stage.phases else next(iter(stage.phases))


def _ids(stage: CycleStage, branch: Branch, phase: Phase) -> list[str]:
    there = phase_for(stage, phase)
    return [f"{there}/{stage.name}/{branch.name}/{runner}" for runner in stage.runners]


def _all_ids(stage: CycleStage, phase: Phase) -> list[str]:
    return [name for branch in stage.branches for name in _ids(stage, branch, phase)]
