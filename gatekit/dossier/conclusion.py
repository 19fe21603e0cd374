"""What a verdict allows people to say: per threshold what may and what may not be claimed, never more than was judged.

Claims begin with `MAY_CLAIM` and exist only where the whole verdict passes, the gate counts, and a confidence bound on
our own observations met its threshold. Everything else that was measured may be reported as a measurement. Bounds are
rounded to the cautious side, so no printed number claims more than the computed one.

The sentences are finished for one kind of page: what other people wrote goes through its `Writing`, and the words of
gatekit's own hold nothing that Markdown or HTML would act on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import (
    BoundedEstimate,
    GateResult,
    Outcome,
    PolicyResult,
    ThresholdResult,
    Verdict,
    thresholds_in,
)
from gatekit.policy.limits import exact, holds, sides
from gatekit.report.verdict.wording import gate_marks, number, outcome_words, rule_marks

MAY_CLAIM = "It may be claimed"
"""How every claim begins; in a dossier whose verdict is no pass these words do not occur."""
CARRIES = "The evidence carries"
"""How the conclusion of a pass begins, and of nothing else."""

LIMITS = (
    "Every sentence is about the subject, the seeds, the datasets and the protocol of the summaries in this folder. "
    "Another model, hook, architecture, width or dataset is not covered.",
    "Each bound holds at its own one-sided confidence. That all of them hold at once is less certain than that.",
    "The gates judge the observations as they were written down. They cannot tell whether these were measured "
    "honestly, nor whether the thresholds are wise.",
)


@dataclass(frozen=True)
class Writing:
    """How a kind of page writes what other people wrote."""

    name: Callable[[str], str]
    """A gate, a measurement, a subject, a policy."""
    text: Callable[[str], str]
    """Running text."""
    own: Callable[[str], str]
    """Words of gatekit's own that hold signs, such as how a bound is made."""


PLAIN = Writing(str, str, str)


@dataclass(frozen=True)
class MeasurementStatement:
    """What may be said about one measurement."""

    name: str
    meaning: str
    """What it measures, in whole sentences; empty where no schema says it."""
    outcome: Outcome
    may: tuple[str, ...]
    may_not: tuple[str, ...]
    """What may not be claimed."""
    open: str | None
    """That nothing can be said yet, and why."""
    marks: tuple[str, ...]
    """What makes the number weaker, and notes."""


@dataclass(frozen=True)
class GateStatement:
    """What may be said because of one gate."""

    name: str
    asks: str | None
    """The policy's own description: a question, whatever the outcome."""
    outcome: Outcome
    outcome_words: str
    marks: tuple[str, ...]
    measurements: tuple[MeasurementStatement, ...]


@dataclass(frozen=True)
class Conclusion:
    """What one policy of a verdict allows people to say."""

    headline: str
    gates: tuple[GateStatement, ...]


def conclude(
    verdict: Verdict, writing: Writing = PLAIN, baselines: Mapping[str, str] | None = None
) -> tuple[Conclusion, ...]:
    """Return what a verdict that was not refused allows people to say, policy by policy.

    Args:
        verdict: what was judged.
        writing: how what others wrote is written.
        baselines: per sha256 of a summary, the kind of its baseline, which every comparison then names.
    """
    conclusions = []
    for policy in verdict.policies:
        gates = tuple(_gate_statement(gate, policy, verdict, writing, baselines or {}) for gate in policy.gates)
        conclusions.append(Conclusion(_headline(verdict, policy, writing), gates))
    return tuple(conclusions)


def _gate_statement(
    gate: GateResult, policy: PolicyResult, verdict: Verdict, writing: Writing, baselines: Mapping[str, str]
) -> GateStatement:
    measurements = [
        _said(rule, _why_no_claim(rule, gate, policy, verdict), writing, baselines)
        for rule in thresholds_in(gate.result)
    ]
    return GateStatement(
        name=writing.name(gate.name),
        asks=None if gate.description is None else writing.text(gate.description.removesuffix(".")),
        outcome=gate.outcome,
        outcome_words=outcome_words(gate),
        marks=tuple(map(writing.text, gate_marks(gate))),
        measurements=tuple(measurements),
    )


