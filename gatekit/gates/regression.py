"""not_worse_than: the difference between a pull request's evidence and its base branch's, measured alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gatekit.evidence.summary import SHAPE_FIELDS, Measurement, Subject, Summary
from gatekit.policy.model import Threshold


def find_base(rule: Threshold, summary: Summary, base: Sequence[Summary] | None) -> Summary | None:
    """Return the newest base summary that measured the same thing by a comparable protocol, or None.

    Comparable: equal in everything but the seeds, the baseline's own checkpoints and how the subject was selected. The
    same thing: SAEs of one architecture and size on one hook of one model; another one's seeds are no pairs of these.
    """
    found = [s for s in _measured_alike(rule, summary, base or ()) if s.subject.shape == summary.subject.shape]
    subjects = {s.subject.digest for s in found}
    if len(subjects) > 1:
        # Several SAEs in the base: only the one that the head measured again is meant without doubt.
        found = [s for s in found if s.subject.digest == summary.subject.digest]
    return max(found, key=lambda s: (s.finished, s.sha256), default=None)


def _measured_alike(rule: Threshold, summary: Summary, base: Sequence[Summary]) -> list[Summary]:
    """Return the base summaries that measured this by a comparable protocol, on whatever subject."""
    return [
        s
        for s in base
        if s.kind == summary.kind
        and s.status == "ok"
        and rule.measure.name in s.measurements
        and s.protocol.comparable == summary.protocol.comparable
    ]


def why_no_base(rule: Threshold, summary: Summary, found: Summary | None, base: Sequence[Summary] | None) -> str:
    """Say why there is no difference to judge, in one sentence."""
    if base is None:
        return "not_worse_than compares with a base branch's evidence, and none was given"
    if found is None:
        like = "of one subject of this model, hook, architecture and size, measured by the same protocol"
        others = _other_shape(summary.subject, [s.subject for s in _measured_alike(rule, summary, base)])
        return f"the base has no {rule.measure.name} of {rule.kind} {like}{others}"
    other = "other seeds, datasets or families, or no observations"
    return f"{found.path} in the base has {other}: the difference has no bound"


def _other_shape(own: Subject, others: Sequence[Subject]) -> str:
    """Return what keeps the closest of other subjects from being compared, or "" where it is not their shape."""
    closest = min(others, key=lambda other: len(_differences(own, other)), default=own)
    differences = _differences(own, closest)
    if not differences:
        return ""
    has = "the base has" if len({other.shape for other in others}) == 1 else "the closest in the base has"
    return ": " + ", and ".join(f"{name} {here}, {has} {there}" for name, here, there in differences)


def _differences(own: Subject, other: Subject) -> list[tuple[str, str, str]]:
    """Return (field, own value, other's value) for each part of the shapes that differs."""
    parts = zip(SHAPE_FIELDS, own.shape, other.shape, strict=True)
    return [
        (name, *((_model(own), _model(other)) if name == "model" else (_value(here), _value(there))))
        for name, here, there in parts
        if here != there
    ]


def _value(part: str | int | None) -> str:
    return "none" if part is None else str(part)


def _model(subject: Subject) -> str:
    # Two models of one name differ in their weights.
    weights = "without a digest" if subject.model_digest is None else f"[{subject.model_digest[:12]}]"
    return f"{subject.model_name} {weights}"


def difference_to(head: Measurement, base: Measurement) -> Measurement | None:
    """Return head minus base as a measurement of the same design, or None where their observations cannot be combined.

    Observations with equal keys are paired. With other seeds, per-seed and per-pair designs compare two independent
    groups; a crossed design has no bound that way, because its datasets are shared and its seeds are not.
    """
    if head.reported or base.reported or head.baseline_keys or base.baseline_keys or head.design != base.design:
        return None
    # The difference of two ratios of means has four means in it, and none of our bounds.
    if head.denominator or base.denominator:
        return None
    # The order within a pair of seeds has no meaning.
    pairs = head.design == "per_seed_pair"
    head_keys = [tuple(sorted(key)) if pairs else key for key in head.keys]
    of_base = {tuple(sorted(key)) if pairs else key: v for key, v in zip(base.keys, base.effects, strict=True)}
    if set(head_keys) == set(of_base):
        matched = tuple(of_base[key] for key in head_keys)
        if base.families is not None:
            family_of = dict(zip(base.keys, base.families, strict=True))
            families = tuple(family_of[key] for key in head.keys)
            if head.families not in (None, families):
                return None
            # Evidence that no longer names them does not make near copies independent.
            head = replace(head, families=families)
        return replace(head, candidate=head.effects, baseline=matched)
    # Other seeds, so nothing can be paired.
    if head.design not in ("per_seed", "per_seed_pair"):
        return None
    return replace(
        head,
        candidate=head.effects,
        baseline=None,
        baseline_keys=tuple(tuple(int(part) for part in key) for key in base.keys),
        baseline_values=base.effects,
    )
