"""What of a pull request needs a person's approval, beside its evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gatekit.claims.claim_change import ClaimChange
from gatekit.claims.predecessors import ClaimHistory
from gatekit.kinds import FOLDER as KINDS
from gatekit.policy import PolicyDiff
from gatekit.pull_request.claim_bars import lowered_bars
from gatekit.pull_request.other_claims import weaker_than_others
from gatekit.pull_request.projects import other_projects
from gatekit.pull_request.side import CLAIMS, KEYS, POLICIES, BranchContents
from gatekit.pull_request.trust_root import TrustChange, trust_changes
from gatekit.pull_request.turned_bounds import turned_bounds


def needs_approval(
    base: BranchContents,
    head: BranchContents,
    diffs: Sequence[PolicyDiff],
    claims: Sequence[ClaimChange],
    history: Callable[[], ClaimHistory],
) -> list[TrustChange]:
    """Return every change of what judges, and every claim that sets its own bar.

    Args:
        base: what judges.
        head: what is judged.
        diffs: of the policies.
        claims: that the change adds, removes or alters.
        history: read where a claim is new or reworded.
    """
    trust = [*trust_changes(base, head, diffs), *lowered_bars(base, head, history)]
    told = {change.path for change in trust}
    trust += [change for change in weaker_than_others(base, head) if change.path not in told]
    told = {change.path for change in trust}
    trust += [change for change in turned_bounds(base, head) if change.path not in told]
    if begins(base, head, claims):
        # Nothing judges yet and nothing is asserted, so what is added loosens nothing; it binds the next change.
        trust = [change for change in trust if change.what != "added"]
    elif not base.judging:
        trust.append(TrustChange(POLICIES, f"the base has no policy that could judge{other_projects(base.tree)}"))
    for path in sorted(base.unread):
        if base.tree.entries.get(path) != head.tree.entries.get(path):
            trust.append(TrustChange(path, "the base's version cannot be read, so nothing says whether this is looser"))
    return trust + _own_policies(base, head, claims)


def begins(base: BranchContents, head: BranchContents, claims: Sequence[ClaimChange]) -> bool:
    """Say whether the base has nothing yet that judges, and the change asserts nothing that could set its own bar."""
    judging = (POLICIES, KINDS, CLAIMS, KEYS.partition("/")[0])
    begins = not any(base.tree.under(place) for place in judging)
    # Without a registry every gate is asserted, and by the policy that the change brings.
    return begins and head.registry is not None and not any(change.makes_blocking for change in claims)


def _own_policies(base: BranchContents, head: BranchContents, claims: Sequence[ClaimChange]) -> list[TrustChange]:
    """A claim that this change makes blocking by a policy that the change itself brings sets its own bar."""
    if head.registry is None:
        return []
    brought = {policy.id for policy in head.policies} - {policy.id for policy in base.policies}
    asserted = {claim for change in claims for claim in change.makes_blocking}
    return [
        TrustChange(f"policy {claim.policy}", f"brought by the change whose claim '{claim.id}' it judges")
        for claim in head.registry.claims
        if claim.id in asserted and claim.policy in brought
    ]
