"""What a change of evidence moves: each threshold's numbers on the base and after the merge, by the same policy."""

from __future__ import annotations

from dataclasses import dataclass

from gatekit.gates.following import followed
from gatekit.gates.verdict import ThresholdResult, Verdict


@dataclass(frozen=True)
class Move:
    """One threshold that says something else after the merge."""

    policy: str
    gate: str
    rule: str
    """What the threshold is called inside its gate."""
    before: ThresholdResult
    """On the base's evidence."""
    after: ThresholdResult
    """On the evidence after the merge."""


def moves(before: Verdict | None, after: Verdict | None) -> list[Move]:
    """Return every threshold whose outcome or numbers differ, in the policies' order.

    Args:
        before: the base's policies on the base's evidence.
        after: the same on the evidence after the merge; policies that only the change has are new, and no move.
    """
    old = {key: rule for key, _, rule in followed(before)}
    pairs = ((key, old[key], rule) for key, _, rule in followed(after) if key in old)
    return [
        Move(policy, gate, name, earlier, rule)
        for (policy, gate, name, _), earlier, rule in pairs
        if _said(earlier) != _said(rule)
    ]


def _said(rule: ThresholdResult) -> tuple[object, ...]:
    measured = rule.measured
    numbers = None if measured is None else (measured.estimate, measured.lower, measured.upper)
    return rule.outcome, numbers
