"""What changed in a policy outside its gates: whom it is about, who must sign, how it selects, and its waivers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gatekit.policy.changes import Change, Detail, bound_word, factors, field_changes, meaning, step
from gatekit.policy.mode_selection import ModeSelection
from gatekit.policy.model import Policy, Score, Selection, SignedBy, Threshold, Waiver


def setting_changes(old: Policy, new: Policy) -> list[Detail]:
    """Return what changed outside gates and waivers: subject, signatures, selection, ..."""
    return field_changes(
        old,
        new,
        {
            "legacy": lambda a, b: step("legacy", a.legacy, b.legacy, tighter=not b.legacy),
            "one_subject": lambda a, b: step("one_subject", a.one_subject, b.one_subject, tighter=b.one_subject),
            "registered": lambda a, b: step("registered", a.registered, b.registered, b.registered == "required"),
            "purpose": _purpose,
            # No folder is a stricter one: what is judged is then something else.
            "evidence": lambda a, b: step("evidence", tuple(sorted(a.evidence)), tuple(sorted(b.evidence)), None),
            "signed_by": lambda a, b: _signed_by(a.signed_by, b.signed_by),
            "selection": lambda a, b: _selection(a.selection, b.selection),
        },
        elsewhere=("gates", "waivers"),
    )


def _purpose(old: Policy, new: Policy) -> list[Detail]:
    # A stop policy that begins to judge releases is a bar that nobody has agreed to, however strict it is.
    return step("purpose", old.purpose, new.purpose, tighter=False if new.stops else None)


def _signed_by(old: SignedBy | None, new: SignedBy | None) -> list[Detail]:
    if old is None or new is None:
        return step("signed_by", old, new, tighter=old is None)

    def roles(a: SignedBy, b: SignedBy) -> list[Detail]:
        before, after = set(a.roles), set(b.roles)
        fewer = True if after < before else False if after > before else None
        return step("signed_by roles", tuple(sorted(before)), tuple(sorted(after)), fewer)

    def keys(a: SignedBy, b: SignedBy) -> list[Detail]:
        return step("signed_by threshold", a.threshold, b.threshold, b.threshold > a.threshold)

    return field_changes(old, new, {"roles": roles, "threshold": keys})


def _selection(old: Selection | ModeSelection | None, new: Selection | ModeSelection | None) -> list[Detail]:
    """Any change: who is selected has no tighter or looser, and a choice made to fit must be seen."""
    if meaning(old) == meaning(new):
        return []
    if not isinstance(old, Selection) or not isinstance(new, Selection):
        words = {type(None): "none", ModeSelection: "by another system's method", Selection: "by fixed scales"}
        if type(old) is type(new):
            return [Detail(Change.INCOMPARABLE, "selection: settings of the other method changed")]
        return [Detail(Change.INCOMPARABLE, f"selection {words[type(old)]} -> {words[type(new)]}")]

    def values(name: str, words: Callable[[Any], str]) -> Callable[[Selection, Selection], list[Detail]]:
        return lambda a, b: _values(f"selection {name}", getattr(a, name), getattr(b, name), words)

    def setting(name: str, what: str) -> Callable[[Selection, Selection], list[Detail]]:
        return lambda a, b: step(f"selection {what}", getattr(a, name), getattr(b, name), tighter=None)

    return field_changes(
        old,
        new,
        {
            "scores": values("scores", _score),
            "pareto": values("pareto", _read),
            "ties": values("ties", _read),
            "eligibility": setting("eligibility", "eligibility"),
            "select_seeds": setting("select_seeds", "seeds select"),
            "confirm_seeds": setting("confirm_seeds", "seeds confirm"),
            "may_differ": setting("may_differ", "may_differ"),
            "weight_grid": setting("weight_grid", "weight_grid"),
        },
    )


def _values(what: str, old: Sequence[Any], new: Sequence[Any], words: Callable[[Any], str]) -> list[Detail]:
    """Compare all that decides a value, also what its words do not hold."""
    if meaning(tuple(old)) == meaning(tuple(new)):
        return []
    before, after = tuple(map(words, old)), tuple(map(words, new))
    return step(what, before, after, tighter=None) or [Detail(Change.INCOMPARABLE, f"{what} changed")]


def _score(score: Score) -> str:
    return f"{_read(score.value)} {score.worst:.12g}..{score.best:.12g} x{score.weight:.12g}"


def _read(value: Threshold) -> str:
    """What a value of a selection is, settings included: all of them bear on the choice."""
    words = [
        value.kind,
        value.measure.name,
        bound_word(value),
        f"at {value.confidence:.12g} from {value.min_seeds} seeds",
    ]
    words += [f"protocol {value.protocol}"] * (value.protocol is not None)
    words += [f"max_age {value.max_age}"] * (value.max_age is not None)
    words += ["reported allowed"] * value.allow_reported
    return " ".join([*words, f"over {'+'.join(sorted(factors(value)))}"])


def waiver_changes(old: Sequence[Waiver], new: Sequence[Waiver]) -> list[Detail]:
    """Return every waiver that was added (loosened) or removed (tightened); a changed one is both."""
    before, after = {meaning(w): w for w in old}, {meaning(w): w for w in new}
    added = sorted((after[key] for key in after.keys() - before.keys()), key=_waiver_order)
    gone = sorted((before[key] for key in before.keys() - after.keys()), key=_waiver_order)
    return [Detail(Change.LOOSENED, f"waiver of {_waived(waiver)}") for waiver in added] + [
        Detail(Change.TIGHTENED, f"no waiver of {_waived(waiver)} any more") for waiver in gone
    ]


def _waiver_order(waiver: Waiver) -> tuple[str, str, str, str]:
    return (waiver.gate, waiver.owner, waiver.reason, waiver.expires.isoformat())


def _waived(waiver: Waiver) -> str:
    return f"{waiver.gate} by {waiver.owner} until {waiver.expires.isoformat()}"
