"""What claims must clear, before and after a change: nobody lowers the bar of a claim without people's approval.

A gate that can hardly fail may be added by anybody, since it asks for more. Moving a claim to it is the second step,
and that is what is judged here: by the base's definition of every gate that the base has, whatever the claim's status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gatekit.claims.model import Claim, Registry
from gatekit.claims.predecessors import ClaimHistory, Succession, registered_alike, returned, successions
from gatekit.errors import GatekitError
from gatekit.policy import Gate, Policy
from gatekit.policy.model import kinds_read
from gatekit.policy.strictness import Bar, comparisons, shortfalls
from gatekit.pull_request.side import CLAIMS, BranchContents
from gatekit.pull_request.trust_root import TrustChange

MOST_COMPARISONS = 50_000
"""Pairs of rules, of all moves between two lists of gates together: some three seconds."""


@dataclass(frozen=True)
class NamedPolicy:
    """A policy and its gates by name."""

    policy: Policy
    gates: Mapping[str, Gate]


def lowered_bars(
    base: BranchContents, head: BranchContents, history: Callable[[], ClaimHistory] = lambda: ClaimHistory((), ())
) -> list[TrustChange]:
    """Return each claim that is moved to gates which are not at least as strict as those that it needs on the base.

    And a registry where there was none, unless its supported claims need every gate that was required until then.

    Args:
        base: what judges.
        head: what is judged.
        history: reads what the base's registry held once; asked where a claim is new or changed.

    Raises:
        GatekitError: `claims.too_many_changes`, more claims are moved or withdrawn than can be compared.
    """
    if head.registry is None:
        return []
    if base.registry is None:
        return [] if CLAIMS in base.unread else _first_registry(base, head, head.registry)
    before, after = named_policies(base), named_policies(head, base)
    found: list[TrustChange] = []
    judged: dict[tuple[str, tuple[str, ...], str, tuple[str, ...]], list[str]] = {}
    left = MOST_COMPARISONS
    pairs = successions(base.registry, head.registry, base.documents, head.documents)
    earlier: list[Succession] = []
    agreed: dict[str, Claim] = {}
    if any(base.registry.claim(claim.id) != claim for claim in head.registry.claims):
        known = history()
        agreed = {claim.id: claim for claim in known.supported}
        earlier = returned(known, base.registry, head.registry)
        fresh = [claim for claim in head.registry.claims if _is_fresh(claim, base.registry)]
        if known.unread is not None and fresh:
            what = f"claim '{fresh[0].id}' is new or reworded, and may have been withdrawn once: {known.unread}"
            found.append(TrustChange(CLAIMS, what))
    for pair in (*pairs, *earlier):
        old, new = pair.old, pair.new
        # What a claim showed while it was pending is nothing that people agreed to.
        beside = _new_context(old if old.status == "supported" else agreed.get(old.id, old), new)
        if beside:
            what = f"shows as context, which no gate judges, what it did not: {'; '.join(beside)}"
            found.append(TrustChange(f"claim {new.id}", what))
        if old.policy == new.policy and set(old.gates) <= set(new.gates):
            continue
        move = (old.policy, old.gates, new.policy, new.gates)
        if move not in judged:
            was, becomes = bar_of(old, before), bar_of(new, after)
            if was is not None and becomes is not None:
                left -= comparisons(was, becomes)
                refuse_beyond(left, new)
            judged[move] = _lost(old, was, new, becomes)
        lost = judged[move]
        if lost:
            moved = "is moved to" if old.id == new.id else f"takes the place of claim '{old.id}' with"
            if pair in earlier:
                moved = f"takes the place of claim '{old.id}', which was withdrawn earlier, with"
            what = f"{moved} gates that are not at least as strict: {'; '.join(lost)}"
            found.append(TrustChange(f"claim {new.id}", what))
    return found


def _is_fresh(claim: Claim, base: Registry) -> bool:
    old = base.claim(claim.id)
    return old is None or not registered_alike(old, claim)


def _new_context(old: Claim, new: Claim) -> list[str]:
    """Return the numbers that a supported claim shows as context and that the claim before it did not show so.

    A number that no gate judges in place of one that a gate did is no longer what people agreed to.
    """
    if new.status != "supported":
        return []
    known = {(slot.file, slot.measure, slot.statistic) for slot in old.slots or () if slot.context}
    context = [slot for slot in new.slots or () if slot.context]
    return [slot.words for slot in context if (slot.file, slot.measure, slot.statistic) not in known]


def _lost(old: Claim, was: Bar | None, new: Claim, becomes: Bar | None) -> list[str]:
    """Return what the old claim needed and the new one does not, in words."""
    if was is None or len(was.gates) < len(old.gates):
        return ["the base does not say how strict its gates were"]
    if becomes is None:
        return [f"there is no policy '{new.policy}'"]
    return [detail.what for detail in shortfalls(was, becomes)]


def named_policies(*sides: BranchContents) -> dict[str, NamedPolicy]:
    """Return policies and gates by name; a later side's policy, and each of its gates, is taken before an earlier's."""
    found: dict[str, NamedPolicy] = {}
    for policy in (policy for side in sides for policy in side.policies):
        known = found[policy.id].gates if policy.id in found else {}
        found[policy.id] = NamedPolicy(policy, {**known, **{gate.name: gate for gate in policy.gates}})
    return found


def bar_of(claim: Claim, named: Mapping[str, NamedPolicy]) -> Bar | None:
    """Return what a claim must clear; None where its policy is not there."""
    known = named.get(claim.policy)
    if known is None:
        return None
    return Bar(known.policy, tuple(known.gates[name] for name in claim.gates if name in known.gates))


def refuse_beyond(left: int, claim: Claim) -> None:
    """Refuse where no comparison is left.

    Raises:
        GatekitError: `claims.too_many_changes`.
    """
    if left < 0:
        raise GatekitError(
            "claims.too_many_changes",
            f"more rules of gates would have to be compared than {MOST_COMPARISONS:,}, up to claim '{claim.id}'",
            claim.location,
            "move fewer claims, or claims with fewer gates, in one change",
        )


def _first_registry(base: BranchContents, head: BranchContents, registry: Registry) -> list[TrustChange]:
    """Until now every gate that counts had to pass, on all evidence; a registry says which ones matter."""
    return [
        TrustChange(CLAIMS, f"the first registry asks for less than the base, which needs every gate to pass: {what}")
        for policy in base.judging
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
    after = named_policies(head, base)
    left = MOST_COMPARISONS
    bars = {claim.id: bar for claim in claims if (bar := bar_of(claim, after)) is not None}
    for gate in counting:
        if any(claim.policy == policy.id and gate.name in claim.gates for claim in claims):
            continue
        wanted = Bar(policy, (gate,))
        for claim in claims:
            left -= comparisons(wanted, bars[claim.id]) if claim.id in bars else 0
            refuse_beyond(left, claim)
        if all(shortfalls(wanted, bar) for bar in bars.values()):
            yield f"no supported claim needs gate '{gate.name}' of policy '{policy.id}' on all evidence"
