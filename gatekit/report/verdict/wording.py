"""A verdict in numbers and sentences: what the reports for people say, whatever they look like.

Everything here is raw text that may hold what other people wrote; each format makes it inert for its own readers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import (
    CombinedResult,
    GateResult,
    Outcome,
    PolicyResult,
    RuleResult,
    ThresholdResult,
    Verdict,
    shared_reason,
    thresholds_in,
)
from gatekit.policy.limits import clause, meets_range, narrowed, sides
from gatekit.stats import true_power_range

POWER = 0.8
"""The probability that `BoundedEstimate.detectable` is stated for."""

POWER_LEAD = f"would have passed with probability {POWER:g} at a true value of"

UNREACHABLE = "no value that it can have"

OUTCOMES = {Outcome.PASS: "pass", Outcome.FAIL: "FAIL", Outcome.INCONCLUSIVE: "inconclusive"}
"""A failure stands out in a column of passes, colour or not."""

OPERATORS = {"all_of": "all of", "any_of": "any of", "first_of": "first of"}

NAMED = 3
"""So many gates are named in the verdict line; the tables name all."""


def number(value: float, signed: bool = False) -> str:
    """Return four significant digits, without an exponent between 0.0001 and 10 million; whole digits are all kept."""
    if not math.isfinite(value) or value == 0.0:
        return f"{value:g}".removeprefix("-0") or "0"
    sign = "-" if value < 0 else "+" if signed else ""
    scientific = f"{abs(value):.3e}"
    exponent = int(scientific[-3:])
    return sign + (f"{abs(value):.{max(0, 3 - exponent)}f}" if -4 <= exponent < 7 else scientific)


@dataclass(frozen=True)
class Cells:
    """One threshold's row; a dash stands for what was not measured."""

    estimate: str
    bound: str
    threshold: str
    margin: str
    n: str


def cells(rule: ThresholdResult) -> Cells:
    """Return the numbers of one threshold as text.

    Differences show their sign on both sides of zero, within one row always alike; a margin always shows it.
    """
    measured = rule.measured
    if measured is None:
        return Cells("-", "-", rule.effect.asks, "-", "-")
    signed = _is_difference(rule)
    return Cells(
        estimate=number(measured.estimate, signed),
        bound=_bound(rule, signed),
        threshold=rule.effect.asks,
        margin=number(measured.margin, signed=True),
        n="-" if measured.n_seeds is None else str(measured.n_seeds),
    )


def _is_difference(rule: ThresholdResult) -> bool:
    beyond_zero = any(side.limit <= 0.0 for side in sides(rule.effect.limits))
    return beyond_zero or (rule.measured is not None and rule.measured.estimate < 0.0)


def _bound(rule: ThresholdResult, signed: bool) -> str:
    """Return the side of the interval that was compared; `point` where the policy compares the estimate itself."""
    if rule.bound == "point":
        return "point"
    if rule.bound == "every_seed":
        return "every seed"
    compared = [side.bound(*rule.compared) for side in sides(rule.effect.limits)]
    return " to ".join("-" if side is None else number(side, signed) for side in compared)


def rule_name(rule: RuleResult, gate: str) -> str:
    """Return what a rule is called inside its gate: its effect, or how rules are combined."""
    if isinstance(rule, CombinedResult):
        return OPERATORS[rule.operator]
    return rule.effect.name_in(gate)


def outcome_words(gate: GateResult) -> str:
    """Return a gate's outcome and, where it is not a pass, the one word that says why it does not count."""
    word = OUTCOMES[gate.outcome]
    if gate.outcome is Outcome.PASS or gate.enforced:
        return word
    return f"{word}, {'waived' if gate.waiver else 'warn' if gate.level == 'warn' else 'optional'}"


def gate_marks(gate: GateResult) -> list[str]:
    """Return, in words, everything that keeps a gate's outcome from counting."""
    marks = []
    if gate.waiver is not None:
        waiver = gate.waiver
        marks.append(f"waived until {waiver.expires.isoformat()} by {waiver.owner}: {waiver.reason}")
    if gate.level == "warn":
        marks.append("level warn: reported, does not block")
    if not gate.required:
        marks.append("not required: reported, does not block")
    return marks


def rule_marks(rule: RuleResult) -> list[str]:
    """Return, in words, what makes a threshold's number weaker, and its notes."""
    if isinstance(rule, CombinedResult):
        return []
    marks = []
    if rule.bound == "point":
        marks.append("point estimate: weaker, no confidence bound was asked for")
    if rule.bound == "optimistic":
        marks.append("optimistic bound: weaker, passes whatever the evidence does not refute")
    if rule.self_reported:
        marks.append("self-reported: weaker, another tool's own number without observations")
    return marks + list(rule.notes)


