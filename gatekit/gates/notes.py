"""What a reader of a result should know beside its outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gatekit.errors import GatekitError
from gatekit.evidence.summary import Measurement, Summary
from gatekit.gates.bounds import counted_as_independent
from gatekit.gates.context import EvaluationContext
from gatekit.gates.random_models import one_draw_note
from gatekit.gates.skew import skew_note
from gatekit.gates.verdict import ThresholdResult
from gatekit.policy.lint import infeasible
from gatekit.policy.model import Threshold

BEST_OF = "best of "
"""What a note starts with that says among how many a subject was chosen."""


def with_notes(
    rule: Threshold,
    result: ThresholdResult,
    summary: Summary,
    measurement: Measurement,
    context: EvaluationContext,
    k: int,
    look_notes: Sequence[str],
) -> tuple[ThresholdResult, list[GatekitError]]:
    """Return a result with what its reader should know, and what is wrong with the policy for evidence of this shape.

    Args:
        rule: that was judged.
        result: of it.
        summary: that answered it.
        measurement: of the summary, or its difference to the base.
        context: of the evaluation.
        k: among how many the subject was chosen.
        look_notes: on looks and the base, which come first.
    """
    notes = list(look_notes)
    independent = counted_as_independent(measurement, rule.generalize_over)
    if independent is not None and not rule.point:
        notes.append(independent)
    notes += filter(None, (skew_note(rule, measurement), one_draw_note(rule, measurement, summary)))
    if summary.git_dirty:
        notes.append("measured with uncommitted changes in the repository")
    if rule.alternatives > 1 and rule.optimistic:
        shared = f"one of {rule.alternatives} rules that stop alone: judged at {rule.judged_confidence:.4g}"
        notes.append(shared)
    elif rule.alternatives > 1 and rule.is_bounded:
        notes.append(f"one of {rule.alternatives} alternatives: judged at {rule.judged_confidence:.4g}")
    if rule.alternatives > 1 and not rule.is_bounded:
        notes.append(f"one of {rule.alternatives} alternatives, and what has no bound does not pay for them")
    if k > 1 and rule.is_bounded:
        confidence = 1 - (1 - rule.judged_confidence) / k
        notes.append(f"{BEST_OF}{k} candidates on the same observations: bounded at {confidence:.4g}")
    if k > 1 and rule.point:
        notes.append(f"{BEST_OF}{k} candidates on the same observations, and a point estimate does not pay for it")
    errors = infeasible(rule, summary.subject.d_sae, baseline_mean(rule, measurement, summary))
    if errors and context.policy.legacy:
        # A legacy policy reproduces rules as they were, those that nothing can meet included.
        notes += [error.message for error in errors]
        errors = []
    return replace(result, notes=tuple(notes)) if notes else result, errors


def baseline_mean(rule: Threshold, measurement: Measurement, summary: Summary) -> float | None:
    """Return the mean of what a measurement is compared with, as far as its summary tells; None where it does not."""
    if measurement.baseline is not None:
        return math.fsum(measurement.baseline) / len(measurement.baseline)
    score = rule.measure.difference_of or rule.measure.name
    stated = summary.protocol.settings.get(f"baseline_{score}") if rule.measure.ceiling == "z_score" else None
    return stated if isinstance(stated, float | int) and not isinstance(stated, bool) else None
