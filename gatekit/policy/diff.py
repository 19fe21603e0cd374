"""What a change of policy means: each gate tightened, loosened or neither, by what its thresholds can let through.

A change is tightened only when every verdict that the new policy passes, the old one would have passed too, on any
evidence. What cannot be ordered that way is incomparable and is treated like loosening: people decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gatekit.policy.changes import Change, Detail
from gatekit.policy.model import Policy
from gatekit.policy.rule_changes import gate_changes
from gatekit.policy.setting_changes import setting_changes, waiver_changes

__all__ = ["NEEDS_APPROVAL", "Change", "Detail", "GateChange", "PolicyDiff", "diff_policies", "diff_policy"]

NEEDS_APPROVAL = frozenset({Change.REMOVED, Change.LOOSENED, Change.INCOMPARABLE})


@dataclass(frozen=True)
class GateChange:
    """One gate, or one part of the policy outside its gates, that changed."""

    name: str
    change: Change
    details: tuple[Detail, ...]


@dataclass(frozen=True)
class PolicyDiff:
    """All that changed between two versions of a policy."""

    policy: str
    """The policy's id."""
    change: Change
    gates: tuple[GateChange, ...]
    settings: tuple[Detail, ...]
    """What changed outside gates: subject, signatures, legacy."""
    waivers: tuple[Detail, ...]
    """Any waiver added, extended, changed (loosened) or removed (tightened)."""

    @property
    def needs_approval(self) -> bool:
        """Whether people must agree before the new version may judge."""
        return self.change in NEEDS_APPROVAL

    @property
    def loosened_gates(self) -> tuple[str, ...]:
        """Names of the gates that are removed, loosened or incomparable."""
        return tuple(gate.name for gate in self.gates if gate.change in NEEDS_APPROVAL)


def diff_policies(base: Sequence[Policy], head: Sequence[Policy]) -> list[PolicyDiff]:
    """Return the difference of every policy that changed, matched by id and sorted by it."""
    old, new = {p.id: p for p in base}, {p.id: p for p in head}
    found = []
    for policy_id in sorted(old.keys() | new.keys()):
        before, after = old.get(policy_id), new.get(policy_id)
        if before is None or after is None:
            change = Change.ADDED if before is None else Change.REMOVED
            gates = [gate for policy in (before, after) if policy is not None for gate in policy.gates]
            found.append(PolicyDiff(policy_id, change, tuple(GateChange(g.name, change, ()) for g in gates), (), ()))
        elif before.sha256 != after.sha256:
            result = diff_policy(before, after)
            if result.change is not Change.UNCHANGED:
                found.append(result)
    return found


def diff_policy(base: Policy, head: Policy) -> PolicyDiff:
    """Return what changed between two versions of one policy; words such as descriptions change nothing."""
    old, new = {g.name: g for g in base.gates}, {g.name: g for g in head.gates}
    gates = []
    for name in [*old, *(n for n in new if n not in old)]:
        if name not in new:
            gates.append(GateChange(name, Change.REMOVED, ()))
        elif name not in old:
            gates.append(GateChange(name, Change.ADDED, ()))
        else:
            details = gate_changes(old[name], new[name])
            change = _overall(detail.change for detail in details)
            if change is not Change.UNCHANGED:
                gates.append(GateChange(name, change, tuple(details)))
    settings = setting_changes(base, head)
    if not _counts(base) and _counts(head):
        # What could never pass because no gate counted can pass now, however strict the gate is.
        settings.append(Detail(Change.INCOMPARABLE, "the first gate that counts"))
    waivers = waiver_changes(base.waivers, head.waivers)
    changes = [gate.change for gate in gates]
    changes += [detail.change for detail in (*settings, *waivers)]
    return PolicyDiff(head.id, _overall(changes), tuple(gates), tuple(settings), tuple(waivers))


def _counts(policy: Policy) -> bool:
    """Whether any gate of the policy can make it pass."""
    waived = {waiver.gate for waiver in policy.waivers}
    return any(gate.required and gate.level == "enforce" and gate.name not in waived for gate in policy.gates)


def _overall(changes: Iterable[Change]) -> Change:
    """Combine: one loosening outweighs any tightening; adding a demand is tightening."""
    seen = set(changes)
    if seen & {Change.LOOSENED, Change.REMOVED}:
        return Change.LOOSENED
    if Change.INCOMPARABLE in seen:
        return Change.INCOMPARABLE
    return Change.TIGHTENED if seen & {Change.TIGHTENED, Change.ADDED} else Change.UNCHANGED
