"""SAEs that are measured still, but not as widely as when they failed: by another protocol, on fewer datasets or rows.

A dataset that does not suit can be left out like a seed that does not; so can a protocol, and a run of today for one of
last week. Each of these is another look at the same SAEs. Where what they failed is shown no more to a claim that
needs it, people agree; what a run on more data, by the same protocol, says in place of an earlier one needs nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gatekit.claims.model import Claim
from gatekit.evidence.summary import Measurement, Protocol, Summary
from gatekit.gates.evaluate import judged_by
from gatekit.gates.verdict import Outcome
from gatekit.policy import Policy
from gatekit.policy.model import thresholds
from gatekit.pull_request.continuity import observed, shape
from gatekit.pull_request.continuity_claims import Announced, outcomes_on
from gatekit.pull_request.side import BranchContents
from gatekit.pull_request.trust_root import TrustChange

MOST_JUDGED = 200
"""Summaries of the base that are judged for the claims of one change."""


def as_widely(new: Summary, old: Summary, measure: str) -> bool:
    """Whether a measurement says of a measure all that an earlier one by the same protocol did, or more.

    Args:
        new: with the measure; an older run than the other one takes nothing of it back.
        old: with the measure.
        measure: its name.
    """
    ours, theirs = new.measurements[measure], old.measurements[measure]
    return (
        new.finished >= old.finished
        and _same_but_for_data(new.protocol, old.protocol)
        and set(new.protocol.datasets) >= set(old.protocol.datasets)
        and new.protocol.rows >= old.protocol.rows
        and _levels(ours) >= _levels(theirs)
        and not _counts_less(new, old, ours, theirs)
    )


def _counts_less(new: Summary, old: Summary, ours: Measurement, theirs: Measurement) -> bool:
    """Whether it says of itself less of what its bound pays for: candidates that it is the best of, near copies."""
    chosen, before = new.protocol.selection, old.protocol.selection
    if chosen.candidates < before.candidates or (before.candidates > 1 and chosen.seeds != before.seeds):
        return True
    now = _together(ours)
    return not all(any(family <= one for one in now) for family in _together(theirs))


def _together(measurement: Measurement) -> frozenset[frozenset[int | str]]:
    """Return the datasets or rows that are one family, family by family; those that stand alone are none."""
    members: dict[str, set[int | str]] = {}
    for key, family in zip(measurement.keys, measurement.families or (), strict=False):
        members.setdefault(family, set()).add(key[-1])
    return frozenset(frozenset(one) for one in members.values() if len(one) > 1)


def _same_but_for_data(new: Protocol, old: Protocol) -> bool:
    kinds = new.baseline_kind == old.baseline_kind
    return new.name == old.name and new.ks == old.ks and kinds and dict(new.settings) == dict(old.settings)


def _levels(measurement: Measurement) -> set[int | str]:
    """Return the datasets or rows that observations are of."""
    crossed = measurement.design in ("per_seed_dataset", "per_seed_row")
    return {key[1] for key in measurement.keys} if crossed else set()


def is_passed_over(old: Summary, here: Sequence[Summary], measures: Collection[str]) -> bool:
    """Whether SAEs that an old summary measured are measured here, but one of them not as widely, or not at all.

    Args:
        old: what nothing shows as it is any more.
        here: evidence that a claim stands on.
        measures: of the kind, that its gates read.
    """
    own = {one.sha256 for one in old.subject.checkpoints}
    alike = [s for s in here if shape(s) == shape(old) and observed(s) & set(measures) & observed(old)]
    shared = [(s, own & {one.sha256 for one in s.subject.checkpoints}) for s in alike]
    if not any(saes for _, saes in shared):
        return False
    for measure in observed(old) & set(measures):
        covered: set[str] = set()
        for summary, saes in shared:
            if measure in observed(summary) and as_widely(summary, old, measure):
                covered |= saes
        if covered != own:
            return True
    return False


def measures_read(policy: Policy, gates: Collection[str], kind: str) -> set[str]:
    """Return the measures of a kind that some gates of a policy read."""
    rules = (rule for gate in policy.gates if gate.name in gates for rule in thresholds(gate.rule))
    return {rule.measure.name for rule in rules if rule.kind == kind}


@dataclass(frozen=True)
class _Needs:
    """What must pass after the change, and on what."""

    words: str
    policy: Policy
    gates: frozenset[str]
    here: Sequence[Summary]
    left: Sequence[Summary]
    """Evidence of the base that it stood on, or that is nowhere any more."""


def measured_otherwise(
    base: BranchContents, head: BranchContents, policies: Sequence[Policy], announced: Announced
) -> list[TrustChange]:
    """Return the base's evidence that failed and that something else of the same SAEs stands for in a supported claim.

    Without a registry it is every required gate that needs it.

    Args:
        base: what judges.
        head: what is judged.
        policies: that judge.
        announced: of a summary of the head.
    """
    there = {summary.sha256 for summary in head.summaries}
    gone = [summary for summary in base.summaries if summary.sha256 not in there]
    found: dict[str, TrustChange] = {}
    judged = 0
    for needs in _needs(base, head, policies, gone):
        for was in needs.left:
            measures = measures_read(needs.policy, needs.gates, was.kind)
            if was.path in found or not is_passed_over(was, needs.here, measures):
                continue
            stand = [s for s in needs.here if shape(s) == shape(was)]
            if stand and all(map(announced, stand)):
                continue
            judged += 1
            if judged > MOST_JUDGED:
                what = f"more than {MOST_JUDGED} of the base's measurements were made otherwise: not all were looked at"
                return [*found.values(), TrustChange(was.path, what, of_evidence=True)]
            own = [s for s in base.summaries if s.subject.digest == was.subject.digest and s.kind != was.kind]
            failed = sorted(_failing(needs, [was, *own], was.kind))
            if failed:
                said = f"its SAEs failed {', '.join(failed)}, and are measured otherwise, on less or not all of them"
                found[was.path] = TrustChange(was.path, f"{said}, for {needs.words}", of_evidence=True)
    return list(found.values())


def _failing(needs: _Needs, summaries: Sequence[Summary], kind: str) -> Iterator[str]:
    for name, outcome in outcomes_on([needs.policy], summaries, kind).items():
        if outcome is Outcome.FAIL and name in needs.gates:
            yield name


def _needs(
    base: BranchContents, head: BranchContents, policies: Sequence[Policy], gone: Sequence[Summary]
) -> Iterator[_Needs]:
    by_id = {policy.id: policy for policy in policies if not policy.stops}
    if head.registry is None:
        for policy in by_id.values():
            gates = frozenset(gate.name for gate in policy.gates if gate.required and gate.level == "enforce")
            here = [summary for summary in head.summaries if judged_by(policy, summary)]
            yield _Needs(f"policy '{policy.id}'", policy, gates, here, gone)
        return
    for claim in head.registry.claims:
        if claim.status != "supported" or claim.policy not in by_id:
            continue
        here = [summary for summary in head.summaries if claim.stands_on(summary.path)]
        left = [*gone, *_left_behind(base, claim, gone)]
        if left:
            yield _Needs(f"claim '{claim.id}'", by_id[claim.policy], frozenset(claim.gates), here, left)


def _left_behind(base: BranchContents, claim: Claim, gone: Iterable[Summary]) -> list[Summary]:
    """Return what the claim stood on until now and stands on no more, though it is there still."""
    was = base.registry.claim(claim.id) if base.registry is not None else None
    if was is None or was.evidence == claim.evidence:
        return []
    known = {summary.sha256 for summary in gone}
    return [
        s for s in base.summaries if was.stands_on(s.path) and not claim.stands_on(s.path) and s.sha256 not in known
    ]
