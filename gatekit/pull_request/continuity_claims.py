"""Changed evidence and what stands on it: which changes of subjects need people's approval, and in which words.

Whoever trains again until it passes has looked more than once. A supported claim may stand on such evidence where it
was announced before it was measured, or where people agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gatekit.candidates.pool import kinds_read as selection_kinds
from gatekit.claims.model import Claim
from gatekit.evidence.summary import Summary
from gatekit.gates.evaluate import evaluate, judged_by, matches
from gatekit.gates.verdict import Outcome
from gatekit.policy import Policy
from gatekit.policy.model import Gate, Rule, Selection, Threshold, thresholds
from gatekit.pull_request.continuity import Fate, SubjectFate, observed, shape
from gatekit.pull_request.side import BranchContents

MOST_JUDGED = 200
"""Subjects whose old and new evidence is judged for the words of a report; of more it says only what happened."""

Announced = Callable[[Summary], bool]
"""Whether a registration of the base announced a summary before it was measured."""
SameLook = Callable[[Summary, Summary], bool]
"""Whether two summaries are runs of one look of a registration of the base."""


@dataclass(frozen=True)
class SubjectChange:
    """What a change did to one subject that the base measured, for people."""

    path: str
    """What stands in its place, or the base's summary of it where nothing does."""
    fate: Fate
    what: str
    claims: tuple[str, ...]
    """Supported claims, or where there is no registry `policy/gate`, that stand on it."""
    needs_approval: bool


def subject_changes(
    base: BranchContents,
    head: BranchContents,
    fates: Sequence[SubjectFate],
    announced: Announced,
    same_look: SameLook,
) -> list[SubjectChange]:
    """Return every change of a subject with what the base's gates say of it before and after.

    Args:
        base: what judges.
        head: what is judged.
        fates: as `subject_fates` returns them for these two.
        announced: of a summary of the head.
        same_look: of the base's registrations.
    """
    found = []
    for number, fate in enumerate(fates):
        standing = _standing(base, head, fate)
        agreed = fate.new is not None and announced(fate.new) and not same_look(fate.old, fate.new)
        needed = fate.fate != "extended" and bool(standing) and not agreed
        if fate.fate in ("gone", "unmeasured"):
            # Nothing may stand on what is gone; but for what it was compared with, it is one rival less.
            needed = bool(standing) or _rival_remains(fate, base.judging, head.summaries)
        said = _outcomes(base, fate) if number < MOST_JUDGED else ""
        told = f"; {_stand(standing, head)}" if standing else ""
        found.append(
            SubjectChange((fate.new or fate.old).path, fate.fate, f"{fate.words}{said}{told}", tuple(standing), needed)
        )
    return found


def _standing(base: BranchContents, head: BranchContents, fate: SubjectFate) -> list[str]:
    """Return the supported claims, or the gates where nothing is registered, that this change takes numbers from."""
    if head.registry is None:
        return [
            f"{policy.id}/{gate.name}"
            for policy in base.judging
            if any(judged_by(policy, summary) for summary in (fate.old, fate.new) if summary is not None)
            for gate in policy.gates
            if gate.required
            and gate.level == "enforce"
            and _reads(gate, fate)
            and _still_carried(fate, [s for s in head.summaries if judged_by(policy, s)])
        ]
    policies = {policy.id: policy for policy in (*head.policies, *base.policies)}
    return [
        claim.id
        for claim in head.registry.claims
        if claim.status == "supported" and _stands_on(claim, policies.get(claim.policy), fate, head)
    ]


def _stands_on(claim: Claim, policy: Policy | None, fate: SubjectFate, head: BranchContents) -> bool:
    places = [fate.old.path] + ([fate.new.path] if fate.new is not None else [])
    if not any(map(claim.stands_on, places)):
        return False
    gates = [gate for gate in policy.gates if gate.name in claim.gates] if policy is not None else []
    # Which gates these are is not known where the policy is not there: then it counts.
    if gates and not any(_reads(gate, fate) for gate in gates):
        return False
    here = [summary for summary in head.summaries if claim.stands_on(summary.path)]
    return _still_carried(fate, here)


def _still_carried(fate: SubjectFate, here: Sequence[Summary]) -> bool:
    """Whether something is there that a gate could pass on: where nothing is, it is inconclusive anyhow."""
    wanted = fate.measures or observed(fate.old)
    return any(summary.kind == fate.old.kind and wanted & observed(summary) for summary in here)


def _reads(gate: Gate, fate: SubjectFate) -> bool:
    measures = fate.measures or observed(fate.old)
    return any(rule.kind == fate.old.kind and rule.measure.name in measures for rule in thresholds(gate.rule))


