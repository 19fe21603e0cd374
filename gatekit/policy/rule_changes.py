"""What changed in a gate: in its rule, and in whether the rule counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from gatekit.policy.changes import Change, Detail, bound_word, factors, field_changes, meaning, step, word
from gatekit.policy.limits import Bound, sides
from gatekit.policy.model import Combined, Gate, Rule, Threshold


def gate_changes(old: Gate, new: Gate) -> list[Detail]:
    """Return what changed in one gate; words such as its description change nothing."""
    return field_changes(
        old,
        new,
        {
            "required": lambda a, b: step("required", a.required, b.required, tighter=b.required),
            "level": lambda a, b: step("level", a.level, b.level, tighter=b.level == "enforce"),
            "rule": lambda a, b: rule_changes(a.rule, b.rule),
        },
    )


def rule_changes(old: Rule, new: Rule) -> list[Detail]:
    """Return what changed between two rules, in whichever gates they stand; nothing where they ask the same."""
    if isinstance(old, Threshold) and isinstance(new, Threshold):
        if _key(old) == _key(new):
            return _threshold(old, new)
        return [
            Detail(Change.REMOVED, f"{_name(old)} no longer asked"),
            Detail(Change.ADDED, f"{_name(new)} asked"),
        ]
    operators = {rule.operator for rule in (old, new) if isinstance(rule, Combined)}
    parts_decide = all(_is_its_parts(rule) for rule in (old, new) if isinstance(rule, Combined))
    if len(operators) == 1 and parts_decide:
        return _children(operators.pop(), _parts(old), _parts(new))
    # The order of first_of matters, and two ways of combining rules cannot be ordered.
    if meaning(old) == meaning(new):
        return []
    return [Detail(Change.INCOMPARABLE, f"{_name(old)} became {_name(new)}")]


def demands(rule: Rule) -> list[Rule]:
    """Return the rules that must all pass for a rule to pass: the parts of all_of, else the rule itself."""
    if isinstance(rule, Combined) and rule.operator == "all_of" and _is_its_parts(rule):
        return [demand for part in rule.rules for demand in demands(part)]
    return [rule]


def rule_name(rule: Rule) -> str:
    """Return what a rule asks, in a few words: `random_model.r2 >= 0.5`."""
    return f"{rule.effect} {word(rule.limits)}" if isinstance(rule, Threshold) else _name(rule)


def _is_its_parts(rule: Combined) -> bool:
    """Whether a combination is known by its operator and its parts, in any order, and has nothing else that counts."""
    known = {"operator", "rules", "location"}
    return rule.operator in ("all_of", "any_of") and {field.name for field in fields(rule)} <= known


def _parts(rule: Rule) -> tuple[Rule, ...]:
    return rule.rules if isinstance(rule, Combined) else (rule,)


def _children(operator: str, old: Sequence[Rule], new: Sequence[Rule]) -> list[Detail]:
    """Match parts by what they measure; in all_of a part more is a demand more, in any_of a way out more."""
    details: list[Detail] = []
    left = list(new)
    for part in old:
        match = next((other for other in left if _key(other) == _key(part)), None)
        if match is None:
            # Of fewer alternatives each is judged at a lower confidence: what is left may pass more easily.
            change = Change.REMOVED if operator == "all_of" else Change.INCOMPARABLE
            details.append(Detail(change, f"{_name(part)} no longer in {operator}"))
        else:
            left.remove(match)
            details += rule_changes(part, match)
    more = Change.ADDED if operator == "all_of" else Change.LOOSENED
    return details + [Detail(more, f"{_name(part)} added to {operator}") for part in left]


def _key(rule: Rule) -> tuple[object, ...]:
    """What a rule is about, whatever its numbers: two versions of it share this."""
    if isinstance(rule, Threshold):
        return (rule.kind, rule.measure.name, rule.operator)
    return (rule.operator, *sorted(map(repr, map(_key, rule.rules))))


def _name(rule: Rule) -> str:
    if isinstance(rule, Threshold):
        return f"{rule.effect} {rule.operator}"
    return f"{rule.operator} of {len(rule.rules)} rules"


LENIENT: tuple[Bound, ...] = ("optimistic", "point", "confidence")
"""Each passes whatever the next one passes."""


def _threshold(old: Threshold, new: Threshold) -> list[Detail]:
    details = _fields(old, new)
    if old.optimistic and new.optimistic:
        # The more rules share what a wrong stop may cost, the further out is each bound.
        fewer = new.alternatives < old.alternatives
        details += step("rules that share the confidence", old.alternatives, new.alternatives, tighter=fewer)
    return details


def _fields(old: Threshold, new: Threshold) -> list[Detail]:
    return field_changes(
        old,
        new,
        {
            "limits": _limits,
            "bound": lambda a, b: step("bound", bound_word(a), bound_word(b), _is_less_lenient(a, b)),
            "confidence": lambda a, b: step(
                "confidence", a.confidence, b.confidence, _is_further_in(a, b, b.confidence > a.confidence)
            ),
            "min_seeds": lambda a, b: step("min_seeds", a.min_seeds, b.min_seeds, b.min_seeds > a.min_seeds),
            "min_random_models": lambda a, b: step(
                "min_random_models",
                a.min_random_models,
                b.min_random_models,
                b.min_random_models > a.min_random_models,
            ),
            "max_age": lambda a, b: step("max_age", a.max_age, b.max_age, _is_shorter(a, b)),
            "allow_reported": lambda a, b: step(
                "allow_reported", a.allow_reported, b.allow_reported, tighter=not b.allow_reported
            ),
            "selected_from": lambda a, b: step(
                "selected_from",
                a.selected_from,
                b.selected_from,
                _is_further_in(a, b, b.selected_from > a.selected_from),
            ),
            "generalize_over": _generalize_over,
            "across_subjects": lambda a, b: step(
                "across_subjects", a.across_subjects, b.across_subjects, tighter=not b.across_subjects
            ),
            "common_seeds": lambda a, b: step("seeds of the base", _seeds(a), _seeds(b), tighter=None),
        },
    )


def _seeds(rule: Threshold) -> str:
    return "common" if rule.common_seeds else "all"


def _limits(old: Threshold, new: Threshold) -> list[Detail]:
    """Compare end by end: a lower end is tighter further up, an upper end further down."""
    name = f"{old.measure.name} {old.operator}"
    details: list[Detail] = []
    if type(old.limits) is type(new.limits):
        for before, after in zip(sides(old.limits), sides(new.limits), strict=True):
            details += step(name, before.limit, after.limit, tighter=before.inside(after.limit) > 0.0)
    # Another form, or something in it beside its ends.
    return details or step(name, old.limits, new.limits, tighter=None)


def _is_shorter(old: Threshold, new: Threshold) -> bool:
    return new.max_age is not None and (old.max_age is None or new.max_age < old.max_age)


def _generalize_over(old: Threshold, new: Threshold) -> list[Detail]:
    before, after = factors(old), factors(new)
    wider = after > before
    tighter = _is_further_in(old, new, wider) if wider or after < before else None
    return step("generalize_over", tuple(sorted(before)), tuple(sorted(after)), tighter)


def _is_less_lenient(old: Threshold, new: Threshold) -> bool | None:
    if {old.bound, new.bound} <= set(LENIENT):
        return LENIENT.index(new.bound) > LENIENT.index(old.bound)
    return None


def _is_further_in(old: Threshold, new: Threshold, wider: bool) -> bool | None:
    """Return whether a bound that is further from the estimate, or nearer, asks for more: an optimistic one asks less.

    None where one of two rules is optimistic: what it is compared with then changes sides.
    """
    if old.optimistic != new.optimistic:
        return None
    return wider != new.optimistic
