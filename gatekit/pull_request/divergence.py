"""Divergence that a change would make forgotten: once nothing shows it, the next change passes on the same SAEs."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.evidence.summary import Summary
from gatekit.gates.diverged import diverged_saes, identities
from gatekit.pull_request.trust_root import TrustChange


def forgotten_divergences(base: Sequence[Summary], head: Sequence[Summary]) -> list[TrustChange]:
    """Return each summary of the base that shows a divergence which the head does not show, of SAEs that it measures.

    Whether it was deleted, measured again or written over: the change itself is still judged by what the base shows.
    """
    shown = diverged_saes(head)
    measured = {identity for summary in head if summary.is_measured for identity in identities(summary.subject)}
    found: dict[str, TrustChange] = {}
    for identity, summary in diverged_saes(base).items():
        if identity in measured and identity not in shown:
            what = f"SAEs that are measured still have diverged ({summary.reason}), and nothing shows it any more"
            found.setdefault(summary.path, TrustChange(summary.path, what, of_evidence=True))
    return list(found.values())
