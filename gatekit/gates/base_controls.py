"""Whether head and base were compared with the same control: only then do its draws cancel in their difference."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.evidence.summary import Measurement, Subject, Summary
from gatekit.gates.base_differences import model_in_words, subject_differences
from gatekit.gates.random_models import RE_INITIALISED
from gatekit.policy.model import Threshold


def another_control(rule: Threshold, head: Summary, base: Summary) -> str | None:
    """Return in what the control of the base is another one than the head's; None where it is the same, or none.

    The checkpoints of a control may differ: each seed has its own, and the bound over seeds speaks of others. The model
    that they were trained on is one draw for all seeds, of which that bound knows nothing.
    """
    ours, theirs = head.measurements[rule.measure.name], base.measurements[rule.measure.name]
    if ours.baseline is None and theirs.baseline is None:
        return None
    if ours.baseline is None or theirs.baseline is None:
        return f"paired values of a control stand only {'in the base' if ours.baseline is None else 'here'}"
    if ours.control_model_seeds != theirs.control_model_seeds:
        mine, others = _models(ours.control_model_seeds), _models(theirs.control_model_seeds)
        return f"re-initialised models {mine}, the base has {others}"
    here, there = head.protocol.control_subjects, base.protocol.control_subjects
    if here and there and here.keys() == there.keys():
        found = (_another_subject(here[seed], there[seed], head, base) for seed in sorted(here))
        return next((told for told in found if told is not None), None)
    control, other = head.protocol.baseline_subject, base.protocol.baseline_subject
    if control is None and other is None:
        drawn_once = head.protocol.baseline_kind == RE_INITIALISED and ours.control_model_seeds is None
        if drawn_once and not _equal_values(ours, theirs):
            return "neither side names its re-initialised model, and their values differ"
        return None
    if control is None or other is None:
        return f"it is named only {'in the base' if control is None else 'here'}"
    return _another_subject(control, other, head, base)


def _another_subject(control: Subject, other: Subject, head: Summary, base: Summary) -> str | None:
    """Return in what one model's SAEs are of another model or shape than the base's; None where both are alike."""
    if head.subject.shape == base.subject.shape:
        told = [f"{field} {here}, the base has {there}" for field, here, there in subject_differences(control, other)]
        return ", and ".join(told) or None
    # Across subjects a control has its subject's shape, and may well stand on its subject's own model.
    if _model(control) == _model(other) or (_on_own_model(control, head) and _on_own_model(other, base)):
        return None
    return f"model {model_in_words(control)}, the base has {model_in_words(other)}"


def _model(subject: Subject) -> str:
    return subject.model_digest or subject.model_name


def _on_own_model(control: Subject, summary: Summary) -> bool:
    return _model(control) == _model(summary.subject)


def _equal_values(ours: Measurement, theirs: Measurement) -> bool:
    """Whether two measurements share observations, and the control's value is the same in each of these."""
    here, there = (dict(zip(m.keys, m.baseline or (), strict=True)) for m in (ours, theirs))
    shared = here.keys() & there.keys()
    return bool(shared) and all(here[key] == there[key] for key in shared)


def _models(seeds: Sequence[int] | None) -> str:
    if seeds is None:
        return "unnamed"
    more = f" and {len(seeds) - 5} more" if len(seeds) > 5 else ""
    return ", ".join(map(str, seeds[:5])) + more
