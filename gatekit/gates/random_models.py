"""The re-initialised models behind a control: how many a rule asks for, and what is said where there is one."""

from __future__ import annotations

from gatekit.evidence.summary import Measurement, Summary
from gatekit.policy.model import Threshold

RE_INITIALISED = "random_model"
"""Kind of baseline of which all seeds share the draw: one model's weights, or those of several models."""
ONE_DRAW = "one re-initialised model: the bound says nothing of another draw of its weights"


def too_few_models(rule: Threshold, measurement: Measurement, summary: Summary) -> str | None:
    """Return why the control stands on fewer re-initialised models than a rule asks for; None where it does not."""
    if rule.min_random_models <= 1:
        return None
    asked = f"the policy needs {rule.min_random_models} re-initialised models"
    kind = summary.protocol.baseline_kind
    if kind != RE_INITIALISED:
        return f"the control of {rule.measure.name} is {kind}; {asked}"
    models = _models(measurement)
    if models >= rule.min_random_models:
        return None
    return f"its control was measured on {models} re-initialised model{'s' * (models != 1)}; {asked}"


def one_draw_note(rule: Threshold, measurement: Measurement, summary: Summary) -> str | None:
    """Say of a bound whose control is one draw of a model's weights that it speaks of no other."""
    single = rule.measure.on_random_model and summary.protocol.baseline_kind == RE_INITIALISED
    if not single or not rule.is_bounded or rule.against == "base" or _models(measurement) != 1:
        return None
    return ONE_DRAW


def _models(measurement: Measurement) -> int:
    """Count the models; a control without a column of its own for each is one."""
    return 1 if measurement.control_model_seeds is None else len(measurement.control_model_seeds)
