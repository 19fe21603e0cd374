"""A field of a policy that changes is never called unchanged, whether a comparison knows it or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, make_dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from judging import HEAD

from gatekit.policy import Policy, diff_policy, parse_policy
from gatekit.policy.changes import WITHOUT_MEANING, Change, counting
from gatekit.policy.model import Combined, Gate, Score, Selection, SignedBy, SubjectFilter, Threshold, Waiver

DIGEST = "0123456789ab"
FULL = parse_policy(
    f"""{HEAD}description: words
subject: {{model: m, model_digest: "{"0" * 64}", hook: h, architecture: a, d_sae: 64, k: 4, digest: "{DIGEST}"}}
evidence: [evidence/a, evidence/b]
signed_by: {{roles: [measure, review], threshold: 2}}
defaults: {{max_age: 30d, min_seeds: 6, generalize_over: [seed, dataset]}}
gates:
  alone:
    from: saebench
    measure: auc_delta
    between: [-0.5, 0.5]
    bound: point
    protocol: p
    selected_from: 3
    allow_reported: true
    generalize_over: [seed, dataset]
    description: words
  several:
    all_of:
      - {{from: saebench, measure: auc_delta, between: [-0.5, 0.5], protocol: p}}
      - {{from: saebench, measure: auc, at_least: 0.5}}
  either:
    any_of:
      - {{from: saebench, measure: auc_delta, between: [-0.5, 0.5], protocol: p}}
      - {{from: saebench, measure: auc, at_least: 0.5}}
selection:
  scores:
    - {{from: saebench, measure: auc_delta, worst: -0.1, best: 0.1, weight: 2, protocol: p}}
  eligibility: [alone]
  pareto: [{{from: saebench, measure: auc_delta, protocol: p}}]
  ties: [{{from: saebench, measure: auc_delta, protocol: p}}]
  seeds: {{select: [1, 2], confirm: [3, 4]}}
  may_differ: [rows]
  weight_grid: 5
waivers: [{{gate: several, owner: o, reason: r, expires: "2027-01-01"}}]
""".encode(),
    "p.yaml",
)

Put = Callable[[Any], Policy]
"""A policy with this in place of the object that is looked at."""


def objects() -> Iterator[tuple[str, Any, Put]]:
    """Yield the path of every dataclass's instance in FULL, the instance, and how another one is put in its place."""

    def below(path: str, value: Any, put: Put) -> Iterator[tuple[str, Any, Put]]:
        if isinstance(value, tuple):
            for index, item in enumerate(value):
                yield from below(f"{path}[{index}]", item, lambda new, i=index: put((*value[:i], new, *value[i + 1 :])))
        elif is_dataclass(value) and not isinstance(value, type) and "location" not in path:
            yield path, value, put
            for field in fields(value):
                yield from below(
                    f"{path}.{field.name}".lstrip("."),
                    getattr(value, field.name),
                    lambda new, name=field.name: put(replace(value, **{name: new})),
                )

    yield from below("", FULL, lambda new: new)


def changed(value: Any) -> Any:
    """Return another value of the same type."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}x"
        case timedelta():
            return value * 2
        case date():
            return value + timedelta(days=1)
        case tuple():
            return value[:-1]
        case None:
            return 0.25
    return replace(value, **{field.name: changed(getattr(value, field.name)) for field in counting(value)[:1]})


CASES = [(path, value, put, field) for path, value, put in objects() for field in fields(value)]


def test_the_example_holds_every_dataclass_of_a_policy() -> None:
    held = {type(value) for _, value, _ in objects()}
    assert {Policy, Gate, Threshold, Combined, Waiver, SubjectFilter, SignedBy, Score, Selection} <= held
    assert set(WITHOUT_MEANING) <= held


@pytest.mark.parametrize(("path", "value", "put", "field"), [pytest.param(*c, id=f"{c[0]}.{c[3].name}") for c in CASES])
def test_a_change_of_any_field_is_seen(path: str, value: Any, put: Put, field: Any) -> None:
    other = put(replace(value, **{field.name: changed(getattr(value, field.name))}))
    diffs = [diff_policy(FULL, other), diff_policy(other, FULL)]
    seen = {diff.change for diff in diffs}
    if field.name in {name for kind, names in WITHOUT_MEANING.items() if isinstance(value, kind) for name in names}:
        assert seen == {Change.UNCHANGED}
    else:
        assert Change.UNCHANGED not in seen
        assert any(diff.needs_approval for diff in diffs), "in one of the two directions it lets more through"


LATER = {
    kind: make_dataclass(f"Later{kind.__name__}", [("quorum", float, 0.9)], bases=(kind,), frozen=True)
    for kind in (Threshold, Gate, Policy, Waiver, Combined, Selection, SignedBy)
}
"""Each as a later version may have it: with one more field, which no comparison knows."""
PLACES = [(path, value, put) for path, value, put in objects() if type(value) in LATER]


@pytest.mark.parametrize(("path", "value", "put"), [pytest.param(*p, id=p[0] or "policy") for p in PLACES])
def test_a_field_that_no_comparison_knows_needs_approval(path: str, value: Any, put: Put) -> None:
    later = LATER[type(value)]
    settings = {field.name: getattr(value, field.name) for field in fields(value)}
    before, after = put(later(**settings)), put(later(**settings, quorum=0.01))
    diff = diff_policy(before, after)
    assert diff.needs_approval, f"{path}: {diff}"


def test_a_stricter_setting_beside_it_does_not_hide_it() -> None:
    rule = FULL.gates[0].rule
    assert isinstance(rule, Threshold)
    settings = {field.name: getattr(rule, field.name) for field in fields(rule)}
    old = replace(FULL.gates[0], rule=LATER[Threshold](**settings))
    new = replace(FULL.gates[0], rule=LATER[Threshold](**{**settings, "min_seeds": 9}, quorum=0.01))
    before, after = (replace(FULL, gates=(gate, *FULL.gates[1:])) for gate in (old, new))
    assert diff_policy(before, after).change is Change.INCOMPARABLE
