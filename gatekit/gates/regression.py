"""not_worse_than: the difference between a pull request's evidence and its base branch's, measured alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import compress
from typing import TypeVar

from gatekit.evidence.summary import Measurement, Summary
from gatekit.gates.base_controls import another_control
from gatekit.gates.base_differences import several_subjects, subject_differences, what_differs
from gatekit.policy.model import Threshold

T = TypeVar("T")

ACROSS_SUBJECTS = "compared across subjects"
PAIRED_ON = "paired on the "
"""What a note starts with that says that not the same was compared, or not all of it."""


def find_base(rule: Threshold, summary: Summary, base: Sequence[Summary] | None) -> Summary | None:
    """Return the newest base summary that measured the same thing by a comparable protocol, or None.

    Comparable: equal in everything but the seeds, the baseline's own checkpoints and how the subject was selected. The
    same thing: SAEs of one architecture and size on one hook of one model, unless the rule compares across subjects.
    """
    opponents = _opponents(rule, summary, base or ())
    found = [s for s in opponents if s.protocol.comparable == summary.protocol.comparable]
    if len({s.subject.digest for s in opponents}) > 1:
        # Several SAEs in the base: only the one that the head measured again is meant without doubt.
        found = [s for s in found if s.subject.digest == summary.subject.digest]
    return max(found, key=lambda s: (s.finished, s.sha256), default=None)


def _opponents(rule: Threshold, summary: Summary, base: Sequence[Summary]) -> list[Summary]:
    """Return the base summaries that the rule could mean, by whatever protocol.

    The head's own protocol must not thin them out: whoever measures the head would choose its opponent by it.
    """
    there = _measured(rule, summary, base)
    named = [s for s in there if rule.protocol is None or s.protocol.name == rule.protocol]
    return [s for s in named if rule.across_subjects or s.subject.shape == summary.subject.shape]


def _measured(rule: Threshold, summary: Summary, base: Sequence[Summary]) -> list[Summary]:
    """Return the base summaries that measured this, on whatever subject by whatever protocol."""
    name = rule.measure.name
    return [s for s in base if s.kind == summary.kind and s.status == "ok" and name in s.measurements]


def why_no_base(rule: Threshold, summary: Summary, found: Summary | None, base: Sequence[Summary] | None) -> str:
    """Say why there is no difference to judge, in one sentence."""
    if base is None:
        return "not_worse_than compares with a base branch's evidence, and none was given"
    name = rule.measure.name
    if found is None:
        like = "of one subject" + ("" if rule.across_subjects else " of this model, hook, architecture and size")
        opponents = _opponents(rule, summary, base)
        there = several_subjects(opponents) or what_differs(rule, summary, _measured(rule, summary, base))
        return f"the base has no {name} of {rule.kind} {like}, measured by the same protocol{there}"
    control = another_control(rule, summary, found)
    if control is not None:
        return f"{found.path} in the base has another control, so its draws do not cancel: {control}"
    ours, theirs = summary.measurements[name].seeds, found.measurements[name].seeds
    if rule.common_seeds and ours and theirs and not set(ours) & set(theirs):
        return f"{found.path} in the base has no seed in common with {summary.path}"
    other = "other datasets or families" if rule.common_seeds else "other seeds, datasets or families"
    return f"{found.path} in the base has {other}, or no observations: the difference has no bound"


def base_notes(rule: Threshold, head: Summary, base: Summary) -> list[str]:
    """Say what was compared where it is not the same subject on the same seeds."""
    name = rule.measure.name
    notes = []
    differences = subject_differences(head.subject, base.subject)
    if rule.across_subjects and differences:
        told = ", ".join(f"{field} {here} against {there}" for field, here, there in differences)
        notes.append(f"{ACROSS_SUBJECTS}: {told}")
    ours, theirs = (set(summary.measurements[name].seeds) for summary in (head, base))
    if rule.common_seeds and ours != theirs:
        of = f"of {len(ours)} here and {len(theirs)} in the base"
        notes.append(f"{PAIRED_ON}{len(ours & theirs)} seeds that both measured, {of}")
    return notes


def difference_to(head: Measurement, base: Measurement, common_seeds: bool = False) -> Measurement | None:
    """Return head minus base as a measurement of the same design, or None where their observations cannot be combined.

    With `common_seeds` only observations of seeds that both sides have count.

    Observations with equal keys are paired. With other seeds, per-seed and per-pair designs compare two independent
    groups; a crossed design has no bound that way, because its datasets are shared and its seeds are not.
    """
    if head.reported or base.reported or head.baseline_keys or base.baseline_keys or head.design != base.design:
        return None
    # The difference of two ratios of means has four means in it, and none of our bounds.
    if head.denominator or base.denominator:
        return None
    if common_seeds:
        both = set(head.seeds) & set(base.seeds)
        if not both:
            return None
        head, base = _of_seeds(head, both), _of_seeds(base, both)
        if not head.keys:  # pairs of seeds, and one seed
            return None
    if head.control_model_seeds != base.control_model_seeds:
        return None
    head, base = replace(head, control_models=_control_difference(head, base)), replace(base, control_models=None)
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


def _control_difference(head: Measurement, base: Measurement) -> tuple[float, ...] | None:
    """Return head minus base of the control on each re-initialised model; None where all of it cancels, or is none.

    What one model does to the head's control and not to the base's differs from model to model, so it stays a draw.
    """
    if head.control_models is None or base.control_models is None:
        return None
    pairs = zip(head.control_models, base.control_models, strict=True)
    differences = tuple(here - there for here, there in pairs)
    return differences if any(differences) else None


def _of_seeds(measurement: Measurement, seeds: Collection[int]) -> Measurement:
    """Return the observations of some seeds; of a pair both must be among them. One without pairs has no keys then."""
    columns = 2 if measurement.design == "per_seed_pair" else 1
    kept = [all(part in seeds for part in key[:columns]) for key in measurement.keys]

    def cut(values: Sequence[T] | None) -> tuple[T, ...] | None:
        return None if values is None else tuple(compress(values, kept))

    return replace(
        measurement,
        keys=tuple(compress(measurement.keys, kept)),
        candidate=tuple(compress(measurement.candidate, kept)),
        baseline=cut(measurement.baseline),
        families=cut(measurement.families),
        denominator=cut(measurement.denominator),
    )
