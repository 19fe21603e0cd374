"""Whether a plan could run: its files are there and sound, its runners known, its configurations read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from gatekit.cycles.graph import Graph, graph_of
from gatekit.cycles.plan import FOLDER, Cycle, KeepBest, ParetoStop, PolicyStop
from gatekit.cycles.reading import LIMITS, cycle_path, read_cycle
from gatekit.errors import GatekitError, Location, UsageError, did_you_mean
from gatekit.evidence.folder_limits import PLAN_FILES, beyond, sizes_of
from gatekit.evidence.strict_json import read_regular_file
from gatekit.kinds import Kinds
from gatekit.policy import read_policies
from gatekit.policy.model import Selection
from gatekit.registration.model import Registration
from gatekit.registration.plans import is_plan_name, parse_plan, read_plans
from gatekit.registration.reading import conflicts, read_registrations


def lint_cycle(cycle: Cycle, kinds: Kinds, with_configurations: bool = True) -> list[GatekitError]:
    """Return all that is wrong with a plan, each with its place.

    Args:
        cycle: a plan that could be read.
        kinds: those that hold here.
        with_configurations: also let the runners read every variant of every configuration, which starts nothing.
    """
    try:
        graph = graph_of(cycle)
    except GatekitError as error:
        return [error]
    errors = [*_files(cycle), *_runners(cycle), *_others(cycle), *_follows(cycle)]
    if errors:
        return errors
    errors = [*_policies(cycle, kinds), *_announced(cycle, graph, kinds, with_configurations)]
    if with_configurations and not errors:
        # What is wrong with a stage's configuration is wrong in each of its tasks; it is said once.
        found: dict[tuple[str, str], GatekitError] = {}
        for stage, said, one in _configurations(cycle, graph):
            found.setdefault((stage, said), one)
        errors += found.values()
    return errors


def _files(cycle: Cycle) -> Iterator[GatekitError]:
    for path, place in cycle.files:
        if not os.path.exists(path):
            yield GatekitError("cycle.missing", f"there is no '{path}'", place, _near(path, cycle))


def _near(path: str, cycle: Cycle) -> str | None:
    """Return what was meant by a path that leads nowhere: a stage, which a rule's base may be, or a file beside it."""
    folder = os.path.dirname(path)
    try:
        beside = [os.path.join(folder, name) for name in os.listdir(folder or ".")]
    except OSError:
        beside = []
    return did_you_mean(path, [*cycle.stages, *sorted(beside)])


def _runners(cycle: Cycle) -> Iterator[GatekitError]:
    from gatekit.runner_command import runner_names

    known = runner_names()
    for stage in cycle.stages.values():
        for runner in stage.runners:
            if runner not in known:
                remedy = did_you_mean(runner, known) or f"known: {', '.join(known)}"
                yield GatekitError("cycle.runner", f"no runner '{runner}'", stage.location, remedy)


def _others(cycle: Cycle) -> Iterator[GatekitError]:
    """Yield an error where another plan has the same id, so that both would write to one folder."""
    try:
        names = sorted(os.listdir(FOLDER))
    except OSError:
        return
    plans = [os.path.join(FOLDER, name) for name in names if is_plan_name(name)]
    others = [path for path in plans if not _same(path, cycle.path)]
    too_much = beyond(sizes_of(others), PLAN_FILES)
    yield from too_much
    for path in () if too_much else others:
        try:
            other = read_cycle(path)
        except GatekitError:
            continue  # its own lint says so
        if other.id == cycle.id:
            message = f"id '{cycle.id}' is also that of {path}: both would write to one folder"
            yield GatekitError("cycle.duplicate_id", message, cycle.location)


def _follows(cycle: Cycle) -> Iterator[GatekitError]:
    """Yield an error where a plan starts after one that is not here, or that waits for this one in its turn."""
    seen = [cycle.id]
    before = cycle
    while before.after_cycle is not None:
        try:
            before = read_cycle(cycle_path(before.after_cycle))
        except UsageError as error:
            if before is cycle:
                message = f"'{cycle.id}' starts after '{cycle.after_cycle}': {error.message}"
                yield GatekitError("cycle.missing", message, cycle.location, error.remedy)
            return
        except GatekitError:
            return  # its own lint says so
        if before.id in seen:
            if before.id == cycle.id:
                message = f"no cycle could be the first: {' after '.join([*seen, before.id])}"
                yield GatekitError("cycle.order", message, cycle.location)
            return
        seen.append(before.id)


