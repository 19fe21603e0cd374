"""What claims must clear, before and after a change: nobody lowers the bar of a claim without people's approval.

A gate that can hardly fail may be added by anybody, since it asks for more. Moving a claim to it is the second step,
and that is what is judged here: by the base's definition of every gate that the base has, whatever the claim's status.
"""

from __future__ import annotations

from collections.abc import Iterator

from gatekit.claims.model import Claim, Registry
from gatekit.claims.predecessors import successions
from gatekit.policy import Policy
from gatekit.policy.model import kinds_read
from gatekit.policy.strictness import Bar, shortfalls
from gatekit.pull_request.side import CLAIMS, BranchContents
from gatekit.pull_request.trust_root import TrustChange


def lowered_bars(base: BranchContents, head: BranchContents) -> list[TrustChange]:
    """Return each claim that is moved to gates which are not at least as strict as those that it needs on the base.

    And a registry where there was none, unless its supported claims need every gate that was required until then.
    """
    if head.registry is None:
        return []
    if base.registry is None:
        return [] if CLAIMS in base.unread else _first_registry(base, head, head.registry)
    found = []
    for pair in successions(base.registry, head.registry, base.documents, head.documents):
        lost = _lost(pair.old, pair.new, base, head)
        if lost:
            moved = "is moved to" if pair.old.id == pair.new.id else f"takes the place of claim '{pair.old.id}' with"
            what = f"{moved} gates that are not at least as strict: {'; '.join(lost)}"
            found.append(TrustChange(f"claim {pair.new.id}", what))
    return found


def _lost(old: Claim, new: Claim, base: BranchContents, head: BranchContents) -> list[str]:
    """Return what the old claim needed and the new one does not, in words."""
    if old.policy == new.policy and set(old.gates) <= set(new.gates):
        return []
    before, after = _bar(old, base, base), _bar(new, base, head)
    if before is None or len(before.gates) < len(old.gates):
        return ["the base does not say how strict its gates were"]
    if after is None:
        return [f"there is no policy '{new.policy}'"]
    return [detail.what for detail in shortfalls(before, after)]


def _bar(claim: Claim, base: BranchContents, head: BranchContents) -> Bar | None:
    """Return what a claim must clear: by the base's policy and gates, by the head's only where the base has none."""
    policies = [policy for side in (head, base) for policy in side.policies if policy.id == claim.policy]
    gates = {gate.name: gate for policy in policies for gate in policy.gates}
    if not policies:
        return None
    return Bar(policies[-1], tuple(gates[name] for name in claim.gates if name in gates))


def _first_registry(base: BranchContents, head: BranchContents, registry: Registry) -> list[TrustChange]:
    """Until now every gate that counts had to pass, on all evidence; a registry says which ones matter."""
    return [
        TrustChange(CLAIMS, f"the first registry asks for less than the base, which needs every gate to pass: {what}")
        for policy in base.policies
        for what in _unclaimed(policy, base, head, registry)
    ]


def _unclaimed(policy: Policy, base: BranchContents, head: BranchContents, registry: Registry) -> Iterator[str]:
    waived = {waiver.gate for waiver in policy.waivers}
    counting = [gate for gate in policy.gates if gate.required and gate.level == "enforce" and gate.name not in waived]
    if not counting:
        yield f"policy '{policy.id}' has no gate that could pass"
    read = kinds_read(policy)
    evidence = {summary.path for side in (base, head) for summary in side.summaries if summary.kind in read}
    claims = [c for c in registry.claims if c.status == "supported" and all(map(c.stands_on, evidence))]
    bars = [bar for bar in (_bar(claim, base, head) for claim in claims) if bar is not None]
    for gate in counting:
        if all(shortfalls(Bar(policy, (gate,)), bar) for bar in bars):
            yield f"no supported claim needs gate '{gate.name}' of policy '{policy.id}' on all evidence"
