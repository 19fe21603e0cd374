"""In which fields the base branch's evidence differs from what is judged, where the two cannot be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gatekit.evidence.summary import SHAPE_FIELDS, Protocol, Subject, Summary
from gatekit.policy.model import Threshold

Difference = tuple[str, str, str]
"""Name of the field, own value, the base's value."""

MOST_TOLD = 5
"""Differences that a reason names; the rest are counted."""
LONGEST_VALUE = 60
"""Characters shown of a value: a setting may be a sentence."""


def what_differs(rule: Threshold, summary: Summary, base: Sequence[Summary]) -> str:
    """Return what keeps the closest of the base's measurements from being compared, or "" where nothing is known.

    Args:
        rule: that compares.
        summary: what is judged.
        base: summaries of the base with the same measure.
    """
    alike = [s for s in base if s.protocol.comparable == summary.protocol.comparable]
    if alike:
        if rule.across_subjects:
            return ""
        return _told([(s, subject_differences(summary.subject, s.subject)) for s in alike])
    # By another protocol the subject decides nothing yet: the nearest one is compared first.
    found = [(s, protocol_differences(summary.protocol, s.protocol)) for s in base]
    same = [one for one in found if one[0].subject.shape == summary.subject.shape]
    return _told(same or found)


def several_subjects(opponents: Sequence[Summary]) -> str:
    """Return which subjects of the base could be meant, where these are several; else ""."""
    subjects = {s.subject.digest: s.subject.words for s in sorted(opponents, key=lambda s: s.path)}
    return f": it has {len(subjects)} ({'; '.join(list(subjects.values())[:3])})" if len(subjects) > 1 else ""


def subject_differences(own: Subject, other: Subject) -> list[Difference]:
    """Return each part of two subjects' shapes that differs."""
    parts = zip(SHAPE_FIELDS, own.shape, other.shape, strict=True)
    return [
        (name, *((model_in_words(own), model_in_words(other)) if name == "model" else (_value(here), _value(there))))
        for name, here, there in parts
        if here != there
    ]


def protocol_differences(own: Protocol, other: Protocol) -> list[Difference]:
    """Return each part of two protocols that differs and decides whether they are comparable."""
    fields: Mapping[str, Callable[[Protocol], object]] = {
        "protocol": lambda p: p.name,
        "rows": lambda p: p.rows,
        "ks": lambda p: list(p.ks) or None,
        "baseline kind": lambda p: p.baseline_kind,
    }
    found = [(name, of(own), of(other)) for name, of in fields.items()]
    settings = sorted(own.settings.keys() | other.settings.keys())
    found += [(f"setting {name}", own.settings.get(name, _NOT), other.settings.get(name, _NOT)) for name in settings]
    differences = [(name, _value(here), _value(there)) for name, here, there in found if here != there]
    return _datasets(own.datasets, other.datasets) + differences or [_OF_THE_SAME_NAMES]


_NOT = "not stated"
_OF_THE_SAME_NAMES: Difference = ("contents of the datasets", "these", "others under the same names")


def _datasets(own: Sequence[str], other: Sequence[str]) -> list[Difference]:
    if own == other:
        return []
    if set(own) == set(other):
        return [("order of the datasets", _names(own), _names(other))]
    if len(own) == len(other) == 1:
        return [("dataset", _value(own[0]), _value(other[0]))]
    mine, theirs = ([n for n in names if n not in others] for names, others in ((own, other), (other, own)))
    return [("datasets", f"{len(own)}{_among(mine)}", f"{len(other)}{_among(theirs)}")]


def _among(names: Sequence[str]) -> str:
    return f" with {_names(names)} among them" if names else ""


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(_value(name) for name in names[:2]) + more


def _told(found: Sequence[tuple[Summary, list[Difference]]]) -> str:
    """Return how the one that differs least differs."""
    if not found:
        return ""
    _, differences = min(found, key=lambda one: len(one[1]))
    if not differences:
        return ""
    has = "the base has" if len({tuple(one[1]) for one in found}) == 1 else "the closest in the base has"
    told = [f"{name} {here}, {has} {there}" for name, here, there in differences[:MOST_TOLD]]
    more = len(differences) - MOST_TOLD
    told += [f"{more} field{'s' * (more != 1)} more"] if more > 0 else []
    return ": " + ", and ".join(told)


def _value(part: object) -> str:
    text = "none" if part is None else str(part).lower() if isinstance(part, bool) else str(part)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def model_in_words(subject: Subject) -> str:
    """Return a subject's model for a reason."""
    # Two models of one name differ in their weights.
    weights = "without a digest" if subject.model_digest is None else f"[{subject.model_digest[:12]}]"
    return f"{subject.model_name} {weights}"
