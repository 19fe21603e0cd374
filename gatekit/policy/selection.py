"""The `selection` section of a policy: by what one of several candidates is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gatekit.errors import did_you_mean
from gatekit.evidence.strict_yaml import Node, YamlDocument
from gatekit.kinds import Kinds
from gatekit.policy import fields
from gatekit.policy.limits import AtLeast, AtMost, Limits
from gatekit.policy.mode import policy_mode
from gatekit.policy.mode_selection import ModeSelection
from gatekit.policy.model import Score, Selection, Threshold
from gatekit.policy.settings import Settings, kind_from, measure_from

SELECTION_KEYS = ("scores", "eligibility", "pareto", "ties", "seeds", "may_differ", "weight_grid")
VALUE_KEYS = ("from", "measure", "use", "protocol")
SCORE_KEYS = (*VALUE_KEYS, "worst", "best", "weight")
METHOD = r"[a-z][a-z0-9_-]{0,63}"
"""The form of a method's name, which is that of an entry point."""
DEFAULT_WEIGHT_GRID = 10
"""Tenths: fine enough to see where a choice turns, and 66 weightings of three scores can still be read."""
MAX_WEIGHT = 1e6
MAX_SEED = 4_294_967_295


def selection_from(
    document: YamlDocument, node: Node, defaults: Settings, gates: Sequence[str], legacy: bool, kinds: Kinds
) -> Selection | ModeSelection:
    """Return the section; the one with a `method` belongs to legacy policies alone.

    Args:
        document: the policy's file.
        node: the section.
        defaults: the policy's, at which values are read.
        gates: names of the policy's gates.
        legacy: whether the policy says `legacy: true`.
        kinds: where the tables of measures are looked up.
    """
    entries = {str(key.value): value for key, value in fields.entries(document, node, "selection")}
    if "method" in entries:
        return _by_method(document, node, entries, legacy)
    given = fields.mapping(document, node, "selection", SELECTION_KEYS)
    if legacy:
        raise fields.refusal(
            document, node, "legacy_selection", "a legacy policy selects by `method` alone: its fallbacks rank nothing"
        )
    scores_node = fields.required(document, node, given, "scores", "selection")
    scores = tuple(_score(document, item, defaults, kinds) for item in fields.sequence(document, scores_node, "scores"))
    wanted = fields.required(document, node, given, "eligibility", "selection")
    listed = _values(document, given, "pareto", defaults, kinds)
    select, confirm = _seeds(document, given["seeds"]) if "seeds" in given else (None, None)
    may_differ: list[str] = []
    if "may_differ" in given:
        names = fields.sequence(document, given["may_differ"], "may_differ")
        may_differ = [fields.text(document, name, "setting", limit=128) for name in names]
    weight_grid = DEFAULT_WEIGHT_GRID
    if "weight_grid" in given:
        weight_grid = fields.integer(document, given["weight_grid"], "weight_grid", 1, 100)
    _refuse_repeats(document, scores_node, [score.value for score in scores], "scores")
    return Selection(
        scores=scores,
        eligibility=_eligibility(document, wanted, gates),
        pareto=listed or tuple(score.value for score in scores),
        ties=_values(document, given, "ties", defaults, kinds),
        select_seeds=select,
        confirm_seeds=confirm,
        may_differ=tuple(may_differ),
        weight_grid=weight_grid,
        location=document.location(node),
    )


def _score(document: YamlDocument, node: Node, defaults: Settings, kinds: Kinds) -> Score:
    given = fields.mapping(document, node, "a score", SCORE_KEYS)
    worst_node = fields.required(document, node, given, "worst", "a score")
    best_node = fields.required(document, node, given, "best", "a score")
    worst = fields.number(document, worst_node, "worst")
    weight = fields.number(document, given["weight"], "weight") if "weight" in given else 1.0
    if not 0.0 < weight <= MAX_WEIGHT:
        raise fields.refusal(document, given["weight"], "value", f"weight {weight:g} must be above 0, at most 1e6")
    return Score(
        value=_value(document, node, given, defaults, kinds, worst),
        worst=worst,
        best=fields.number(document, best_node, "best"),
        weight=weight,
        worst_location=document.location(worst_node),
        best_location=document.location(best_node),
    )