def _headline(verdict: Verdict, policy: PolicyResult, writing: Writing) -> str:
    subject = "a candidate of which nothing was measured" if policy.subject is None else writing.name(policy.subject)
    name = writing.name(policy.id)
    enforced = [gate for gate in policy.gates if gate.enforced]

    def named(outcome: Outcome) -> str:
        return ", ".join(writing.name(gate.name) for gate in enforced if gate.outcome is outcome)

    failing, undecided = named(Outcome.FAIL), named(Outcome.INCONCLUSIVE)
    if policy.code is ExitCode.BLOCKED:
        besides = f"; not decided: {undecided}" if undecided else ""
        return f"What policy {name} asks may not be claimed of {subject}: failing: {failing}{besides}."
    if policy.code is ExitCode.INCONCLUSIVE:
        why = f"not decided: {undecided}" if undecided else "no gate counts"
        return f"Nothing can be said yet about whether {subject} is what policy {name} asks: {why}."
    if policy.code is ExitCode.APPROVAL_NEEDED or verdict.code is ExitCode.APPROVAL_NEEDED:
        return f"What policy {name} asks may not be claimed of {subject} before people approve what judges it."
    if verdict.code is not ExitCode.PASS:
        return (
            f"The gates of policy {name} pass by themselves, but the verdict as a whole is {verdict.word}: "
            f"nothing may be claimed of {subject} because of them."
        )
    if policy.legacy:
        return (
            f"Every required gate of policy {name} passes, but it is a legacy policy, which reproduces the rules of "
            f"another system: nothing may be claimed of {subject} because of it."
        )
    counted = "its one required gate passes" if len(enforced) == 1 else f"all {len(enforced)} required gates pass"
    aside = ", ".join(writing.name(gate.name) for gate in policy.gates if not gate.enforced)
    besides = f" Not counted, and no part of it: {aside}." if aside else ""
    return f"{CARRIES} what policy {name} asks of {subject}: {counted}.{besides}"


def _said(
    rule: ThresholdResult, why_no_claim: str | None, writing: Writing, baselines: Mapping[str, str]
) -> MeasurementStatement:
    description = rule.effect.spec.description
    baseline = None if rule.evidence is None else baselines.get(rule.evidence.sha256)
    # `text` leaves the full stop out, which a sentence before another one needs.
    meaning = [f"{writing.text(description.removesuffix('.'))}."]
    # Where a description names its own control, the protocol's baseline is another one.
    if "baseline" in description and baseline is not None:
        meaning.append(f"Baseline: {writing.name(baseline)}.")
    may, may_not = _sentences(rule, why_no_claim, writing)
    undecided = rule.outcome is Outcome.INCONCLUSIVE or rule.measured is None
    name = writing.name(rule.effect.name)
    reason = writing.text(rule.reason.removesuffix("."))
    return MeasurementStatement(
        name=name,
        meaning=" ".join(meaning),
        outcome=rule.outcome,
        may=tuple(may),
        may_not=tuple(may_not),
        open=f"Nothing can be said yet about {name}: {reason}." if undecided else None,
        marks=tuple(writing.text(mark) for mark in rule_marks(rule)),
    )


def _why_no_claim(rule: ThresholdResult, gate: GateResult, policy: PolicyResult, verdict: Verdict) -> str | None:
    """Return why a threshold that passes is still no claim; None where it is one."""
    if verdict.code is not ExitCode.PASS:
        return f"the verdict is {verdict.word}"
    if policy.legacy:
        return "the policy is a legacy one"
    if gate.outcome is not Outcome.PASS:
        return "its gate does not pass"
    if not gate.enforced:
        return "its gate does not count"
    if rule.bound != "confidence":
        return "no confidence bound was asked for"
    if rule.self_reported:
        return "it is another tool's own number, without observations"
    return None


