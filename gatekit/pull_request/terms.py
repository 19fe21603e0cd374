"""What every evaluation of one pull request has in common: the time, the base, its registrations and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gatekit.candidates.price import FREE
from gatekit.claims.checking import CheckResult, check
from gatekit.evidence.summary import Summary
from gatekit.gates.evaluate import evaluate, together
from gatekit.gates.verdict import Verdict
from gatekit.policy import Policy
from gatekit.pull_request.candidate_prices import PullRequestChoices
from gatekit.pull_request.continuity_claims import Announced
from gatekit.pull_request.registered import BaseRegistrations
from gatekit.pull_request.side import BranchContents
from gatekit.pull_request.signatures import Signers


@dataclass(frozen=True)
class Terms:
    """By what both sides of a pull request are judged."""

    now: datetime
    base: BranchContents
    base_signers: Signers
    head_signers: Signers
    registered: BaseRegistrations
    gone: Sequence[Summary]
    """Evidence of the base whose subjects have disappeared."""

    def verdict(self, policies: Sequence[Policy], side: BranchContents) -> Verdict | None:
        """Judge all evidence of a side; where nothing is registered, what was chosen among candidates pays for it.

        Stop policies judge branches of a cycle and no pull request.
        """
        policies = [policy for policy in policies if not policy.stops]
        if not policies:
            return None
        if side.registry is not None:
            return self._evaluated(policies, side, side.summaries)
        choices = self._choices(policies, side)
        prices = {policy.id: choices.price_of_policy(policy) for policy in policies}
        plain = [policy for policy in policies if prices[policy.id] == FREE]
        found = [self._evaluated(plain, side, side.summaries)] if plain else []
        for policy in policies:
            if policy not in plain:
                own, judged = choices.paid(prices[policy.id], policy, side.summaries)
                found.append(self._evaluated([own], side, judged))
        return together(found)

    def _evaluated(self, policies: Sequence[Policy], side: BranchContents, summaries: Sequence[Summary]) -> Verdict:
        return evaluate(
            policies,
            summaries,
            self.now,
            base=self.base.summaries,
            signers=self._signers(side),
            stale=side.stale,
            standings=self.registered.standings(side),
        )

    def _choices(self, policies: Sequence[Policy], side: BranchContents) -> PullRequestChoices:
        gone = () if side is self.base else self.gone
        return PullRequestChoices(policies, self.base, side, gone, self.announced(side))

    def checked(self, policies: Sequence[Policy], side: BranchContents) -> CheckResult | None:
        """Return what the registry's claims and documents are worth; None where there is no registry."""
        if side.registry is None:
            return None
        return check(
            side.registry,
            side.documents,
            policies,
            {summary.path: summary for summary in side.summaries},
            self.now,
            stale=side.stale,
            # Also where the base itself is checked: it is as good as itself, where it has the evidence at all.
            base=self.base.summaries,
            signers=self._signers(side),
            standings=self.registered.standings(side),
            written=side.written,
            choices=self._choices(policies, side),
        )

    def announced(self, side: BranchContents) -> Announced:
        """Return whether a registration of the base announced a summary of this side before it was measured."""
        known = self.registered.standings(side)
        return lambda summary: summary.sha256 in known and known[summary.sha256].state == "registered"

    def _signers(self, side: BranchContents) -> Signers:
        return self.base_signers if side is self.base else self.head_signers
