"""Who approved a change of what judges: always for one commit, so that nothing pushed later is approved with it.

By a label that carries the commit, `gatekit-approved-1a2b3c4d5e6f7a8b`, or by a review of that commit by a code owner
of every file that the approval is needed for. A label without a commit would stay when commits are pushed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gatekit.pull_request.codeowners import Rule, owners

APPROVAL_LABEL = "gatekit-approved"
"""What an approving label starts with."""
SHOWN_DIGITS = 16
"""Of the commit, in the label that reports name: nobody can make a second commit that starts with so many."""
FEWEST_DIGITS = 7
"""That a label must have. Two commits that share these can be made within minutes, so reports name more."""

_REVIEWED = "@"


@dataclass(frozen=True)
class Reviewers:
    """Who approved a commit by a review."""

    logins: frozenset[str]
    note: str | None = None
    """What a report says where reviews could not be read."""


NOBODY = Reviewers(frozenset())


@dataclass(frozen=True)
class ApprovalSource:
    """What a pull request has of approvals."""

    head: str | None = None
    """The commit that they must be for; None outside of a pull request, where nothing approves."""
    labels: frozenset[str] = frozenset()
    prefix: str = APPROVAL_LABEL
    reviewers: Callable[[], Reviewers] = lambda: NOBODY
    """Asked only where approval is needed and no label gives it."""


NO_APPROVAL = ApprovalSource()


@dataclass(frozen=True)
class Approval:
    """What approves, and what there is to say of what does not."""

    by: str | None
    """A label, or @login of a code owner; None where nothing approves."""
    notes: tuple[str, ...] = ()


def label_for(prefix: str, head: str) -> str:
    """Return the label that approves a commit."""
    return f"{prefix}-{head[:SHOWN_DIGITS]}"


def by_review(approved_by: str) -> bool:
    """Whether what approved is a review, and not a label."""
    return approved_by.startswith(_REVIEWED)


def approval(given: ApprovalSource, files: Sequence[str], code_owners: Iterable[Rule]) -> Approval:
    """Return what approves the changes of these files.

    Args:
        given: labels and reviews of the pull request.
        files: that need approval; a code owner must own each.
        code_owners: rules of the base branch.
    """
    head = given.head
    if head is None:
        return Approval(None)
    label = next((name for name in sorted(given.labels) if _carries(name, given.prefix, head)), None)
    if label is not None:
        return Approval(label)
    notes = [_useless(name, given.prefix) for name in sorted(given.labels) if _is_meant(name, given.prefix)]
    rules = list(code_owners)
    owned = [{owner.lower() for owner in owners(rules, path)} for path in files]
    if not rules or not all(owned):
        return Approval(None, tuple(notes))
    reviewed = given.reviewers()
    if reviewed.note is not None:
        notes.append(reviewed.note)
    approving = sorted(login for login in reviewed.logins if all(f"@{login.lower()}" in names for names in owned))
    return Approval(f"{_REVIEWED}{approving[0]}" if approving else None, tuple(notes))


def _carries(label: str, prefix: str, head: str) -> bool:
    digits = label.removeprefix(f"{prefix}-")
    return digits != label and len(digits) >= FEWEST_DIGITS and head.startswith(digits)


def _is_meant(label: str, prefix: str) -> bool:
    return re.fullmatch(rf"{re.escape(prefix)}(?:-[0-9a-f]+)?", label) is not None


def _useless(label: str, prefix: str) -> str:
    if label == prefix:
        return f"The label {label} approves nothing by itself: it would stay when commits are pushed."
    return f"The label {label} is for another commit."