def _rival_remains(fate: SubjectFate, policies: Sequence[Policy], head: Sequence[Summary]) -> bool:
    """Whether something is still there that would look better without the lost subject.

    What a policy's selection compares with it, or what was measured as it was and has its shape.
    """
    own = {one.sha256 for one in fate.old.subject.checkpoints}
    others = [
        summary
        for summary in head
        if fate.measures & observed(summary) and not own.issuperset(c.sha256 for c in summary.subject.checkpoints)
    ]
    if any(shape(s) == shape(fate.old) and s.protocol.alike == fate.old.protocol.alike for s in others):
        return True
    for policy in policies:
        if isinstance(policy.selection, Selection) and fate.old.kind in selection_kinds(policy, policy.selection):
            compared = [s for s in (fate.old, *others) if s.kind == fate.old.kind and matches(policy.subject, s)]
            if fate.old in compared and len(compared) > 1:
                return True
    return False


def _stand(standing: Sequence[str], head: BranchContents) -> str:
    named = ", ".join(f"'{name}'" for name in standing[:5]) + (f" and {len(standing) - 5} more" * (len(standing) > 5))
    noun = "claim" if head.registry is not None else "gate"
    return f"{noun if len(standing) == 1 else f'{noun}s'} {named} stand{'s' * (len(standing) == 1)} on it"


def _outcomes(base: BranchContents, fate: SubjectFate) -> str:
    """Return what the base's gates say of the old evidence; empty where none reads it.

    A gate that reads several kinds is judged on all evidence of the subject. Each is taken as it was when it was
    measured: evidence that has grown old since was no worse for that.
    """
    if fate.fate in ("extended", "renamed"):
        return ""
    if not fate.old.is_measured:
        who = _of_seeds(fate.retrained) if fate.retrained else "it"
        return f"; {who} failed: {fate.old.reason}"
    if fate.old.status == "diverged":
        return f"; {_of_seeds(fate.retrained) if fate.fate == 'retrained' else 'it'} diverged: {fate.old.reason}"
    own = [summary for summary in base.summaries if summary.subject.digest == fate.old.subject.digest]
    old = outcomes_on(base.judging, own, fate.old.kind)
    if not old:
        return ""
    failed = [name for name, outcome in old.items() if outcome is Outcome.FAIL]
    unknown = [name for name, outcome in old.items() if outcome is Outcome.INCONCLUSIVE]
    who = {"retrained": _of_seeds(fate.retrained), "dropped": "with them"}.get(fate.fate, "it")
    joined = ", ".join(sorted(failed or unknown or old))
    if fate.fate == "dropped":
        said = f"{who} {joined} {'failed' if failed else 'was inconclusive' if unknown else 'passed as well'}"
    elif failed:
        said = f"{who} failed {joined}"
    else:
        said = f"for {who} {joined} was inconclusive" if unknown else f"{who} passed {joined} as well"
    return f"; {said}"


def _of_seeds(seeds: Sequence[int]) -> str:
    return "the old one" if len(seeds) == 1 else "the old ones"


def outcomes_on(policies: Sequence[Policy], summaries: Sequence[Summary], kind: str) -> dict[str, Outcome]:
    """Return gate -> outcome on one subject's evidence, of the gates that read this kind, and maybe others of it."""
    there = {summary.kind for summary in summaries}
    found: dict[str, Outcome] = {}
    for policy in policies:
        kinds = {gate.name: {rule.kind for rule in thresholds(gate.rule)} for gate in policy.gates}
        gates = [gate for gate in policy.gates if kind in kinds[gate.name] and kinds[gate.name] <= there]
        if not gates or not any(judged_by(policy, summary) for summary in summaries):
            continue
        read = {name for gate in gates for name in kinds[gate.name]}
        judged = [summary for summary in summaries if summary.kind in read]
        # Kinds are measured one after the other, some of them long before: none is too old beside the last.
        # Whether it was announced is another question: numbers that fail do so wherever they come from.
        gates_of = tuple(replace(gate, rule=_ageless(gate.rule)) for gate in gates)
        asked = replace(policy, gates=gates_of, registered="shown")
        verdict = evaluate([asked], judged, max(summary.finished for summary in judged))
        wanted = {gate.name for gate in gates}
        for gate in verdict.policies[0].gates:
            if gate.name in wanted:
                name = gate.name if len(policies) == 1 else f"{policy.id}/{gate.name}"
                found[name] = gate.outcome
    return found


def _ageless(rule: Rule) -> Rule:
    """Return a rule that finds no evidence too old."""
    if isinstance(rule, Threshold):
        return replace(rule, max_age=None)
    return replace(rule, rules=tuple(_ageless(part) for part in rule.rules))
