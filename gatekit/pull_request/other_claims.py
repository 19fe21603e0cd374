"""A claim that becomes supported beside others: it asks no less of a measure than they do, unless people agree.

Whoever cannot support a claim can say the same in other words, under a weaker policy that the base has for something
else. Words cannot be compared; what is asked of a measure can. A lab with several bars names the lowest one in the
registry's rules, `at_least`, which then counts in place of the other claims.
"""

from __future__ import annotations

from collections.abc import Iterator

from gatekit.claims.model import Claim
from gatekit.claims.predecessors import registered_alike
from gatekit.policy import Policy
from gatekit.policy.strictness import Bar, comparisons, in_words, judged_measures, shortfalls_on_common_measures
from gatekit.pull_request.claim_bars import MOST_COMPARISONS, bar_of, named_policies, refuse_beyond
from gatekit.pull_request.side import BranchContents
from gatekit.pull_request.trust_root import TrustChange


def weaker_than_others(base: BranchContents, head: BranchContents) -> list[TrustChange]:
    """Return each claim that becomes supported, or says something else, and asks less of a measure than the base's.

    Claims of the base count whatever their status: one that is not supported may be why another says it in other words.
    Where the rules say `at_least`, what supported claims may stand on is what that policy judges: a measure more in it
    is a way more.

    Args:
        base: what judges.
        head: what is judged.

    Raises:
        GatekitError: `claims.too_many_changes`, more rules would have to be compared than can be.
    """
    if base.registry is None or head.registry is None:
        return []
    if base.registry.rules.at_least is not None:
        return _more_to_stand_on(base, head, base.registry.rules.at_least)
    return list(_weaker(base, head, base.registry.claims, head.registry.claims))


def _more_to_stand_on(base: BranchContents, head: BranchContents, name: str) -> list[TrustChange]:
    before = next((policy for policy in base.policies if policy.id == name), None)
    after = next((policy for policy in head.policies if policy.id == name), None)
    if before is None or after is None:
        return []
    more = sorted(judged_measures(after.gates) - judged_measures(before.gates))
    if not more:
        return []
    what = f"supported claims may stand on what it judges (`at_least`), now also on {', '.join(map('.'.join, more))}"
    return [TrustChange(f"policy {name}", what)]


def _weaker(
    base: BranchContents, head: BranchContents, old: tuple[Claim, ...], new: tuple[Claim, ...]
) -> Iterator[TrustChange]:
    before, after = named_policies(base), named_policies(head, base)
    known = {claim.id: claim for claim in old}
    judged: dict[tuple[object, ...], str | None] = {}
    left = MOST_COMPARISONS
    for claim in new:
        bar = bar_of(claim, after)
        if bar is None or not _becomes_supported(claim, known.get(claim.id)):
            continue
        for other in old:
            if other.id == claim.id:
                continue
            key = (claim.policy, claim.gates, other.policy, other.gates)
            if key not in judged:
                asked = bar_of(other, before)
                if asked is None or _of_other_models(asked.policy, bar.policy):
                    judged[key] = None
                    continue
                left -= comparisons(asked, bar)
                refuse_beyond(left, claim)
                judged[key] = _less(asked, bar)
            if judged[key] is not None:
                what = f"becomes supported by gates that ask less than those of claim '{other.id}': {judged[key]}"
                yield TrustChange(f"claim {claim.id}", what)
                break


def _becomes_supported(claim: Claim, was: Claim | None) -> bool:
    if claim.status != "supported":
        return False
    return was is None or was.status != "supported" or not registered_alike(was, claim)


def _of_other_models(old: Policy, new: Policy) -> bool:
    """Whether two policies name different models: how much is asked of one says nothing of the other."""
    pairs = ((old.subject.model, new.subject.model), (old.subject.model_digest, new.subject.model_digest))
    return any(one is not None and other is not None and one != other for one, other in pairs)


def _less(asked: Bar, bar: Bar) -> str | None:
    if not judged_measures(asked.gates) & judged_measures(bar.gates):
        return None
    return in_words(shortfalls_on_common_measures(asked, bar)) or None
