"""What claims of a pull request pay for a choice: among what the merge result holds and the base held, and of gates.

A claim that stood on its subject already was not chosen among what came later, and pays for what the base compares. One
that is added, strengthened or moved may have been chosen among all that is there, and among what this change deletes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property

from gatekit.candidates.price import FREE, CandidatePools, ChoicePrice, paid
from gatekit.claims.model import Claim
from gatekit.evidence.summary import Summary
from gatekit.gates.evaluate import judged_by
from gatekit.policy import Policy
from gatekit.policy.model import kinds_read, thresholds
from gatekit.pull_request.continuity import SubjectFate, observed, shape
from gatekit.pull_request.continuity_claims import Announced
from gatekit.pull_request.side import BranchContents

STANDS_IN = ("retrained", "dropped", "extended")
"""Fates of subjects for which another stands: people approve those, and they are no candidates beside it."""


class PullRequestChoices:
    """The prices of claims, and of policies where nothing is registered, on one side of a change."""

    def __init__(
        self,
        policies: Sequence[Policy],
        base: BranchContents,
        side: BranchContents,
        gone: Sequence[Summary],
        announced: Announced,
    ) -> None:
        """Take what both sides say.

        Args:
            policies: that judge.
            base: where claims stood before.
            side: what is judged: the head, or the base itself.
            gone: evidence of the base whose subjects have disappeared from the side.
            announced: of a summary of the side.
        """
        self._policies = policies
        self._base = base
        self._side = side
        self._gone = gone
        self._announced = announced
        self._stood: dict[tuple[str, ...], list[Summary]] = {}

    def price(self, claim: Claim, policy: Policy, judged: Sequence[Summary]) -> ChoicePrice:
        """Return what a claim pays."""
        before = self._base.registry.claim(claim.id) if self._base.registry is not None else None
        if before is None or before.status != "supported":
            return self._price(policy, judged, [])
        if before.evidence not in self._stood:
            self._stood[before.evidence] = [s for s in self._base.summaries if before.stands_on(s.path)]
        return self._price(policy, judged, self._stood[before.evidence])

    def price_of_policy(self, policy: Policy) -> ChoicePrice:
        """Return what a policy's gates pay where no claim says which of them matter."""
        return self._price(policy, self._side.summaries, self._base.summaries)

    def paid(self, price: Hashable, policy: Policy, judged: Sequence[Summary]) -> tuple[Policy, Sequence[Summary]]:
        """Return the policy that pays, and what it may judge."""
        return paid(price, policy, judged) if isinstance(price, ChoicePrice) else (policy, judged)

    def named_late(self, claim: Claim, policy: Policy, judged: Sequence[Summary]) -> bool:
        """Whether a claim may have named its gates after what these read was measured.

        It has not where a supported claim of the base on the same evidence names no others, nor where any other claim
        there does and the evidence came since, or a registration announced it.
        """
        registry = self._base.registry
        if self._side is self._base or registry is None:
            return False
        kinds = {rule.kind for gate in policy.gates if gate.name in claim.gates for rule in thresholds(gate.rule)}
        read = [summary for summary in judged if summary.kind in kinds]
        for before in registry.claims:
            if before.policy == claim.policy and set(before.gates) <= set(claim.gates):
                there = all(before.stands_on(summary.path) for summary in read)
                if there and (before.status == "supported" or self._since(read) or all(map(self._announced, read))):
                    return False
        return True

    def _since(self, judged: Sequence[Summary]) -> bool:
        """Whether the base's evidence measured none of the SAEs, and has none of these files."""
        saes = ((shape(summary), one.sha256) for summary in judged for one in summary.subject.checkpoints)
        return not any(summary.sha256 in self._files for summary in judged) and not any(
            sae in self._saes for sae in saes
        )

    @cached_property
    def _files(self) -> set[str]:
        return {summary.sha256 for summary in self._base.summaries}

    @cached_property
    def _saes(self) -> set[tuple[object, str]]:
        return {(shape(s), one.sha256) for s in self._base.summaries if observed(s) for one in s.subject.checkpoints}

    def _price(self, policy: Policy, judged: Sequence[Summary], stood: Sequence[Summary]) -> ChoicePrice:
        own, before = _about(policy, judged), _about(policy, stood)
        if not own:
            return FREE
        if {s.subject.digest for s in own} == {s.subject.digest for s in before}:
            return self._of_base.price(policy, own, alike=False)
        # What a registration announced was chosen before it was measured; the registration pays for its candidates.
        return self._of_both.price(policy, own, alike=not all(map(self._announced, own)))

    @cached_property
    def _of_base(self) -> CandidatePools:
        return CandidatePools(self._policies, self._base.summaries, self._base.candidates)

    @cached_property
    def _of_both(self) -> CandidatePools:
        files = list(
            {document.sha256: document for side in (self._base, self._side) for document in side.candidates}.values()
        )
        return CandidatePools(self._policies, [*self._side.summaries, *self._gone], files)


def disappeared(base: Sequence[Summary], head: Sequence[Summary], fates: Sequence[SubjectFate]) -> list[Summary]:
    """Return the base's evidence of subjects that are not there any more, or not with all of their measures."""
    there = {(summary.kind, summary.subject.digest) for summary in head}
    less = {(fate.old.kind, fate.old.subject.digest) for fate in fates if fate.fate == "unmeasured"}
    for_them = {(fate.old.kind, fate.old.subject.digest) for fate in fates if fate.fate in STANDS_IN}
    keys = [(summary.kind, summary.subject.digest) for summary in base]
    return [s for s, key in zip(base, keys, strict=True) if key in less or (key not in there and key not in for_them)]


def _about(policy: Policy, summaries: Sequence[Summary]) -> list[Summary]:
    """Return what a policy would judge."""
    kinds = kinds_read(policy)
    return [summary for summary in summaries if summary.kind in kinds and judged_by(policy, summary)]
