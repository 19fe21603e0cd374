"""Whether some gates ask at least as much as others, whatever they are called and whichever policies they stand in.

A claim needs all gates of a list. It may be moved to another list without asking anybody when every verdict that the
other list passes, this one would have passed too, on any evidence: the other list must hold, for each demand of this
one, a demand that the policy diff calls the same or tighter. What cannot be ordered that way is not at least as strict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gatekit.policy.changes import Change, Detail
from gatekit.policy.model import Gate, Policy, Rule, thresholds
from gatekit.policy.rule_changes import demands, rule_changes, rule_name
from gatekit.policy.setting_changes import setting_changes

_FIRST_FEW = 5
"""Shortfalls that are named; the others are counted."""
STRICT_ENOUGH = frozenset({Change.UNCHANGED, Change.ADDED, Change.TIGHTENED})


@dataclass(frozen=True)
class Bar:
    """What must hold for a claim: gates of one policy, all of them.

    Whether a gate is required, enforced or waived decides a policy's verdict, never a claim's, and is not compared.
    """

    policy: Policy
    gates: tuple[Gate, ...]


def comparisons(old: Bar, new: Bar) -> int:
    """Return how many pairs of rules `shortfalls` may have to compare; each takes some ten microseconds."""
    return sum(len(demands(gate.rule)) for gate in old.gates) * sum(len(demands(gate.rule)) for gate in new.gates)


def shortfalls(old: Bar, new: Bar) -> list[Detail]:
    """Return what `old` asks and `new` does not provably ask too; nothing where `new` is at least as strict."""
    same_name = replace(new.policy, id=old.policy.id)
    found = [detail for detail in setting_changes(old.policy, same_name) if detail.change not in STRICT_ENOUGH]
    asked = [(gate.name, rule) for gate in new.gates for rule in demands(gate.rule)]
    for gate in old.gates:
        for rule in demands(gate.rule):
            found += _shortfall(gate.name, rule, asked)
    return found


def judged_measures(gates: Sequence[Gate]) -> frozenset[tuple[str, str]]:
    """Return (kind, measure) of everything that gates judge."""
    return frozenset((rule.kind, rule.measure.name) for gate in gates for rule in thresholds(gate.rule))


def shortfalls_on_common_measures(old: Bar, new: Bar) -> list[Detail]:
    """Return what `old` asks of measures that `new` judges as well, and `new` does not provably ask too.

    The two are about different claims: what else `old` judges, which subject, folder or choice its policy is about, is
    not compared. Who must sign and what must be registered is.
    """
    common = judged_measures(new.gates)
    gates = tuple(gate for gate in old.gates if judged_measures([gate]) & common)
    if not gates:
        return []
    elsewhere = replace(
        new.policy, subject=old.policy.subject, evidence=old.policy.evidence, selection=old.policy.selection
    )
    rules = (
        replace(gate, rule=rule)
        for gate in gates
        for rule in demands(gate.rule)
        if any((one.kind, one.measure.name) in common for one in thresholds(rule))
    )
    return shortfalls(replace(old, gates=tuple(rules)), replace(new, policy=elsewhere))


def in_words(details: Sequence[Detail]) -> str:
    """Return shortfalls for people, the first few of many."""
    more = len(details) - _FIRST_FEW
    return "; ".join(detail.what for detail in details[:_FIRST_FEW]) + (f"; and {more} more" if more > 0 else "")


def _shortfall(gate: str, rule: Rule, asked: Sequence[tuple[str, Rule]]) -> list[Detail]:
    nearest: Detail | None = None
    for name, other in asked:
        looser = [detail for detail in rule_changes(rule, other) if detail.change not in STRICT_ENOUGH]
        if not looser:
            return []
        if nearest is None and looser[0].change is not Change.REMOVED:
            words = "; ".join(detail.what for detail in looser)
            nearest = Detail(Change.LOOSENED, f"gate '{gate}' asks more than gate '{name}': {words}")
    return [nearest or Detail(Change.REMOVED, f"gate '{gate}': {rule_name(rule)} no longer asked")]
