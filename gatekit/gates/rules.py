"""A rule of a gate on the evidence: one threshold, or several that are combined."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.errors import GatekitError
from gatekit.gates.context import EvaluationContext
from gatekit.gates.threshold import judge
from gatekit.gates.verdict import CombinedResult, Outcome, RuleResult, Why
from gatekit.policy.model import Rule, Threshold


def judge_rule(rule: Rule, context: EvaluationContext) -> tuple[RuleResult, list[GatekitError]]:
    """Return the outcome of a rule, and what its evaluation found wrong with the policy."""
    if isinstance(rule, Threshold):
        return judge(rule, context)
    children: list[RuleResult] = []
    errors: list[GatekitError] = []
    for part in rule.rules:
        result, part_errors = judge_rule(part, context)
        children.append(result)
        errors += part_errors
    if rule.operator == "first_of":
        outcome, reason = _first_of(children)
    else:
        outcome, reason = combine(rule.operator == "all_of", [child.outcome for child in children])
    return CombinedResult(outcome, Why.COMBINED, reason, rule.operator, tuple(children), rule.location), errors


def combine(need_all: bool, outcomes: Sequence[Outcome]) -> tuple[Outcome, str]:
    """Return the three-valued and/or, with counts in words: what is unknown decides unless something known has."""
    count = {outcome: outcomes.count(outcome) for outcome in Outcome}
    counted = ", ".join(f"{n} {outcome}" for outcome, n in count.items() if n)
    # One failure settles `all_of`, one pass settles `any_of`; nothing unknown can change that.
    decisive = Outcome.FAIL if need_all else Outcome.PASS
    otherwise = Outcome.PASS if need_all else Outcome.FAIL
    if count[decisive]:
        return decisive, counted
    return (Outcome.INCONCLUSIVE if count[Outcome.INCONCLUSIVE] else otherwise), counted


def _first_of(children: Sequence[RuleResult]) -> tuple[Outcome, str]:
    for number, child in enumerate(children, 1):
        # An alternative decides only where everything in it was measured, even if a part alone would settle it.
        if child.outcome is not Outcome.INCONCLUSIVE and not _holds_inconclusive(child):
            return child.outcome, f"decided by alternative {number} of {len(children)}: the first that was measured"
    return Outcome.INCONCLUSIVE, f"none of {len(children)} alternatives was measured"


def _holds_inconclusive(result: RuleResult) -> bool:
    if isinstance(result, CombinedResult):
        return any(_holds_inconclusive(child) for child in result.children)
    return result.outcome is Outcome.INCONCLUSIVE