def explanation(rule: RuleResult) -> str:
    """Return in one line why a rule does not pass, down to the thresholds that decided."""
    if isinstance(rule, CombinedResult):
        shared = shared_reason(rule)
        if shared is not None:
            return f"{OPERATORS[rule.operator]}: {rule.reason}: {shared}"
        deciding = [explanation(child) for child in rule.children if child.outcome is not Outcome.PASS]
        return "; ".join([f"{OPERATORS[rule.operator]}: {rule.reason}", *deciding])
    row = cells(rule)
    compared = f"estimate {row.estimate}" if rule.bound in ("point", "every_seed") else f"bound {row.bound}"
    numbers = f" ({compared}, threshold {row.threshold})" if rule.measured is not None else ""
    return f"{rule.effect.name}: {rule.reason}{numbers}"


def power(policy: PolicyResult) -> list[tuple[str, str]]:
    """Return, per judged threshold, its name and the true value that would have passed with probability `POWER`."""
    stated = []
    for rule in (rule for gate in policy.gates for rule in thresholds_in(gate.result)):
        needed = value_needed(rule)
        if needed is not None:
            stated.append((rule.effect.name, needed))
    return list(dict.fromkeys(stated))


def power_range(policy: PolicyResult) -> str | None:
    """Return how uncertain the stated power is, for the rule whose spread is known worst; None where none is stated."""
    rules = [rule.measured for gate in policy.gates for rule in thresholds_in(gate.result) if value_needed(rule)]
    known = [(m.df, m.confidence) for m in rules if m is not None and m.df is not None and m.confidence is not None]
    if not known:
        return None
    df, confidence = min(known)
    low, high = true_power_range(confidence, df, POWER)
    return (
        f"the spread is estimated too: with {df:.3g} degrees of freedom the true power there is between "
        f"{low:.2f} and {high:.2f} in four of five cases"
    )


def value_needed(rule: ThresholdResult) -> str | None:
    """Return the true value that would have passed with probability `POWER`, in words; None where none is known."""
    if rule.measured is None or rule.measured.detectable is None:
        return None
    inside = narrowed(rule.effect.limits, rule.measured.detectable)
    if inside is None or not meets_range(inside, *rule.effect.range):
        return UNREACHABLE
    signed = _is_difference(rule)
    return clause(inside, lambda value: number(value, signed))


def headline(verdict: Verdict, named: Callable[[str], str] = str) -> str:
    """Return the verdict, its exit code and the reason in one line, without `verdict: ` in front.

    Args:
        verdict: what to sum up.
        named: how a gate's name is written; everything else in the line is gatekit's own words.
    """
    code = f"exit {int(verdict.exit_code)}"
    if verdict.exit_code != verdict.code:
        code += f", ADVISORY: would be exit {int(verdict.code)}"
    return f"{verdict.word} ({code}): {_because(verdict, named)}"


def _because(verdict: Verdict, named: Callable[[str], str]) -> str:
    if verdict.errors:
        return _counted(len(verdict.errors), "error")
    if verdict.code is ExitCode.APPROVAL_NEEDED:
        return "the change touches what judges it"
    gates = [(policy, gate) for policy in verdict.policies for gate in policy.gates]
    if not gates:
        return "no gate was evaluated"
    names: dict[Outcome, list[str]] = {outcome: [] for outcome in Outcome}
    for policy, gate in gates:
        if gate.enforced:
            own = gate.name if len(verdict.policies) == 1 else f"{policy.id}/{gate.name}"
            names[gate.outcome].append(named(own))
    because = []
    if names[Outcome.FAIL]:
        because.append(_listed(names[Outcome.FAIL], "fails", "fail"))
    if names[Outcome.INCONCLUSIVE]:
        because.append(_listed(names[Outcome.INCONCLUSIVE], "is inconclusive", "are inconclusive"))
    if not any(gate.enforced for _, gate in gates):
        because.append("no gate counts: each is waived, of level warn or not required")
    return "; ".join(because) or _tally([gate for _, gate in gates])


def _tally(gates: Sequence[GateResult]) -> str:
    counting = [gate for gate in gates if gate.enforced]
    passing = [gate for gate in counting if gate.outcome is Outcome.PASS]
    plural = "s" if len(counting) != 1 else ""
    verb = "passes" if len(counting) == 1 else "pass"
    parts = [f"{len(passing)} of {len(counting)} required gate{plural} {verb}"]
    # A waived gate never counts, whatever its outcome.
    waived = sum(gate.required and gate.level == "enforce" and gate.waiver is not None for gate in gates)
    if waived:
        parts.append(f"{waived} waived")
    warnings = sum(gate.level == "warn" and gate.outcome is not Outcome.PASS for gate in gates)
    if warnings:
        parts.append(_counted(warnings, "warning"))
    return ", ".join(parts)


def _listed(names: Sequence[str], one: str, several: str) -> str:
    if len(names) == 1:
        return f"{names[0]} {one}"
    if len(names) > NAMED:
        shown = f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    else:
        shown = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{shown} {several}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