def _sentences(rule: ThresholdResult, why_no_claim: str | None, writing: Writing) -> tuple[list[str], list[str]]:
    """Return (what may be said, what may not be claimed)."""
    measured, name = rule.measured, writing.name(rule.effect.name)
    asks = rule.effect.clause
    asked, missed = f"that {name} is {asks}", f"that {name} is not {asks}"
    if rule.outcome is Outcome.INCONCLUSIVE or measured is None:
        return [], [f"{asked}."]
    estimate = _reported(rule, measured, writing)
    if rule.outcome is Outcome.PASS and why_no_claim is None:
        return [f"{MAY_CLAIM}, {_confidently(measured)}, that {name} is {_bounded(rule, measured)}. {estimate}"], []
    if rule.outcome is Outcome.PASS:
        return [f"As a measurement only: {estimate}"], [f"{asked}, because {why_no_claim}."]
    opposite = _opposite(rule, measured)
    if opposite is not None:
        return [f"The opposite was found, {_confidently(measured)}: {name} is {opposite}. {estimate}"], [f"{asked}."]
    if holds(rule.effect.limits, measured.estimate):
        weak = "The estimate is on the passing side, but the evidence is too weak: the bound is not."
        return [f"{weak} {estimate}"], [f"{asked}."]
    if rule.effect.every_seed:  # each seed's own value was compared: there is no bound that could leave anything open
        return [f"Not every seed meets the threshold. {estimate}"], [f"{asked}."]
    return [f"The estimate is on the failing side. {estimate}"], [f"{asked}.", f"{missed}: the bounds leave that open."]


def _confidently(measured: BoundedEstimate) -> str:
    confidence = "unstated" if measured.confidence is None else f"{measured.confidence:.6g}"
    return f"with one-sided confidence {confidence}{_over(measured)}"


def _over(measured: BoundedEstimate) -> str:
    if measured.n_seeds is None:
        return ""
    return f" over {measured.n_seeds} seed{'s' * (measured.n_seeds != 1)}"


def _bounded(rule: ThresholdResult, measured: BoundedEstimate) -> str:
    """Return what the compared bounds say, rounded so that it says no more."""
    said = []
    for side in sides(rule.effect.limits):
        bound = side.bound(measured.lower, measured.upper)
        if bound is not None:
            said.append(f"{side.words} {cautious(bound, up=side.upper)}")
    return " and ".join(said)


def _reported(rule: ThresholdResult, measured: BoundedEstimate, writing: Writing) -> str:
    """Return the numbers as a sentence about these observations alone."""
    bounds = [
        f"{word} {cautious(bound, up=up)}"
        for word, bound, up in (("lower", measured.lower, False), ("upper", measured.upper, True))
        if bound is not None and rule.bound == "confidence"
    ]
    told = f", bounds: {', '.join(bounds)}" if bounds else ", no bound"
    return (
        f"Estimate {number(measured.estimate)}{told}; threshold: {rule.effect.clause} ({writing.own(measured.method)})."
    )


def _opposite(rule: ThresholdResult, measured: BoundedEstimate) -> str | None:
    """Return what the bound on the other side establishes against the threshold; None where it does not."""
    if rule.bound != "confidence" or rule.self_reported:
        return None
    for side in sides(rule.effect.limits):
        # The bound that this side is not compared with: for at_least the upper one, below which the truth lies.
        other = measured.lower if side.upper else measured.upper
        if other is not None and side.inside(other) < 0.0:
            said = "at least" if side.upper else "at most"
            beyond = "above" if side.upper else "below"
            return f"{said} {cautious(other, up=not side.upper)}, {beyond} {exact(side.limit)}"
    return None


def cautious(value: float, up: bool) -> str:
    """Return a bound in four significant digits (whole digits are all kept), rounded away from what it bounds.

    Args:
        value: finite.
        up: for an upper bound.
    """
    exactly = Decimal(repr(value))  # the shortest text that is this number: 0.1, not the 55 digits of its double
    digits = max(4, exactly.adjusted() + 1) if exactly.adjusted() < 7 else 4
    context = Context(prec=digits, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    return number(float(exactly.normalize(context)))
