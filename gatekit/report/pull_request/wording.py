"""The verdict on a pull request in sentences and rows: what the reports for people say, whatever they look like.

Everything here is raw text that may hold what other people wrote; each format makes it inert for its own readers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gatekit.claims.claim_change import ClaimChange, SideBySide
from gatekit.claims.finding import Finding
from gatekit.claims.slots import ContextNumber
from gatekit.gates.verdict import Outcome, PolicyResult
from gatekit.policy import PolicyDiff
from gatekit.policy.diff import Change
from gatekit.pull_request.approval import by_review
from gatekit.pull_request.continuity_claims import SubjectChange
from gatekit.pull_request.moves import Move
from gatekit.pull_request.trust_root import TrustChange
from gatekit.pull_request.verdict import ClaimGate, Flip, PullRequestVerdict
from gatekit.report.verdict.wording import OUTCOMES, cells

SHOWN = 25
"""Rows of a list that people read; the JSON report has all."""

WORDS_OF_CLAIMS = {
    "added": "new",
    "strengthened": "strengthened",
    "weakened": "weakened",
    "tightened": "needs more",
    "removed": "withdrawn",
    "sentence_changed": "reworded",
    "number_changed": "number",
    "rules_changed": "rules",
    "document_removed": "document",
}

PREVIEW = "The base branch's policy judges this change; its own policy is a preview until it is merged."
ADVISORY = "No claim in this change needs these gates to pass: they are shown, and do not block it."
UNREGISTERED = "No claim is registered, so every required gate must pass."
ALREADY = "Not caused by this change, and not blocking it."


def headline(verdict: PullRequestVerdict) -> str:
    """Return the verdict, its exit code and the reason in one line, without `verdict: ` in front."""
    return f"{verdict.word} (exit {int(verdict.code)}): {verdict.because}"


def footer(verdict: PullRequestVerdict) -> str:
    """Return what was judged by what, when and by which gatekit."""
    head = f"Project {verdict.root}: head" if verdict.root else "Head"
    return (
        f"{head} {verdict.head[:12]} merged into base {verdict.base_name} at {verdict.base[:12]}, which judges; "
        f"at {verdict.now:%Y-%m-%d %H:%M} UTC by gatekit {verdict.version}."
    )


def approval(verdict: PullRequestVerdict, named: Callable[[str], str]) -> str:
    """Return who has approved, or must.

    Args:
        verdict: with trust changes.
        named: how a label's name is written.
    """
    if verdict.approved_by is not None and by_review(verdict.approved_by):
        return f"Approved by a code owner's review of this commit: {named(verdict.approved_by)}."
    if verdict.approved_by is not None:
        return f"Approved by the label {named(verdict.approved_by)}."
    return f"People have to agree to this commit: it needs the label {named(verdict.approval)}."


def judging_changes(verdict: PullRequestVerdict) -> list[TrustChange]:
    """Return the changes to what judges."""
    return [change for change in verdict.trust if not change.of_evidence]


def needs_people(verdict: PullRequestVerdict) -> bool:
    """Whether a change of evidence needs approval, and no change to what judges has said so already."""
    return any(change.of_evidence for change in verdict.trust) and not judging_changes(verdict)


def subject_words(change: SubjectChange) -> str:
    """Return what became of one subject, and whether that needs approval."""
    return f"{change.what} (needs approval)" if change.needs_approval else change.what


def evidence_words(verdict: PullRequestVerdict) -> list[tuple[str, str]]:
    """Return path and words of everything that became of evidence which the base judged by."""
    told = {(change.path, change.what) for change in verdict.subjects}
    others = [change for change in verdict.trust if change.of_evidence and (change.path, change.what) not in told]
    return [
        *((change.path, subject_words(change)) for change in verdict.subjects),
        *((change.path, f"{change.what} (needs approval)") for change in others),
    ]


MOVED = ("gate", "estimate", "bound", "threshold", "outcome")
"""Headings of what moved."""


def moved_title(verdict: PullRequestVerdict) -> str:
    """Return what the section about moved thresholds is called."""
    count = len(verdict.moved)
    return f"What moved since {verdict.base_name}: {count} threshold{'' if count == 1 else 's'}"


def move_words(move: Move, arrow: str) -> tuple[str, str, str, str, str]:
    """Return one moved threshold as the cells under `MOVED`; what did not move stands once."""
    before, after = cells(move.before), cells(move.after)
    outcomes = OUTCOMES[move.before.outcome], OUTCOMES[move.after.outcome]

    def both(old: str, new: str) -> str:
        return new if old == new else f"{old} {arrow} {new}"

    numbers = both(before.estimate, after.estimate), both(before.bound, after.bound)
    return f"{move.policy}/{move.gate}: {move.rule}", *numbers, after.threshold, both(*outcomes)


SUBJECTS = "Measured on the base branch, and not as it was:"


def gates_of(verdict: PullRequestVerdict, change: ClaimChange) -> list[ClaimGate]:
    """Return the gates that must pass because of one change of a claim."""
    return [gate for gate in verdict.claim_gates if gate.claim in change.makes_blocking]


def outcome_of(outcome: Outcome | None) -> str:
    """Return an outcome as a report shows it."""
    return "not there" if outcome is None else OUTCOMES[outcome]


def changed_parts(diff: PolicyDiff) -> list[tuple[str, str, str]]:
    """Return (gate, change, what) for each gate that changed, then for what lies outside the gates."""
    rows = [(gate.name, str(gate.change), "; ".join(detail.what for detail in gate.details)) for gate in diff.gates]
    return rows + [("", str(detail.change), detail.what) for detail in (*diff.settings, *diff.waivers)]


def flip_words(flip: Flip, arrow: str) -> str:
    """Return what one outcome would become."""
    return f"{outcome_of(flip.before)} {arrow} {outcome_of(flip.after)}"


def about(change: ClaimChange) -> tuple[str | None, str]:
    """Return the place in a document where a number changed, and what changed."""
    place = change.location if change.kind == "number_changed" else None
    return (None if place is None else f"{place.path}:{place.line}"), change.message


def side_by_side(verdict: PullRequestVerdict) -> list[tuple[str | None, SideBySide]]:
    """Return (claim, both) of each part of a claim that says or stands on something else now."""
    return [(change.claim, change.sides) for change in verdict.claims if change.sides is not None]


def origin(verdict: PullRequestVerdict, policy: str) -> str:
    """Return whose policy it is."""
    brought = any(diff.policy == policy and diff.change is Change.ADDED for diff in verdict.policies)
    return "brought by this change" if brought else "of the base branch"


def needs(verdict: PullRequestVerdict, policy: str, named: Callable[[str], str]) -> str:
    """Return which gates of a policy must pass because of this change.

    Args:
        verdict: of the pull request.
        policy: id of the policy.
        named: how a gate's name is written.
    """
    if not verdict.registered:
        return UNREGISTERED
    gates = ", ".join(named(gate) for gate in needed_in(verdict, policy))
    return f"This change needs {gates}; any other gate is shown, and does not block it." if gates else ADVISORY


def needed_in(verdict: PullRequestVerdict, policy: str) -> list[str]:
    """Return the gates of a policy that must pass because of this change, in the policy's order."""
    if not verdict.registered and verdict.judged is not None:
        judged = [result for result in verdict.judged.policies if result.id == policy]
        return [gate.name for result in judged for gate in result.gates if gate.enforced]
    return list(dict.fromkeys(g.gate for g in verdict.claim_gates if g.blocking and g.policy == policy))


def state_of(policy: PolicyResult) -> str:
    """Return how many gates of a policy pass; its verdict would sound as if it decided."""
    passing = sum(gate.outcome is Outcome.PASS for gate in policy.gates)
    return f"{passing} of {len(policy.gates)} gates pass"


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings by weight, then in the order of files and lines."""

    def place(finding: Finding) -> tuple[str, int, int]:
        location = finding.location
        return ("", 0, 0) if location is None else (location.path, location.line or 0, location.column or 0)

    return sorted(findings, key=lambda finding: (-int(finding.code == 4), -int(finding.code == 2), place(finding)))


def left_out(count: int) -> str:
    """Return what stands under a list that was cut."""
    return f"and {count} more, which the JSON report names"


CONTEXT = "Shown in the sentences of claims, and judged by none of their gates:"


def context_words(number: ContextNumber) -> tuple[str, str]:
    """Return where a number stands that is shown as context, and what it is of which claim."""
    return str(number.location), f"{number.printed} of claim '{number.claim}' is {number.shows}"
