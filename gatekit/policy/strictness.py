"""Whether some gates ask at least as much as others, whatever they are called and whichever policies they stand in.

A claim needs all gates of a list. It may be moved to another list without asking anybody when every verdict that the
other list passes, this one would have passed too, on any evidence: the other list must hold, for each demand of this
one, a demand that the policy diff calls the same or tighter. What cannot be ordered that way is not at least as strict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gatekit.policy.changes import Change, Detail
from gatekit.policy.model import Gate, Policy, Rule
from gatekit.policy.rule_changes import demands, rule_changes, rule_name
from gatekit.policy.setting_changes import setting_changes

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
