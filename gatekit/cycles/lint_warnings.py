"""What a sound plan leaves open that its author may not have meant: `gatekit cycle lint` says it and blocks nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as SetOf

from gatekit.cycles.finishing import judges_nothing
from gatekit.cycles.graph import Graph, base_stages, family, phase_for, root_of
from gatekit.cycles.plan import Cycle, CycleStage, FailedRuns, KeepBest, ParetoStop, Phase, PolicyStop, StopRule
from gatekit.cycles.registering import kinds_of, trains
from gatekit.errors import GatekitError
from gatekit.kinds import Kinds
from gatekit.policy import read_policies
from gatekit.policy.model import Combined, Policy, Rule, Selection, Threshold, thresholds

Measured = Mapping[tuple[str, Phase], SetOf[str] | None]
"""(stage, phase) -> kinds of the summaries that it writes; None where its runners do not say."""


def warnings(cycle: Cycle, graph: Graph, kinds: Kinds) -> list[GatekitError]:
    """Return what lint warns of: `cycle.never_stops`, `cycle.unjudged`, `cycle.judged_record`, `cycle.judges_nothing`.

    Args:
        cycle: a plan in which lint found no error.
        graph: of it.
        kinds: those that hold here.
    """
    paths = [rule.policy for stage in cycle.stages.values() for rule in stage.stops if not isinstance(rule, FailedRuns)]
    found, _ = read_policies(list(dict.fromkeys(paths)), kinds) if paths else ([], [])
    policies = {policy.path: policy for policy in found}
    measured = _measured(cycle, graph)
    return [*_never_stop(cycle, graph, policies, measured), *_unjudged(cycle)]


def _measured(cycle: Cycle, graph: Graph) -> Measured:
    measured: dict[tuple[str, Phase], SetOf[str] | None] = {}
    for stage in cycle.stages.values():
        first = stage.branches[0].name
        for phase in stage.phases:
            tasks = [t for t in graph.tasks.values() if (t.stage, t.branch, t.phase) == (stage.name, first, phase)]
            said = [kinds_of(task, graph) for task in tasks]
            measured[stage.name, phase] = None if None in said else frozenset().union(*(one or () for one in said))
    return measured


def _never_stop(
    cycle: Cycle, graph: Graph, policies: Mapping[str, Policy], measured: Measured
) -> Iterator[GatekitError]:
    default: dict[tuple[str, int | None, int | None], list[str | None]] = {}
    rules: dict[tuple[str, int | None, int | None], StopRule] = {}
    for stage in cycle.stages.values():
        for rule in stage.stops:
            # A rule under `defaults` stands at one place for all stages, and may serve few of them.
            key = (rule.location.path, rule.location.line, rule.location.column)
            rules[key] = rule
            default.setdefault(key, []).append(_why_never(cycle, graph, stage, rule, policies, measured))
    for key, reasons in default.items():
        if None not in reasons:
            message = f"this rule can never stop anything: {reasons[0]}"
            yield GatekitError("cycle.never_stops", message, rules[key].location)


def _why_never(
    cycle: Cycle, graph: Graph, stage: CycleStage, rule: StopRule, policies: Mapping[str, Policy], measured: Measured
) -> str | None:
    """Return why a rule cannot stop anything of a stage; None where it may."""
    tasks = sum(task.stage == stage.name for task in graph.tasks.values())
    if isinstance(rule, FailedRuns):
        return (
            f"'{stage.name}' has {_count(tasks, 'run')}, fewer than {rule.of_at_least}"
            if tasks < rule.of_at_least
            else None
        )
    members = family(cycle, root_of(stage))
    if "pilot" not in stage.phases:
        return f"'{stage.name}' has no pilot"
    if not any("full" in member.phases for member in members):
        return f"'{stage.name}' has no full phase that it could save"
    policy = policies.get(rule.policy)
    if policy is None:
        return None
    known = _kinds_of_family(members, measured)
    if isinstance(rule, PolicyStop):
        seeds = len(cycle.seeds["pilot"])
        gates = [gate for gate in policy.gates if gate.required and gate.level == "enforce"]
        base = _kinds_of_base(cycle, rule.base, measured)
        unlike = _measured_unlike(cycle, graph, members, rule.base, measured)
        why = [_why_cannot_fail(gate.rule, known, rule.base, base, unlike, seeds) for gate in gates]
        return None if not why or None in why else why[0]
    if not isinstance(policy.selection, Selection):
        return None
    if isinstance(rule, KeepBest):
        if rule.count >= len(stage.branches) and not policy.selection.eligibility:
            return f"'{stage.name}' has {_count(len(stage.branches), 'branch', 'branches')}, and all go on"
        # Without one of the scores nobody is ranked; who is shown to be ineligible is stopped all the same.
        asked = [score.value for score in policy.selection.scores]
        eligible = [gate for gate in policy.gates if gate.name in policy.selection.eligibility]
        asked += [one for gate in eligible for one in thresholds(gate.rule)]
        return _missing(asked, known, rule.policy)
    base = _kinds_of_base(cycle, rule.base, measured)
    return _missing(policy.selection.pareto, known, rule.policy) or _missing(policy.selection.pareto, base, rule.policy)


def _why_cannot_fail(
    rule: Rule,
    known: SetOf[str] | None,
    base: str | None,
    of_base: SetOf[str] | None,
    unlike: SetOf[str],
    seeds: int,
) -> str | None:
    """Return why a rule of a stop policy cannot fail on a pilot, so that it is left open; None where it can."""
    if isinstance(rule, Combined):
        inner = [_why_cannot_fail(one, known, base, of_base, unlike, seeds) for one in rule.rules]
        reasons = [one for one in inner if one is not None]
        if rule.operator != "any_of":
            return reasons[0] if len(reasons) == len(inner) else None
        # Of alternatives one that stays open keeps all of them open.
        return reasons[0] if reasons else None
    if known is not None and rule.kind not in known:
        return f"it needs {rule.kind}, which no stage of these branches measures in the pilot"
    if rule.min_seeds > seeds:
        return f"{rule.effect} needs {rule.min_seeds} seeds, and the pilot has {seeds}"
    if rule.against == "base":
        if base is None:
            return f"{rule.effect} is compared with a base, and the rule names none"
        if of_base is not None and rule.kind not in of_base:
            return f"it compares {rule.kind} with '{base}', which does not measure it"
        if rule.kind in unlike:
            # How SAEs came about is part of a protocol, and nobody knows it of SAEs from files.
            return f"it compares {rule.kind} of SAEs from files with those that '{base}' trains, by another protocol"
    return None


def _missing(rules: Sequence[Threshold], known: SetOf[str] | None, policy: str) -> str | None:
    lacking = [rule.kind for rule in rules if known is not None and rule.kind not in known]
    return f"{policy} ranks by {lacking[0]}, which is not measured" if lacking else None


def _kinds_of_family(members: Sequence[CycleStage], measured: Measured) -> SetOf[str] | None:
    found = [measured[stage.name, "pilot"] for stage in members if "pilot" in stage.phases]
    return None if None in found else frozenset().union(*(one or () for one in found))


def _kinds_of_base(cycle: Cycle, base: str | None, measured: Measured) -> SetOf[str] | None:
    stage = None if base is None else cycle.stages.get(base)
    if stage is None:
        return None
    found = [measured[one.name, phase_for(one, "pilot")] for one in base_stages(cycle, stage)]
    return None if None in found else frozenset().union(*(one or () for one in found))


def _measured_unlike(
    cycle: Cycle, graph: Graph, members: Sequence[CycleStage], base: str | None, measured: Measured
) -> SetOf[str]:
    """Return the kinds that the branches measure of SAEs from files only, and the base of SAEs that it trains only."""
    stage = None if base is None else cycle.stages.get(base)
    if stage is None:
        return frozenset()

    def kinds(stages: Sequence[CycleStage], given: bool) -> SetOf[str]:
        there = [one for one in stages if (one.saes_of is not None) is given]
        return frozenset().union(*(measured.get((one.name, phase_for(one, "pilot"))) or () for one in there))

    own, others = [one for one in members if "pilot" in one.phases], base_stages(cycle, stage)
    known = [t for t in graph.tasks.values() if t.stage == stage.name]
    if not any(trains(task) for task in known):
        return frozenset()
    return (kinds(own, True) - kinds(own, False)) & (kinds(others, False) - kinds(others, True))


def _unjudged(cycle: Cycle) -> Iterator[GatekitError]:
    end = cycle.finish
    if judges_nothing(cycle):
        message = "nothing is judged at the end, so `run` ends in 3 where all was measured"
        yield GatekitError("cycle.judges_nothing", message, cycle.location, "add finish.check, a policy")
        return
    if end.select is None and end.check is not None:
        return  # all of it is judged
    judged = set(end.select.among if end.select is not None else ())
    if end.base is not None and end.base in cycle.stages:
        judged |= {one.name for one in base_stages(cycle, cycle.stages[end.base])}
    for stage in cycle.stages.values():
        for rule in stage.stops:
            if not isinstance(rule, FailedRuns):
                judged |= {one.name for one in family(cycle, root_of(stage)) if "pilot" in one.phases}
            if isinstance(rule, PolicyStop | ParetoStop) and rule.base is not None and rule.base in cycle.stages:
                judged |= {one.name for one in base_stages(cycle, cycle.stages[rule.base])}
    judged |= {stage.saes_of for stage in cycle.stages.values() if stage.saes_of is not None and stage.name in judged}
    for stage in cycle.stages.values():
        if stage.name in judged and stage.record is not None:
            message = f"'{stage.name}' is called a record, and a rule, the selection or a base reads it"
            yield GatekitError("cycle.judged_record", message, stage.location, "leave `record` out")
        if stage.name not in judged and stage.record is None:
            message = f"nobody judges what '{stage.name}' measures: no rule, no selection and no base reads it"
            remedy = "name it in finish.select.among, in a stop rule or as a base; or say `record:` and why"
            yield GatekitError("cycle.unjudged", message, stage.location, remedy)


def _count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
