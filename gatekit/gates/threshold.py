"""One threshold on the evidence: find the one summary that can answer it, bound its effect, compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gatekit.errors import GatekitError
from gatekit.evidence.own_control import is_own_control
from gatekit.evidence.summary import Measurement, Summary
from gatekit.gates.base_controls import another_control
from gatekit.gates.bounds import (
    counts_trials,
    effective_confidence,
    interval,
    level_generalised,
    random_factors,
)
from gatekit.gates.choosing import chosen
from gatekit.gates.context import EvaluationContext
from gatekit.gates.diverged import diverged_saes, why_diverged
from gatekit.gates.effect import effect_of
from gatekit.gates.every_seed import excluded_failure_rate, of_every_seed
from gatekit.gates.looks import paid_for_looks
from gatekit.gates.notes import with_notes
from gatekit.gates.plausible import constant_side
from gatekit.gates.regression import base_notes, difference_to, find_base, why_no_base
from gatekit.gates.spread import resolution, without_spread
from gatekit.gates.usable import why_unusable
from gatekit.gates.verdict import BoundedEstimate, EvidenceUsed, Outcome, ThresholdResult, Why
from gatekit.policy.limits import compared, holds, margin, sides
from gatekit.policy.model import Threshold
from gatekit.registration.standing import NOT_REGISTERED
from gatekit.stats import Interval, minimum_detectable

_EVERY_SEED = "every seed meets the threshold", "not every seed meets the threshold"
NO_SPREAD = "equal to rounding, so nothing says how far another draw would be off"
"""What a measure that is not structural says of draws that all agree."""
BY_CONSTRUCTION = "equal by construction: the control is the subject itself"
"""What is said of a difference that is 0 because there are no two sides, and not because two were measured alike."""


def judge(rule: Threshold, context: EvaluationContext) -> tuple[ThresholdResult, list[GatekitError]]:
    """Return the outcome of one threshold; anything that was not measured is inconclusive, never a pass.

    Also returned is what the evaluation found wrong with the policy for evidence of this shape.
    """
    found = numbers_of(rule, context)
    if isinstance(found, ThresholdResult):
        return found, []
    summary, measurement, base = found.summary, found.measurement, found.base
    result, errors = with_notes(rule, found.result(), summary, measurement, context, found.candidates, found.look_notes)
    if not context.policy.legacy:
        measured = summary.measurements[rule.measure.name]
        result = _unless_doubted(result, constant_side(rule.measure, measured, summary))
        result = _unless_diverged(result, (summary, base), context)
    if rule.every_seed:
        result = _with_failure_rate(rule, result)
    if base is None and is_own_control(rule.measure, summary.protocol):
        # No bound is claimed of a new draw: whatever is drawn, the two sides are one.
        result = replace(result, notes=(*result.notes, BY_CONSTRUCTION))
    else:
        result = _unless_without_spread(rule, result, summary, measurement, base, context)
    return result, errors


@dataclass(frozen=True, slots=True)
class Numbers:
    """What answers a threshold, before it is compared with the limits and before anything is said of it."""

    rule: Threshold
    summary: Summary
    measurement: Measurement
    """Of the summary, or its difference to the base."""
    base: Summary | None
    bounds: Interval | BoundedEstimate
    """At the confidence that the rule asks for, with all that it pays for; of every seed the worst one's value."""
    candidates: int
    """Among how many the subject was chosen."""
    look_notes: Sequence[str]

    @property
    def confidence(self) -> float | None:
        """One-sided, of the bounds; None where a point is compared."""
        return None if self.rule.point else self.bounds.confidence

    def result(self) -> ThresholdResult:
        """Return a pass where the bounds meet the limits, else a failure; nothing is said beside it yet."""
        used, beside = _used(self.summary), _used(self.base)
        if isinstance(self.bounds, BoundedEstimate):
            return _judged(self.rule, self.bounds, _EVERY_SEED, used, beside, self_reported=False)
        reported = _is_reported(self.rule, self.summary)
        return _compared(self.rule, self.bounds, used, beside, self_reported=reported)


def numbers_of(rule: Threshold, context: EvaluationContext) -> Numbers | ThresholdResult:
    """Return what a threshold would be compared with, or the inconclusive result of one that nothing answers."""
    found = chosen(rule, context)
    if not isinstance(found[0], Summary):
        return _result(rule, Outcome.INCONCLUSIVE, *found)
    summary, measured = found
    base = _base(rule, summary, context) if rule.against == "base" else None
    measurement = measured
    if rule.against == "base":
        difference = _difference(rule, summary, measured, base)
        if difference is None:
            return _undecided(rule, summary, Why.NO_BASE, _without_base(rule, summary, base, context))
        measurement = difference
    unusable = why_unusable(rule, summary, measured, measurement, base, context)
    if unusable is not None:
        return _undecided(rule, summary, *unusable)
    standing = context.standings.get(summary.sha256, NOT_REGISTERED)
    confidence, candidates = effective_confidence(
        rule.judged_confidence,
        summary.protocol,
        max(rule.selected_from, standing.choices),
        over_levels=level_generalised(measurement, rule.generalize_over) is not None,
    )
    confidence, look_notes = paid_for_looks(rule, confidence, summary, standing)
    look_notes = [*([] if base is None else base_notes(rule, summary, base)), *look_notes]
    bounds = _of_every_seed(rule, measurement) if rule.every_seed else _bounds(rule, measurement, confidence)
    if isinstance(bounds, tuple):
        return _undecided(rule, summary, *bounds)
    return Numbers(rule, summary, measurement, base, bounds, candidates, look_notes)


