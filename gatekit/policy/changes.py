"""How two versions of one thing in a policy differ, field by field; a field that nobody named is never overlooked.

Every field of a dataclass of `gatekit.policy.model` is compared. A difference is called tightened or loosened only
where a named comparison says so; in any other field it is incomparable, so that a field that is added later asks for
approval until somebody says what its change means.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar

from gatekit.kinds import MeasureSpec
from gatekit.policy.limits import Limits, symbols
from gatekit.policy.model import Combined, Gate, Policy, Score, Selection, SubjectFilter, Threshold, Waiver

T = TypeVar("T")


class Change(StrEnum):
    """How a part of a policy changed."""

    UNCHANGED = "unchanged"
    ADDED = "added"
    REMOVED = "removed"
    TIGHTENED = "tightened"
    LOOSENED = "loosened"
    INCOMPARABLE = "incomparable"


@dataclass(frozen=True)
class Detail:
    """One setting that changed."""

    change: Change
    what: str
    """For people: `r2 at_least 0.5 -> 0.4`."""


_WHERE = "where it stands in the file decides nothing"
WITHOUT_MEANING: dict[type, dict[str, str]] = {
    Policy: {
        "path": "the file may be renamed; a policy is known by its id",
        "sha256": "changes with every comment; what was parsed is compared instead",
        "description": "words for people",
    },
    Gate: {"description": "words for people", "location": _WHERE},
    Threshold: {
        "location": _WHERE,
        "limit_location": _WHERE,
        "alternatives": "follows from the combinations that the rule stands in, which are compared; of an optimistic "
        "bound rule_changes compares it",
    },
    Combined: {"location": _WHERE},
    Waiver: {"location": _WHERE},
    Selection: {"location": _WHERE},
    Score: {"worst_location": _WHERE, "best_location": _WHERE},
    MeasureSpec: {"description": "words for people"},
}
"""The only fields whose change is no change, each with the reason."""

DESIGN_LEVELS = {"per_seed": None, "per_seed_pair": None, "per_seed_dataset": "dataset", "per_seed_row": "row"}
"""The random factor that a design has beside the seeds."""


def factors(rule: Threshold) -> frozenset[str]:
    """Return the random factors of `generalize_over` that the measure's design has; one that it lacks changes nothing.

    Of a design that is not known here all are returned, so that each counts.
    """
    if rule.measure.design not in DESIGN_LEVELS:
        return frozenset(rule.generalize_over)
    level = DESIGN_LEVELS[rule.measure.design]
    if level is None:
        return frozenset({"seed"})
    return frozenset(rule.generalize_over) & {"seed", level} or frozenset({"seed"})


def bound_word(rule: Threshold) -> str:
    """Return what a rule compares: the `confidence` bound, the `point` estimate, or the `optimistic` bound."""
    return rule.bound


def meaning(value: object) -> object:
    """Return all of a value that can change a verdict, as something that can be compared and hashed."""
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value).__name__, *((field.name, _field_meaning(value, field)) for field in counting(value)))
    if isinstance(value, tuple):
        return tuple(map(meaning, value))
    return value


def _field_meaning(owner: Any, field: Field[Any]) -> object:
    if isinstance(owner, Threshold) and field.name == "generalize_over":
        return factors(owner)
    return meaning(getattr(owner, field.name))


def counting(value: Any) -> list[Field[Any]]:
    """Return the fields of a dataclass's instance that are not in `WITHOUT_MEANING`."""
    ignored = {name for kind, names in WITHOUT_MEANING.items() if isinstance(value, kind) for name in names}
    return [field for field in fields(value) if field.name not in ignored]


def field_changes(
    old: T, new: T, named: Mapping[str, Callable[[T, T], list[Detail]]], elsewhere: Collection[str] = ()
) -> list[Detail]:
    """Return what differs between two versions of one dataclass.

    Args:
        old: the version that judges now.
        new: the other version.
        named: per field, the comparison that knows which change of it is tighter; any other difference is incomparable.
        elsewhere: fields that the caller compares by itself.
    """
    if type(old) is not type(new):
        return [Detail(Change.INCOMPARABLE, f"{type(old).__name__} -> {type(new).__name__}")]
    details: list[Detail] = []
    for field in counting(old):
        if field.name in named:
            details += named[field.name](old, new)
        elif field.name not in elsewhere:
            details += step(field.name, getattr(old, field.name), getattr(new, field.name), tighter=None)
    return details


def step(what: str, old: object, new: object, tighter: bool | None) -> list[Detail]:
    """Return the difference of two values, or nothing where they mean the same.

    Args:
        what: the name of the setting.
        old: its value in the version that judges now.
        new: its other value.
        tighter: whether the new one asks for more; None where that cannot be said.
    """
    if meaning(old) == meaning(new):
        return []
    change = Change.INCOMPARABLE if tighter is None else Change.TIGHTENED if tighter else Change.LOOSENED
    before, after = word(old), word(new)
    return [Detail(change, f"{what} changed" if before == after else f"{what} {before} -> {after}")]


def word(value: object) -> str:
    """Return a setting's value for people."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(word, value)) + "]"
    if isinstance(value, Limits):
        return symbols(value)
    if isinstance(value, SubjectFilter):
        given = [field for field in fields(value) if getattr(value, field.name) is not None]
        return ", ".join(f"{field.name} {getattr(value, field.name)}" for field in given) or "any"
    if isinstance(value, MeasureSpec):
        return value.name
    return str(value)
