"""What a change of policy means: each gate tightened, loosened or neither, by what its thresholds can let through.

A change is tightened only when every verdict that the new policy passes, the old one would have passed too, on any
evidence. What cannot be ordered that way is incomparable and is treated like loosening: people decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from gatekit.policy.model import (
    Combined,
    Gate,
    LegacySelection,
    Policy,
    Rule,
    Score,
    Selection,
    SubjectFilter,
    Threshold,
    Waiver,
)


class Change(StrEnum):
    """How a part of a policy changed."""

    UNCHANGED = "unchanged"
    ADDED = "added"
    REMOVED = "removed"
    TIGHTENED = "tightened"
    LOOSENED = "loosened"
    INCOMPARABLE = "incomparable"


NEEDS_APPROVAL = frozenset({Change.REMOVED, Change.LOOSENED, Change.INCOMPARABLE})


@dataclass(frozen=True)
class Detail:
    """One setting that changed."""

    change: Change
    what: str
    """For people: `r2 at_least 0.5 -> 0.4`."""


@dataclass(frozen=True)
class GateChange:
    """One gate, or one part of the policy outside its gates, that changed."""

    name: str
    change: Change
    details: tuple[Detail, ...]


@dataclass(frozen=True)
class PolicyDiff:
    """All that changed between two versions of a policy."""

    policy: str
    """The policy's id."""
    change: Change
    gates: tuple[GateChange, ...]
    settings: tuple[Detail, ...]
    """What changed outside gates: subject, signatures, legacy."""
    waivers: tuple[Detail, ...]
    """Any waiver added, extended, changed (loosened) or removed (tightened)."""

    @property
    def needs_approval(self) -> bool:
        """Whether people must agree before the new version may judge."""
        return self.change in NEEDS_APPROVAL

    @property
    def loosened_gates(self) -> tuple[str, ...]:
        """Names of the gates that are removed, loosened or incomparable."""
        return tuple(gate.name for gate in self.gates if gate.change in NEEDS_APPROVAL)


def diff_policies(base: Sequence[Policy], head: Sequence[Policy]) -> list[PolicyDiff]:
    """Return the difference of every policy that changed, matched by id and sorted by it."""
    old, new = {p.id: p for p in base}, {p.id: p for p in head}
    found = []
    for policy_id in sorted(old.keys() | new.keys()):
        before, after = old.get(policy_id), new.get(policy_id)
        if before is None or after is None:
            change = Change.ADDED if before is None else Change.REMOVED
            gates = [gate for policy in (before, after) if policy is not None for gate in policy.gates]
            found.append(PolicyDiff(policy_id, change, tuple(GateChange(g.name, change, ()) for g in gates), (), ()))
        elif before.sha256 != after.sha256:
            result = diff_policy(before, after)
            if result.change is not Change.UNCHANGED:
                found.append(result)
    return found


def diff_policy(base: Policy, head: Policy) -> PolicyDiff:
    """Return what changed between two versions of one policy; words such as descriptions change nothing."""
    old, new = {g.name: g for g in base.gates}, {g.name: g for g in head.gates}
    gates = []
    for name in [*old, *(n for n in new if n not in old)]:
        if name not in new:
            gates.append(GateChange(name, Change.REMOVED, ()))
        elif name not in old:
            gates.append(GateChange(name, Change.ADDED, ()))
        else:
            details = _gate(old[name], new[name])
            change = _overall(detail.change for detail in details)
            if change is not Change.UNCHANGED:
                gates.append(GateChange(name, change, tuple(details)))
    settings = _settings(base, head)
    if not _counts(base) and _counts(head):
        # What could never pass because no gate counted can pass now, however strict the gate is.
        settings.append(Detail(Change.INCOMPARABLE, "the first gate that counts"))
    waivers = _waivers(base.waivers, head.waivers)
    change = _overall(
        [gate.change for gate in gates] + [detail.change for detail in settings] + [detail.change for detail in waivers]
    )
    return PolicyDiff(head.id, change, tuple(gates), tuple(settings), tuple(waivers))


def _counts(policy: Policy) -> bool:
    """Whether any gate of the policy can make it pass."""
    waived = {waiver.gate for waiver in policy.waivers}
    return any(gate.required and gate.level == "enforce" and gate.name not in waived for gate in policy.gates)


def _overall(changes: Iterable[Change]) -> Change:
    """Combine: one loosening outweighs any tightening; adding a demand is tightening."""
    seen = set(changes)
    if seen & {Change.LOOSENED, Change.REMOVED}:
        return Change.LOOSENED
    if Change.INCOMPARABLE in seen:
        return Change.INCOMPARABLE
    return Change.TIGHTENED if seen & {Change.TIGHTENED, Change.ADDED} else Change.UNCHANGED