def _base(rule: Threshold, summary: Summary, context: EvaluationContext) -> Summary | None:
    """Return the base's summary that a rule compares with; thousands of gates ask it of thousands of summaries."""
    asked = (rule.kind, rule.measure.name, rule.protocol, rule.across_subjects, summary.sha256)
    if asked not in context.bases:
        context.bases[asked] = find_base(rule, summary, context.base)
    return context.bases[asked]


def _without_base(rule: Threshold, summary: Summary, base: Summary | None, context: EvaluationContext) -> str:
    """Return why there is no difference to judge, which is as long to find as a base is."""
    how = (rule.across_subjects, rule.common_seeds)
    asked = (rule.kind, rule.measure.name, rule.protocol, *how, summary.sha256)
    if asked not in context.without_base:
        context.without_base[asked] = why_no_base(rule, summary, base, context.base)
    return context.without_base[asked]


def _difference(rule: Threshold, summary: Summary, measured: Measurement, base: Summary | None) -> Measurement | None:
    """Return a measurement minus the base's; None where there is no base that it can be compared with."""
    if base is None or another_control(rule, summary, base) is not None:
        return None
    return difference_to(measured, base.measurements[rule.measure.name], rule.common_seeds)


def _of_every_seed(rule: Threshold, measurement: Measurement) -> BoundedEstimate | tuple[Why, str]:
    """Return the worst seed's value, or why there is none: no bound is computed, so none has to pay."""
    worst = of_every_seed(rule.limits, measurement)
    if worst is None:
        reason = f"{rule.measure.name} has no value of each seed: it is reported, or its control has other seeds"
        return Why.NO_BOUND, reason
    return worst


def _bounds(rule: Threshold, measurement: Measurement, confidence: float) -> Interval | tuple[Why, str]:
    """Return the bounds at a confidence, or why those that the rule compares are not there."""
    try:
        bounds = interval(measurement, confidence, rule.generalize_over)
    except GatekitError as error:
        # Numbers whose squares overflow or vanish: finite observations, and still no bound.
        return Why.NO_BOUND, f"{rule.measure.name} has no bound: {error.message}"
    if not rule.point:
        ends = compared(rule.bound, bounds.lower, bounds.estimate, bounds.upper)
        if any(side.bound(*ends) is None for side in sides(rule.limits)):
            return Why.NO_BOUND, f"{rule.measure.name} has no bound: {bounds.method}"
        if bounds.confidence < confidence:
            return Why.NO_BOUND, f"its bound holds at {bounds.confidence:g}, the policy asks for {confidence:g}"
    return bounds


def _with_failure_rate(rule: Threshold, result: ThresholdResult) -> ThresholdResult:
    """Return a result by every seed that says which rate of failing seeds so few exclude."""
    seeds = (result.measured.n_seeds if result.measured is not None else None) or 1
    excluded = excluded_failure_rate(seeds, rule.judged_confidence)
    note = f"{seeds} seeds that all pass exclude only a rate of failing seeds above {excluded:.0%}"
    return replace(result, notes=(*result.notes, note))


def _unless_without_spread(
    rule: Threshold,
    result: ThresholdResult,
    summary: Summary,
    measurement: Measurement,
    base: Summary | None,
    context: EvaluationContext,
) -> ThresholdResult:
    """Return a result that is no pass where draws that are generalised over all agree, unless they may.

    Nor by every seed: five values that are one are no five seeds.
    """
    if _is_reported(rule, summary):
        return result
    alone = _alone(rule, measurement, [] if base is None else [summary, base])
    if alone is None:
        return result
    may_be_alone = rule.point or rule.measure.structural or context.policy.legacy
    withheld = not may_be_alone and not _is_base(measurement, summary, base)
    result = replace(result, no_spread=withheld, notes=(*result.notes, f"no variation at all over {alone}"))
    # What fails without spread fails: equal values beyond the threshold are no reason to think better of it. By an
    # optimistic bound it would have to be shown, which equal values do not.
    if withheld and (result.outcome is Outcome.PASS or rule.optimistic):
        reason = f"{rule.measure.name} shows no spread over {alone}: {NO_SPREAD}"
        return replace(result, outcome=Outcome.INCONCLUSIVE, why=Why.NO_SPREAD, reason=reason)
    return result


def _unless_doubted(result: ThresholdResult, doubt: str | None) -> ThresholdResult:
    """Return a result that is no pass where its control is doubted; what fails against that fails all the same.

    But not by an optimistic bound, whose failure claims that something was shown.
    """
    if doubt is None or (result.outcome is not Outcome.PASS and result.bound != "optimistic"):
        return result
    return replace(result, outcome=Outcome.INCONCLUSIVE, why=Why.IMPLAUSIBLE, reason=doubt)