def _value(
    document: YamlDocument,
    node: Node,
    given: Mapping[str, Node],
    defaults: Settings,
    kinds: Kinds,
    limit: float | None = None,
) -> Threshold:
    """Return what is read, as a threshold at the worst end, so that a gate and a selection find one bound."""
    kind_node = fields.required(document, node, given, "from", "a value")
    kind = kind_from(document, kind_node, kinds)
    measure = measure_from(document, fields.required(document, node, given, "measure", "a value"), kind)
    use = fields.choice(document, given["use"], "use", ["bound", "point"]) if "use" in given else "bound"
    low, high = measure.effect_range
    operator: str
    limits: Limits
    if measure.direction == "higher":
        operator, limits = "at_least", AtLeast(low if limit is None else limit)
    else:
        operator, limits = "at_most", AtMost(high if limit is None else limit)
    return Threshold(
        kind=kind.name,
        measure=measure,
        operator=operator,
        against="nothing",
        limits=limits,
        bound="point" if use == "point" else "confidence",
        confidence=defaults.confidence,
        min_seeds=defaults.min_seeds,
        max_age=defaults.max_age,
        allow_reported=defaults.allow_reported,
        generalize_over=defaults.generalize_over,
        protocol=fields.text(document, given["protocol"], "protocol") if "protocol" in given else None,
        selected_from=1,
        location=document.location(node),
        limit_location=document.location(node),
    )


def _values(
    document: YamlDocument, given: Mapping[str, Node], key: str, defaults: Settings, kinds: Kinds
) -> tuple[Threshold, ...]:
    if key not in given:
        return ()
    items = fields.sequence(document, given[key], key)
    found = [
        _value(document, item, fields.mapping(document, item, "a value", VALUE_KEYS), defaults, kinds) for item in items
    ]
    _refuse_repeats(document, given[key], found, key)
    return tuple(found)


def _refuse_repeats(document: YamlDocument, node: Node, values: Sequence[Threshold], what: str) -> None:
    names = [value.effect for value in values]
    for name in names:
        if names.count(name) > 1:
            raise fields.refusal(document, node, "repeated_measure", f"{what} names {name} twice")


def _eligibility(document: YamlDocument, node: Node, gates: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    for item in fields.sequence(document, node, "eligibility"):
        name = fields.text(document, item, "gate")
        if name not in gates:
            remedy = did_you_mean(name, gates) or f"gates: {', '.join(gates)}"
            raise fields.refusal(document, item, "unknown_gate", f"eligibility names no gate: '{name}'", remedy)
        if name in names:
            raise fields.refusal(document, item, "value", f"eligibility names '{name}' twice")
        names.append(name)
    return tuple(names)


def _seeds(document: YamlDocument, node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    given = fields.mapping(document, node, "seeds", ("select", "confirm"))

    def listed(key: str) -> tuple[int, ...]:
        place = fields.required(document, node, given, key, "seeds")
        seeds = [fields.integer(document, item, "seed", 0, MAX_SEED) for item in fields.sequence(document, place, key)]
        if len(set(seeds)) != len(seeds):
            raise fields.refusal(document, place, "value", f"{key} names a seed twice")
        return tuple(sorted(seeds))

    select, confirm = listed("select"), listed("confirm")
    both = sorted(set(select) & set(confirm))
    if both:
        raise fields.refusal(
            document,
            given["confirm"],
            "seeds_overlap",
            f"seed {both[0]} would confirm what it selected",
            "confirm on seeds that `select` does not name, or leave `seeds` out and let the bounds pay",
        )
    return select, confirm


def _by_method(document: YamlDocument, node: Node, given: Mapping[str, Node], legacy: bool) -> ModeSelection:
    if not legacy:
        raise fields.refusal(
            document,
            given["method"],
            "legacy_selection",
            "a selection by `method` scores against the pool: who else is compared decides the order",
            "use `scores` with fixed scales; only a policy with legacy: true may use it",
        )
    method = fields.text(document, given["method"], "method", METHOD)
    mode = policy_mode(method, document.location(given["method"]))
    fields.mapping(document, node, f"a selection by '{method}'", ("method", *mode.keys))
    return ModeSelection(method, mode.read(document, node))
