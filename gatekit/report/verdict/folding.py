"""What a report may fold into a name: a gate that passes, counts, and has nothing weaker about it to be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gatekit.exit_codes import ExitCode
from gatekit.gates.every_seed import EXCLUDED
from gatekit.gates.looks import is_unannounced
from gatekit.gates.regression import ACROSS_SUBJECTS, PAIRED_ON
from gatekit.gates.threshold import BY_CONSTRUCTION
from gatekit.gates.verdict import GateResult, Outcome, PolicyResult, ThresholdResult, thresholds_in

WEAKER_NOTES = (BY_CONSTRUCTION, ACROSS_SUBJECTS, PAIRED_ON)
"""What the notes start with of passes that are always shown."""


def told_apart(gates: Sequence[GateResult]) -> tuple[list[GateResult], list[GateResult]]:
    """Return the gates to show in full and those to name only, each in the policy's order."""
    plain = [gate for gate in gates if _is_plain(gate)]
    return [gate for gate in gates if not _is_plain(gate)], plain


def is_folded(policy: PolicyResult) -> bool:
    """Whether a policy's pass fits one line: every gate is plain, and it has no note but those that most have."""
    quiet = all(is_unannounced(note) or EXCLUDED in note for note in policy.notes)
    return policy.code is ExitCode.PASS and quiet and bool(policy.gates) and all(map(_is_plain, policy.gates))


def said_once(policies: Iterable[PolicyResult]) -> list[str]:
    """Return the notes that folded policies share and that a report says once, below them."""
    return list(dict.fromkeys(note for policy in policies for note in policy.notes if not is_unannounced(note)))


def remarks(gates: Sequence[GateResult]) -> str:
    """Return how many remarks the thresholds of gates have; "" where none."""
    count = sum(len(rule.notes) for gate in gates for rule in thresholds_in(gate.result))
    return f"{count} remark{'s' * (count != 1)}" if count else ""


def _is_plain(gate: GateResult) -> bool:
    return gate.outcome is Outcome.PASS and gate.enforced and not any(map(_is_weaker, thresholds_in(gate.result)))


def _is_weaker(rule: ThresholdResult) -> bool:
    """Whether a threshold is none that passes by a bound, or by each seed's value, over all observations of a subject.

    By an optimistic bound passes what is not shown to fail; a difference that is 0 by construction compares nothing;
    one to another subject, or on a part of the seeds, is of something else than its name says.
    """
    if rule.outcome is not Outcome.PASS or rule.self_reported or rule.bound in ("point", "optimistic"):
        return True
    return any(note.startswith(start) for note in rule.notes for start in WEAKER_NOTES)
