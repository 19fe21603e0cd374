"""Evidence that takes the place of other evidence: the same SAEs measured again, or others under the same name.

Seeds that were trained again, seeds that are gone and another subject in a file's place are choices of what to show. A
supported claim that stands on such a file needs people's approval, whatever the new numbers say. Seeds that are added,
and the same checkpoints measured again, are no such choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gatekit.evidence.summary import Subject, Summary
from gatekit.gates.verdict import Outcome, Verdict, thresholds_in
from gatekit.pull_request.side import BranchContents
from gatekit.pull_request.trust_root import TrustChange


def replaced_evidence(
    base: BranchContents, head: BranchContents, judged_base: Callable[[], Verdict | None]
) -> list[TrustChange]:
    """Return each file of evidence of a supported claim whose SAEs are no longer those that it measured on the base.

    Args:
        base: before the change.
        head: after it.
        judged_base: the base's policies on the base's evidence; asked only where something was replaced.
    """
    after = {summary.path: summary for summary in head.summaries}
    found = []
    for old in base.summaries:
        new = after.get(old.path) or _moved(old, head)
        what = None if new is None or not _is_asserted(head, new.path) else _replaced(old, new)
        if new is not None and what is not None:
            failed = sorted(set(_failed(old.path, judged_base())))
            past = f"; the old ones did not pass {', '.join(failed)}" if failed else ""
            found.append(TrustChange(new.path, what + past))
    return found


def _moved(old: Summary, head: BranchContents) -> Summary | None:
    """The one file of the head that measures what a file that is gone measured."""
    if old.path in head.tree:
        return None
    alike = [new for new in head.summaries if new.kind == old.kind and _shape(new.subject) == _shape(old.subject)]
    if len(alike) != 1 or any(summary.sha256 == old.sha256 for summary in head.summaries):
        return None
    return alike[0]


def _is_asserted(head: BranchContents, path: str) -> bool:
    """Whether a supported claim stands on a file; where nothing is registered, every required gate does."""
    if head.registry is None:
        return True
    return any(claim.status == "supported" and claim.stands_on(path) for claim in head.registry.claims)


def _replaced(old: Summary, new: Summary) -> str | None:
    if old.status != "ok" or new.status != "ok":
        return None
    if old.kind != new.kind or _shape(old.subject) != _shape(new.subject):
        return f"now about {new.subject.words} in place of {old.subject.words}"
    before = {checkpoint.seed: checkpoint.sha256 for checkpoint in old.subject.checkpoints}
    now = {checkpoint.seed: checkpoint.sha256 for checkpoint in new.subject.checkpoints}
    retrained = [seed for seed, sha256 in before.items() if seed in now and now[seed] != sha256]
    measured = set(new.protocol.seeds) or set(now)
    gone = [seed for seed in before if seed not in now or (old.protocol.seeds and seed not in measured)]
    parts = [_seeds(retrained, "trained again")] if retrained else []
    parts += [_seeds(gone, "left out")] if gone else []
    return "; ".join(parts) or None


def _seeds(seeds: list[int], what: str) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]} {what}"
    return f"{len(seeds)} seeds {what}"


def _shape(subject: Subject) -> tuple[str | int | None, ...]:
    model = subject.model_digest or subject.model_name
    return model, subject.hook, subject.d_model, subject.architecture, subject.d_sae, subject.k


def _failed(path: str, verdict: Verdict | None) -> Iterator[str]:
    """Yield the gates that did not pass on a file of the base."""
    for policy in verdict.policies if verdict is not None else ():
        for gate in policy.gates:
            read = {rule.evidence.path for rule in thresholds_in(gate.result) if rule.evidence is not None}
            if gate.outcome is not Outcome.PASS and path in read:
                yield gate.name
