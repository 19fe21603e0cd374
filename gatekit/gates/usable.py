"""Reasons not to use evidence for a threshold at all: they come before any bound is computed from it."""

from __future__ import annotations

from datetime import timedelta

from gatekit.evidence.summary import Measurement, Summary
from gatekit.gates.context import EvaluationContext
from gatekit.gates.looks import why_left_out, why_not_judged
from gatekit.gates.plausible import implausible
from gatekit.gates.random_models import too_few_models
from gatekit.gates.verdict import Why
from gatekit.policy.model import Threshold
from gatekit.registration.standing import NOT_REGISTERED


def why_unusable(
    rule: Threshold,
    summary: Summary,
    measured: Measurement,
    measurement: Measurement,
    base: Summary | None,
    context: EvaluationContext,
) -> tuple[Why, str] | None:
    """Return why a summary cannot answer a threshold; None where it can.

    Args:
        rule: the threshold.
        summary: that was chosen for it.
        measured: what the summary says of the measure.
        measurement: what is judged: that, or its difference to the base.
        base: the base's summary, where the threshold is about a difference to it.
        context: of the evaluation.
    """
    if summary.path in context.stale:
        return Why.STALE, f"{summary.path} {context.stale[summary.path]}"
    age = context.now - summary.finished
    if rule.max_age is not None and age > rule.max_age:
        return Why.STALE, f"{summary.path} is {_days(age)} old; the policy allows {_days(rule.max_age)}"
    is_reported = measured.reported is not None
    if is_reported and not rule.allow_reported:
        return (
            Why.SELF_REPORTED,
            f"{rule.measure.name} in {summary.path} is another tool's own number without observations; "
            "the policy does not allow reported evidence",
        )
    unlikely = None if is_reported or context.policy.legacy else implausible(rule.measure, summary)
    if unlikely is not None:
        return Why.IMPLAUSIBLE, unlikely
    standing = context.standings.get(summary.sha256, NOT_REGISTERED)
    seeds = len(summary.protocol.seeds)
    not_judged = why_not_judged(summary.path, standing, context.policy) or why_left_out(rule, standing, seeds)
    if not_judged is not None:
        return not_judged
    n_seeds = _seed_count(measurement)
    if base is not None and n_seeds is not None:
        # A difference is known no better than its smaller side.
        n_seeds = min(n_seeds, len(base.measurements[rule.measure.name].seeds))
    if (n_seeds or 1) < rule.min_seeds:
        stated = "an unstated number of seeds" if n_seeds is None else f"{n_seeds} seed{'s' * (n_seeds != 1)}"
        return Why.TOO_FEW_SEEDS, f"{stated}; the policy needs {rule.min_seeds}"
    few = too_few_models(rule, measured, summary)
    return None if few is None else (Why.TOO_FEW_MODELS, few)


def _seed_count(measurement: Measurement) -> int | None:
    """Return the seeds of the smaller group: a control of two seeds is no better known than a candidate of two."""
    if measurement.reported is not None:
        return measurement.reported.n_seeds
    own = len(measurement.seeds)
    control = {seed for key in measurement.baseline_keys or () for seed in key}
    return min(own, len(control) or own)


def _days(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