def _unless_diverged(
    result: ThresholdResult, used: Sequence[Summary | None], context: EvaluationContext
) -> ThresholdResult:
    """Return a result that is no pass where the SAEs have diverged: nothing that is measured of them is worth one.

    Nor is a comparison with SAEs of the base that have diverged.
    """
    if result.outcome is not Outcome.PASS:
        return result
    for summary in filter(None, used):
        if not context.diverged and summary.status != "diverged":
            continue
        reason = why_diverged(summary.subject, diverged_saes([summary]) or context.diverged)
        if reason is not None:
            return replace(result, outcome=Outcome.INCONCLUSIVE, why=Why.DIVERGED, reason=reason)
    return result


def _alone(rule: Threshold, measurement: Measurement, sides_of_difference: Sequence[Summary]) -> str | None:
    """Return what does not vary though the bound generalises over it, in words; None where all of it does."""
    if counts_trials(measurement):
        return None
    raw = [side.measurements[rule.measure.name] for side in sides_of_difference]
    factors = random_factors(measurement.design, rule.generalize_over)
    return without_spread(measurement, factors, resolution(measurement, *raw))


def _is_base(measurement: Measurement, summary: Summary, base: Summary | None) -> bool:
    """Whether the base measured the same SAEs with the same result: their difference is 0, and no estimate of one."""
    return base is not None and base.subject.digest == summary.subject.digest and not any(measurement.effects)


def _is_reported(rule: Threshold, summary: Summary) -> bool:
    return summary.measurements[rule.measure.name].reported is not None


def _used(summary: Summary | None) -> EvidenceUsed | None:
    if summary is None:
        return None
    return EvidenceUsed(summary.path, summary.sha256, summary.subject.digest, summary.protocol.name)


def _undecided(rule: Threshold, summary: Summary, why: Why, reason: str) -> ThresholdResult:
    reported = _is_reported(rule, summary)
    return _result(rule, Outcome.INCONCLUSIVE, why, reason, used=_used(summary), self_reported=reported)


def _result(
    rule: Threshold,
    outcome: Outcome,
    why: Why,
    reason: str,
    *,
    measured: BoundedEstimate | None = None,
    used: EvidenceUsed | None = None,
    base: EvidenceUsed | None = None,
    self_reported: bool = False,
) -> ThresholdResult:
    # Made once, and not changed field by field: a selection makes tens of thousands.
    return ThresholdResult(
        outcome=outcome,
        why=why,
        reason=reason,
        effect=effect_of(rule),
        bound="every_seed" if rule.every_seed else rule.bound,
        self_reported=self_reported,
        measured=measured,
        evidence=used,
        notes=(),
        location=rule.location,
        base_evidence=base,
    )


def _compared(
    rule: Threshold, bounds: Interval, used: EvidenceUsed | None, base: EvidenceUsed | None, *, self_reported: bool
) -> ThresholdResult:
    distance = margin(rule.limits, *compared(rule.bound, bounds.lower, bounds.estimate, bounds.upper))
    confidence = None if rule.point else bounds.confidence
    # The power of a pass; an optimistic bound's pass shows nothing.
    detectable = minimum_detectable(bounds) if rule.bound == "confidence" else None
    # "pass iff": a NaN margin, should one ever come this far, is not a pass.
    passes = distance >= 0.0
    measured = BoundedEstimate(
        estimate=bounds.estimate,
        lower=bounds.lower,
        upper=bounds.upper,
        standard_error=bounds.standard_error,
        df=bounds.df,
        confidence=confidence,
        n_seeds=bounds.n_seeds,
        n_observations=bounds.n_observations,
        method=bounds.method,
        margin=distance,
        detectable=detectable,
    )
    sentence = _sentence(rule, bounds, passes)
    return _judged(rule, measured, (sentence, sentence), used, base, self_reported=self_reported)


def _judged(
    rule: Threshold,
    measured: BoundedEstimate,
    reasons: tuple[str, str],
    used: EvidenceUsed | None,
    base: EvidenceUsed | None,
    *,
    self_reported: bool,
) -> ThresholdResult:
    """Return a pass where the margin is not negative, else a failure, each with its reason."""
    outcome, reason = (Outcome.PASS, reasons[0]) if measured.margin >= 0.0 else (Outcome.FAIL, reasons[1])
    return _result(
        rule, outcome, Why.MEASURED, reason, measured=measured, used=used, base=base, self_reported=self_reported
    )


def _sentence(rule: Threshold, bounds: Interval, passes: bool) -> str:
    if rule.optimistic:
        return (
            "the evidence does not show that the threshold is missed"
            if passes
            else "even the optimistic bound does not meet the threshold: the evidence shows that it is missed"
        )
    if passes:
        return "the estimate meets the threshold" if rule.point else "the bound meets the threshold"
    if holds(rule.limits, bounds.estimate):
        return "the estimate meets the threshold, but the bound does not: the evidence is too weak for it"
    return "the estimate does not meet the threshold"
