"""A bound that no gate compares, where a sentence shows it and not the one that a gate does.

"At least 0.20" is what a gate for a lower end found. Bound to the upper end of the same interval the sentence says
"at least 0.22" of the same evidence, and every gate passes. A sentence that shows both ends shows an interval, and
what the registry declares as context is reported as that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gatekit.claims.bindings import ValueBinding
from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.model import Claim, Registry
from gatekit.claims.statistic import Bound
from gatekit.policy.limits import sides
from gatekit.policy.model import thresholds
from gatekit.pull_request.claim_bars import NamedPolicy, named_policies
from gatekit.pull_request.side import BranchContents
from gatekit.pull_request.trust_root import TrustChange


def turned_bounds(base: BranchContents, head: BranchContents) -> list[TrustChange]:
    """Return the supported claims that show one end alone, which no gate of theirs compares, and did not before.

    Args:
        base: what judges.
        head: what is judged.
    """
    if base.registry is None or head.registry is None:
        return []
    named = named_policies(head, base)
    before, after = _numbers(base.documents), _numbers(head.documents)
    found = []
    for claim in head.registry.claims:
        policy = named.get(claim.policy)
        if claim.status != "supported" or policy is None:
            continue
        known = _agreed(base.registry, claim, before)
        blocks = [numbers.get(claim.id, []) for numbers in after]
        turned = [shows for block in blocks for shows in _alone(claim, policy, block) if shows not in known]
        if turned:
            what = f"shows a bound that none of its gates compares, without the one that they do: {'; '.join(turned)}"
            found.append(TrustChange(f"claim {claim.id}", what))
    return found


_Numbers = Sequence[Mapping[str, Sequence[ValueBinding]]]
"""Per document: claim -> the numbers in its block, in their order."""


def _agreed(base: Registry, claim: Claim, before: _Numbers) -> set[str]:
    """Return what the claim showed when the base called it supported."""
    was = base.claim(claim.id)
    if was is None or was.status != "supported":
        return set()
    return {number.shows for numbers in before for number in numbers.get(claim.id, ())}


def _alone(claim: Claim, policy: NamedPolicy, block: Sequence[ValueBinding]) -> Iterator[str]:
    bounds = {(b.file, b.measure, b.statistic.side) for b in block if isinstance(b.statistic, Bound)}
    for index, number in enumerate(block):
        slot = claim.slots[index] if claim.slots is not None and index < len(claim.slots) else None
        if not isinstance(number.statistic, Bound) or (slot is not None and slot.context):
            continue
        compared = _compared(claim, policy, number.measure)
        shown = {side for file, measure, side in bounds if (file, measure) == (number.file, number.measure)}
        if compared and not compared & shown:
            yield number.shows


def _compared(claim: Claim, policy: NamedPolicy, measure: str) -> set[str]:
    """Return the ends of an interval that the claim's gates compare, of one measure."""
    gates = [policy.gates[name] for name in claim.gates if name in policy.gates]
    rules = [rule for gate in gates for rule in thresholds(gate.rule) if rule.measure.name == measure]
    return {"upper" if end.upper else "lower" for rule in rules for end in sides(rule.limits)}


def _numbers(documents: Sequence[ClaimsDocument]) -> _Numbers:
    found = []
    for document in documents:
        numbers: dict[str, list[ValueBinding]] = {}
        for number in document.values:
            if number.claim is not None:
                numbers.setdefault(number.claim, []).append(number)
        found.append(numbers)
    return found
