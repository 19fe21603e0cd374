"""One threshold on the evidence: find the one summary that can answer it, bound its effect, compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

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
from gatekit.gates.looks import paid_for_looks, why_not_judged
from gatekit.gates.notes import with_notes
from gatekit.gates.plausible import constant_control, implausible
from gatekit.gates.random_models import too_few_models
from gatekit.gates.regression import base_notes, difference_to, find_base, why_no_base
from gatekit.gates.spread import resolution, without_spread
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
    found = chosen(rule, context)
    if not isinstance(found[0], Summary):
        return _result(rule, Outcome.INCONCLUSIVE, *found), []
    summary, measurement = found
    measured = measurement
    used = _used(summary)

    def undecided(why: Why, reason: str) -> tuple[ThresholdResult, list[GatekitError]]:
        return _result(rule, Outcome.INCONCLUSIVE, why, reason, used=used, self_reported=is_reported), []

    is_reported = measurement.reported is not None
    base: Summary | None = None
    match rule.against:
        case "nothing":
            pass
        case "base":
            base = find_base(rule, summary, context.base)
            of_base = None if base is None else base.measurements[rule.measure.name]
            difference = None if of_base is None else difference_to(measurement, of_base, rule.common_seeds)
            if difference is None or (base is not None and another_control(rule, summary, base) is not None):
                return undecided(Why.NO_BASE, why_no_base(rule, summary, base, context.base))
            measurement = difference
        case _:
            assert_never(rule.against)
    # Reasons not to use the evidence at all come before any bound is computed from it.
    if summary.path in context.stale:
        return undecided(Why.STALE, f"{summary.path} {context.stale[summary.path]}")
    age = context.now - summary.finished
    if rule.max_age is not None and age > rule.max_age:
        return undecided(Why.STALE, f"{summary.path} is {_days(age)} old; the policy allows {_days(rule.max_age)}")
    if is_reported and not rule.allow_reported:
        return undecided(
            Why.SELF_REPORTED,
            f"{rule.measure.name} in {summary.path} is another tool's own number without observations; "
            "the policy does not allow reported evidence",
        )
    unlikely = None if is_reported or context.policy.legacy else implausible(rule.measure, summary)
    if unlikely is not None:
        return undecided(Why.IMPLAUSIBLE, unlikely)
    standing = context.standings.get(summary.sha256, NOT_REGISTERED)
    unregistered = why_not_judged(standing, context.policy)
    if unregistered is not None:
        return undecided(*unregistered)
    n_seeds = _seed_count(measurement)
    if base is not None and n_seeds is not None:
        # A difference is known no better than its smaller side.
        n_seeds = min(n_seeds, len(base.measurements[rule.measure.name].seeds))
    if (n_seeds or 1) < rule.min_seeds:
        stated = "an unstated number of seeds" if n_seeds is None else f"{n_seeds} seed{'s' * (n_seeds != 1)}"
        return undecided(Why.TOO_FEW_SEEDS, f"{stated}; the policy needs {rule.min_seeds}")
    few = too_few_models(rule, measured, summary)
    if few is not None:
        return undecided(Why.TOO_FEW_MODELS, few)
    chosen_from = max(rule.selected_from, standing.choices)
    over_levels = level_generalised(measurement, rule.generalize_over) is not None
    confidence, candidates = effective_confidence(
        rule.judged_confidence, summary.protocol, chosen_from, over_levels=over_levels
    )
    confidence, look_notes = paid_for_looks(rule, confidence, standing, len(summary.protocol.seeds))
    look_notes = [*([] if base is None else base_notes(rule, summary, base)), *look_notes]
    doubt = None if context.policy.legacy else constant_control(rule.measure, measured, summary)
    if rule.every_seed:
        worst = of_every_seed(rule.limits, measurement)
        if worst is None:
            reason = f"{rule.measure.name} has no value of each seed: it is reported, or its control has other seeds"
            return undecided(Why.NO_BOUND, reason)
        result = _judged(rule, worst, _EVERY_SEED, used, _used(base), self_reported=False)
        result, errors = with_notes(rule, result, summary, measurement, context, candidates, look_notes)
        excluded = excluded_failure_rate(worst.n_seeds or 1, rule.judged_confidence)
        note = f"{worst.n_seeds} seeds that all pass exclude only a rate of failing seeds above {excluded:.0%}"
        result = _unless_doubted(replace(result, notes=(*result.notes, note)), doubt)
        return _unless_diverged(result, (summary, base), context), errors
    try:
        bounds = interval(measurement, confidence, rule.generalize_over)
    except GatekitError as error:
        # Numbers whose squares overflow or vanish: finite observations, and still no bound.
        return undecided(Why.NO_BOUND, f"{rule.measure.name} has no bound: {error.message}")
    if not rule.point:
        ends = compared(rule.bound, bounds.lower, bounds.estimate, bounds.upper)
        if any(side.bound(*ends) is None for side in sides(rule.limits)):
            return undecided(Why.NO_BOUND, f"{rule.measure.name} has no bound: {bounds.method}")
        if bounds.confidence < confidence:
            return undecided(
                Why.NO_BOUND, f"its bound holds at {bounds.confidence:g}, the policy asks for {confidence:g}"
            )
    alone = None if is_reported else _alone(rule, measurement, [] if base is None else [summary, base])
    result = _compared(rule, bounds, used, _used(base), self_reported=is_reported)
    result, errors = with_notes(rule, result, summary, measurement, context, candidates, look_notes)
    result = _unless_doubted(result, doubt)
    result = _unless_diverged(result, (summary, base), context)
    if base is None and is_own_control(rule.measure, summary.protocol):
        # No bound is claimed of a new draw: whatever is drawn, the two sides are one.
        result = replace(result, notes=(*result.notes, BY_CONSTRUCTION))
    elif alone is not None:
        may_be_alone = rule.point or rule.measure.structural or context.policy.legacy
        withheld = not may_be_alone and not _is_base(measurement, summary, base)
        result = replace(result, no_spread=withheld)
        # What fails without spread fails: equal values beyond the threshold are no reason to think better of it. By an
        # optimistic bound it would have to be shown, which equal values do not.
        if withheld and (result.outcome is Outcome.PASS or rule.optimistic):
            reason = f"{rule.measure.name} shows no spread over {alone}: {NO_SPREAD}"
            result = replace(result, outcome=Outcome.INCONCLUSIVE, why=Why.NO_SPREAD, reason=reason)
        result = replace(result, notes=(*result.notes, f"no variation at all over {alone}"))
    return result, errors


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
    if result.outcome is not Outcome.PASS or context.policy.legacy:
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


def _seed_count(measurement: Measurement) -> int | None:
    """Return the seeds of the smaller group: a control of two seeds is no better known than a candidate of two."""
    if measurement.reported is not None:
        return measurement.reported.n_seeds
    control = {seed for key in measurement.baseline_keys or () for seed in key}
    return min(len(measurement.seeds), len(control) or len(measurement.seeds))


def _used(summary: Summary | None) -> EvidenceUsed | None:
    if summary is None:
        return None
    return EvidenceUsed(summary.path, summary.sha256, summary.subject.digest, summary.protocol.name)


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


def _days(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