def _step(what: str, old: object, new: object, tighter: bool | None) -> list[Detail]:
    if old == new:
        return []
    change = Change.INCOMPARABLE if tighter is None else Change.TIGHTENED if tighter else Change.LOOSENED
    return [Detail(change, f"{what} {_word(old)} -> {_word(new)}")]


def _word(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    if isinstance(value, SubjectFilter):
        return ", ".join(f"{f.name} {getattr(value, f.name)}" for f in fields(value) if getattr(value, f.name)) or "any"
    return str(value)


def _gate(old: Gate, new: Gate) -> list[Detail]:
    details = _step("required", old.required, new.required, tighter=new.required)
    details += _step("level", old.level, new.level, tighter=new.level == "enforce")
    return details + _rule(old.rule, new.rule)


def _rule(old: Rule, new: Rule) -> list[Detail]:
    if isinstance(old, Threshold) and isinstance(new, Threshold):
        if _key(old) == _key(new):
            return _threshold(old, new)
        return [
            Detail(Change.REMOVED, f"{_name(old)} no longer asked"),
            Detail(Change.ADDED, f"{_name(new)} asked"),
        ]
    operator = _operator(old) or _operator(new)
    if operator == "first_of" or {_operator(old), _operator(new)} - {None, operator}:
        return (
            []
            if _key(old) == _key(new) and _same(old, new)
            else [Detail(Change.INCOMPARABLE, f"{_name(old)} became {_name(new)}")]
        )
    return _children(operator or "all_of", _parts(old), _parts(new))


def _operator(rule: Rule) -> str | None:
    return rule.operator if isinstance(rule, Combined) else None


def _parts(rule: Rule) -> tuple[Rule, ...]:
    return rule.rules if isinstance(rule, Combined) else (rule,)


def _children(operator: str, old: Sequence[Rule], new: Sequence[Rule]) -> list[Detail]:
    """Match parts by what they measure; in all_of a part more is a demand more, in any_of a way out more."""
    details: list[Detail] = []
    left = list(new)
    for part in old:
        match = next((other for other in left if _key(other) == _key(part)), None)
        if match is None:
            change = Change.REMOVED if operator == "all_of" else Change.TIGHTENED
            details.append(Detail(change, f"{_name(part)} no longer in {operator}"))
        else:
            left.remove(match)
            details += _rule(part, match)
    more = Change.ADDED if operator == "all_of" else Change.LOOSENED
    return details + [Detail(more, f"{_name(part)} added to {operator}") for part in left]


def _key(rule: Rule) -> tuple[object, ...]:
    """What a rule is about, whatever its numbers: two versions of it share this."""
    if isinstance(rule, Threshold):
        return (rule.kind, rule.measure.name, rule.operator)
    return (rule.operator, *sorted(map(repr, map(_key, rule.rules))))


def _same(old: Rule, new: Rule) -> bool:
    if isinstance(old, Threshold) or isinstance(new, Threshold):
        return isinstance(old, Threshold) and isinstance(new, Threshold) and not _threshold(old, new)
    pairs = zip(old.rules, new.rules, strict=False)
    return len(old.rules) == len(new.rules) and all(_key(a) == _key(b) and _same(a, b) for a, b in pairs)


def _name(rule: Rule) -> str:
    if isinstance(rule, Threshold):
        return f"{rule.kind} {rule.measure.name} {rule.operator}"
    return f"{rule.operator} of {len(rule.rules)} rules"


def _threshold(old: Threshold, new: Threshold) -> list[Detail]:
    name = f"{old.measure.name} {old.operator}"
    details: list[Detail] = []
    if old.low is not None and new.low is not None:
        details += _step(name, old.low, new.low, tighter=new.low > old.low)
    if old.high is not None and new.high is not None:
        details += _step(name, old.high, new.high, tighter=new.high < old.high)
    details += _step("protocol", old.protocol, new.protocol, tighter=None)
    details += _step("bound", _bound(old), _bound(new), tighter=not new.point)
    details += _step("confidence", old.confidence, new.confidence, tighter=new.confidence > old.confidence)
    details += _step("min_seeds", old.min_seeds, new.min_seeds, tighter=new.min_seeds > old.min_seeds)
    shorter = new.max_age is not None and (old.max_age is None or new.max_age < old.max_age)
    details += _step("max_age", old.max_age, new.max_age, tighter=shorter)
    details += _step("allow_reported", old.allow_reported, new.allow_reported, tighter=not new.allow_reported)
    more = new.selected_from > old.selected_from
    details += _step("selected_from", old.selected_from, new.selected_from, tighter=more)
    before, after = _factors(old), _factors(new)
    wider = True if after > before else False if after < before else None
    return details + _step("generalize_over", tuple(sorted(before)), tuple(sorted(after)), wider)


def _bound(rule: Threshold) -> str:
    return "point" if rule.point else "confidence"


def _factors(rule: Threshold) -> frozenset[str]:
    """The random factors that the measure's design has; naming one that it lacks changes nothing."""
    level = {"per_seed_dataset": "dataset", "per_seed_row": "row"}.get(rule.measure.design)
    if level is None:
        return frozenset({"seed"})
    return frozenset(rule.generalize_over) & {"seed", level} or frozenset({"seed"})


def _settings(old: Policy, new: Policy) -> list[Detail]:
    details = _step("legacy", old.legacy, new.legacy, tighter=not new.legacy)
    details += _step("one_subject", old.one_subject, new.one_subject, tighter=new.one_subject)
    details += _step("subject", old.subject, new.subject, tighter=None)
    details += _selection(old.selection, new.selection)
    before, after = old.signed_by, new.signed_by
    if before is None or after is None:
        return details + _step("signed_by", before, after, tighter=before is None)
    roles = set(before.roles), set(after.roles)
    fewer = True if roles[1] < roles[0] else False if roles[1] > roles[0] else None
    details += _step("signed_by roles", tuple(sorted(roles[0])), tuple(sorted(roles[1])), fewer)
    return details + _step("signed_by threshold", before.threshold, after.threshold, after.threshold > before.threshold)


def _selection(old: Selection | LegacySelection | None, new: Selection | LegacySelection | None) -> list[Detail]:
    """Any change: who is selected has no tighter or looser, and a choice made to fit must be seen."""
    if not isinstance(old, Selection) or not isinstance(new, Selection):
        if old == new or (old is None and new is None):
            return []
        words = {type(None): "none", LegacySelection: "by another system's method", Selection: "by fixed scales"}
        if type(old) is type(new):
            return [Detail(Change.INCOMPARABLE, "selection: settings of the legacy method changed")]
        return [Detail(Change.INCOMPARABLE, f"selection {words[type(old)]} -> {words[type(new)]}")]
    details: list[Detail] = []
    for what, before, after in (
        ("scores", tuple(map(_score, old.scores)), tuple(map(_score, new.scores))),
        ("eligibility", old.eligibility, new.eligibility),
        ("pareto", tuple(map(_read, old.pareto)), tuple(map(_read, new.pareto))),
        ("ties", tuple(map(_read, old.ties)), tuple(map(_read, new.ties))),
        ("seeds select", old.select_seeds, new.select_seeds),
        ("seeds confirm", old.confirm_seeds, new.confirm_seeds),
        ("may_differ", old.may_differ, new.may_differ),
        ("weight_grid", old.weight_grid, new.weight_grid),
    ):
        details += _step(f"selection {what}", before, after, tighter=None)
    return details


def _score(score: Score) -> str:
    return f"{_read(score.value)} {score.worst:.12g}..{score.best:.12g} x{score.weight:.12g}"


def _read(value: Threshold) -> str:
    """What a value of a selection is, settings included: all of them bear on the choice."""
    words = [value.kind, value.measure.name, _bound(value), f"at {value.confidence:.12g} from {value.min_seeds} seeds"]
    words += [f"protocol {value.protocol}"] * (value.protocol is not None)
    words += [f"max_age {value.max_age}"] * (value.max_age is not None)
    words += ["reported allowed"] * value.allow_reported
    return " ".join([*words, f"over {'+'.join(sorted(_factors(value)))}"])


def _waivers(old: Sequence[Waiver], new: Sequence[Waiver]) -> list[Detail]:
    def content(waiver: Waiver) -> tuple[str, str, str, str]:
        return (waiver.gate, waiver.owner, waiver.reason, waiver.expires.isoformat())

    before, after = {content(w) for w in old}, {content(w) for w in new}
    details = [Detail(Change.LOOSENED, f"waiver of {w[0]} by {w[1]} until {w[3]}") for w in sorted(after - before)]
    return details + [
        Detail(Change.TIGHTENED, f"no waiver of {w[0]} by {w[1]} until {w[3]} any more") for w in sorted(before - after)
    ]