def _same(one: str, other: str) -> bool:
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def _policies(cycle: Cycle, kinds: Kinds) -> Iterator[GatekitError]:
    ranking: list[tuple[str, Location]] = []
    named: list[str] = []
    for stage in cycle.stages.values():
        for rule in stage.stops:
            if isinstance(rule, KeepBest | ParetoStop):
                ranking.append((rule.policy, rule.location))
            if isinstance(rule, PolicyStop | KeepBest | ParetoStop):
                named.append(rule.policy)
    deciding = [cycle.finish.check, None if cycle.finish.select is None else cycle.finish.select.policy]
    if cycle.finish.select is not None:
        ranking.append((cycle.finish.select.policy, cycle.finish.select.location))
        named.append(cycle.finish.select.policy)
    if cycle.finish.check is not None:
        named.append(cycle.finish.check)
    if cycle.finish.check is not None and cycle.finish.select is None:
        for stage in cycle.stages.values():
            if len(stage.branches) > 1:
                message = f"'{stage.name}' compares {len(stage.branches)} branches, and nothing pays for the choice"
                remedy = "add finish.select, whose policy chooses among them"
                yield GatekitError("cycle.unpaid", message, stage.location, remedy)
                break
    policies, errors = read_policies(list(dict.fromkeys(named)), kinds) if named else ([], [])
    yield from errors
    for policy in policies:
        if policy.purpose == "stop" and policy.path in deciding:
            message = f"{policy.path} is a stop policy, which lets nothing pass: it cannot judge what is released"
            yield GatekitError("cycle.policy", message, cycle.location)
    selecting = {policy.path for policy in policies if isinstance(policy.selection, Selection)}
    for path, place in ranking if not errors else ():
        if path not in selecting:
            message = f"{path} has no selection, by which candidates are ranked"
            yield GatekitError("cycle.policy", message, place)


def _announced(cycle: Cycle, graph: Graph, kinds: Kinds, with_configurations: bool) -> Iterator[GatekitError]:
    """Yield an error where a plan with a claim does not announce what its tasks would record."""
    from gatekit.cycles.registering import announced

    if cycle.claim is None:
        return
    try:
        said = parse_plan(read_regular_file(cycle.path, "yaml", LIMITS.size), cycle.path, kinds)
    except GatekitError as error:
        yield error
        return
    if said is None:
        return
    yield from announced_before(said, kinds)
    if not with_configurations:
        return
    try:
        would = {(one.kind, one.config, one.saes_of, one.candidate) for one in announced(cycle, graph)}
    except GatekitError:
        return  # another rule says what is wrong; or a runner of another package does not say what it would record
    there = {(one.kind, one.config, one.saes_of, one.candidate) for one in said.measurements}
    for one in said.measurements:
        if (one.kind, one.config, one.saes_of, one.candidate) not in would:
            message = f"no full task would record what is announced here: {one.words}"
            yield GatekitError("cycle.announced", message, one.location, _REGISTER.format(cycle.id))
    missing = sorted(kind for kind, _, _, _ in would - there)
    if missing and would > there:
        message = f"{len(missing)} of {len(would)} measurements are not announced: {', '.join(dict.fromkeys(missing))}"
        yield GatekitError("cycle.announced", message, cycle.location, _REGISTER.format(cycle.id))


def announced_before(said: Registration, kinds: Kinds) -> Iterator[GatekitError]:
    """Yield an error for every other plan or registration here that announces what a plan does, of the same seeds."""
    others, _ = read_registrations(kinds=kinds)
    planned, _ = read_plans(FOLDER, kinds)
    for other in (*others, *planned):
        if not _same(other.path, said.path):
            yield from conflicts([other, said])


_REGISTER = "`gatekit cycle register {}` writes what its tasks would record now"


def _configurations(cycle: Cycle, graph: Graph) -> Iterator[tuple[str, str, GatekitError]]:
    from gatekit.cycles.registering import recorded_by

    seen: set[tuple[object, ...]] = set()
    broken: set[str] = set()
    for task in graph.tasks.values():
        key = (task.runner, task.config, task.settings, task.saes_of)
        # What is wrong with the configuration that leaves the SAEs is said of that one.
        if key in seen or task.saes_of in broken:
            continue
        seen.add(key)
        try:
            list(recorded_by(task, graph))
        except GatekitError as error:
            broken.add(task.out)
            # A runner of another package need not be able to say what it would do.
            if not isinstance(error, UsageError) or "does not say what it would record" not in error.message:
                yield task.stage, str(error), _at(error, cycle, task.stage, task.id)


def _at(error: GatekitError, cycle: Cycle, stage: str, task: str) -> GatekitError:
    return GatekitError("cycle.config", f"{task}: {error}", cycle.stages[stage].location)


def cycle_files(paths: Sequence[str]) -> list[str]:
    """Return the files of plans among paths: a folder stands for all plans in it."""
    found: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            inside = sorted(name for name in os.listdir(path) if name.endswith((".yaml", ".yml")))
            found += [os.path.join(path, name) for name in inside if not name.startswith(".")]
        else:
            found.append(path)
    return found
