"""A policy change is named by what it can let through; whatever is called tightened never lets more through."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

import builders
import pytest
from judging import HEAD, NOW, read

from gatekit.gates.evaluate import evaluate
from gatekit.policy import Policy, diff_policies, diff_policy, parse_policy
from gatekit.policy.diff import Change

A = "{from: random_model, measure: r2, at_least: 0.5}"
B = "{from: random_model, measure: l0, at_most: 40}"
C = "{from: saebench, measure: auc_delta, at_least: 0.0}"


def policy(gates: str, rest: str = "") -> Policy:
    return parse_policy(f"{HEAD}{rest}gates:\n{gates}".encode(), "p.yaml")


def gate(rule: str) -> Policy:
    return policy(f"  g: {rule}\n")


def change(old: Policy, new: Policy) -> str:
    return str(diff_policy(old, new).change)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("at_least: 0.5", "at_least: 0.6", "tightened"),
        ("at_least: 0.5", "at_least: 0.4", "loosened"),
        ("between: [0.2, 0.8]", "between: [0.3, 0.8]", "tightened"),
        ("between: [0.2, 0.8]", "between: [0.2, 0.9]", "loosened"),
        ("between: [0.2, 0.8]", "between: [0.1, 0.7]", "loosened"),
        ("at_least: 0.5", "at_least: 0.5, bound: point", "loosened"),
        ("at_least: 0.5, bound: point", "at_least: 0.5", "tightened"),
        ("at_least: 0.5", "at_least: 0.5, bound: lower", "unchanged"),
        ("at_least: 0.5", "at_least: 0.5, confidence: 0.9", "loosened"),
        ("at_least: 0.5", "at_least: 0.5, confidence: 0.99", "tightened"),
        ("at_least: 0.5", "at_least: 0.5, min_seeds: 4", "loosened"),
        ("at_least: 0.5", "at_least: 0.5, max_age: 30d", "tightened"),
        ("at_least: 0.5, max_age: 30d", "at_least: 0.5", "loosened"),
        ("at_least: 0.5, max_age: 30d", "at_least: 0.5, max_age: 5w", "loosened"),
        ("at_least: 0.5", "at_least: 0.5, allow_reported: true", "loosened"),
        ("at_least: 0.5", "at_least: 0.5, selected_from: 8", "tightened"),
        ("at_least: 0.5", "at_least: 0.5, protocol: x", "incomparable"),
        ("at_least: 0.5", "at_least: 0.5, level: warn", "loosened"),
        ("at_least: 0.5", "at_least: 0.5, required: false", "loosened"),
        ("at_least: 0.5", "at_least: 0.5, description: words", "unchanged"),
        ("at_least: 0.5", "at_least: 0.6, confidence: 0.9", "loosened"),
        ("at_least: 0.5", "at_least: 0.5, generalize_over: [seed]", "unchanged"),
        ("not_worse_than: {base: 0.02}", "not_worse_than: {base: 0.01}", "tightened"),
        ("not_worse_than: {base: 0.02}", "not_worse_than: {base: 0.03}", "loosened"),
        ("at_least: 0.5", "between: [0.5, 0.9]", "loosened"),
        ("not_worse_than: {base: 0.02}", "not_worse_than: {base: 0.02, across_subjects: true}", "loosened"),
        ("not_worse_than: {base: 0.02, across_subjects: true}", "not_worse_than: {base: 0.02}", "tightened"),
        ("not_worse_than: {base: 0.02}", "not_worse_than: {base: 0.02, seeds: all}", "unchanged"),
    ],
)
def test_each_setting_has_its_direction(old: str, new: str, expected: str) -> None:
    rule = "{from: random_model, measure: r2, %s}"
    assert change(gate(rule % old), gate(rule % new)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", ", min_random_models: 3", "tightened"),
        (", min_random_models: 3", "", "loosened"),
        (", min_random_models: 3", ", min_random_models: 2", "loosened"),
        (", min_random_models: 1", "", "unchanged"),
    ],
)
def test_more_re_initialised_models_are_a_stricter_control(old: str, new: str, expected: str) -> None:
    rule = "{from: random_model, measure: pw_mcc_above_control, at_least: 0.0%s}"
    assert change(gate(rule % old), gate(rule % new)) == expected


def test_generalising_over_fewer_factors_is_loosening_where_the_design_has_them() -> None:
    assert change(gate(C), gate(C.replace("0.0", "0.0, generalize_over: [seed]"))) == "loosened"
    assert change(gate(C.replace("0.0", "0.0, generalize_over: [dataset]")), gate(C)) == "tightened"
    seed, dataset = (gate(C.replace("0.0", f"0.0, generalize_over: [{f}]")) for f in ("seed", "dataset"))
    assert change(seed, dataset) == "incomparable"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (A, f"{{all_of: [{A}, {B}]}}", "tightened"),
        (f"{{all_of: [{A}, {B}]}}", A, "loosened"),
        (f"{{all_of: [{A}, {B}]}}", f"{{all_of: [{B}, {A}]}}", "unchanged"),
        (A, f"{{any_of: [{A}, {B}]}}", "loosened"),
        # What is left is judged at the lower confidence of one alternative.
        (f"{{any_of: [{A}, {B}]}}", f"{{any_of: [{A}]}}", "incomparable"),
        (f"{{all_of: [{A}, {B}]}}", f"{{any_of: [{A}, {B}]}}", "incomparable"),
        (A, B, "loosened"),
        (f"{{all_of: [{A}, {{any_of: [{B}, {C}]}}]}}", f"{{all_of: [{A}, {{any_of: [{B}]}}]}}", "loosened"),
    ],
)
def test_a_demand_more_is_tighter_and_a_way_out_more_is_looser(old: str, new: str, expected: str) -> None:
    assert change(gate(old), gate(new)) == expected


def test_gates_and_policies_come_and_go() -> None:
    one, two = policy(f"  a: {A}\n"), policy(f"  a: {A}\n  b: {B}\n")
    assert change(one, two) == "tightened"
    assert change(two, one) == "loosened"
    assert diff_policy(two, one).loosened_gates == ("b",)
    assert [str(d.change) for d in diff_policies([one], [])] == ["removed"]
    assert [d.needs_approval for d in diff_policies([], [one])] == [False]
    assert diff_policies([one], [one]) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "one_subject: false\n", "loosened"),
        ("", "legacy: true\n", "loosened"),
        ("", "purpose: stop\n", "loosened"),
        ("purpose: stop\n", "", "incomparable"),
        ("", "purpose: release\n", "unchanged"),
        ("", "subject: {d_sae: 512}\n", "incomparable"),
        ("", "signed_by: {roles: [measure]}\n", "tightened"),
        ("signed_by: {roles: [measure]}\n", "", "loosened"),
        ("signed_by: {roles: [measure]}\n", "signed_by: {roles: [measure, other]}\n", "loosened"),
        ("signed_by: {roles: [measure], threshold: 2}\n", "signed_by: {roles: [measure]}\n", "loosened"),
        ("", 'waivers: [{gate: a, owner: o, reason: r, expires: "2027-01-01"}]\n', "loosened"),
        ("defaults: {confidence: 0.95}\n", "defaults: {confidence: 0.9}\n", "loosened"),
        ("defaults: {min_seeds: 5}\n", "", "unchanged"),
    ],
)
def test_settings_outside_gates_count(old: str, new: str, expected: str) -> None:
    gates = f"  a: {A}\n  b: {B}\n"
    assert change(policy(gates, old), policy(gates, new)) == expected


def test_extending_a_waiver_is_loosening_and_removing_it_tightening() -> None:
    text = 'waivers: [{gate: a, owner: o, reason: r, expires: "%s"}]\n'
    gates = f"  a: {A}\n  b: {B}\n"
    short, long = policy(gates, text % "2027-01-01"), policy(gates, text % "2028-01-01")
    assert change(short, long) == "loosened"
    assert change(short, policy(gates)) == "tightened"


SETTINGS = {
    "confidence": ["0.9", "0.95", "0.99"],
    "min_seeds": ["3", "5", "6"],
    "max_age": ["12h", "30d"],
    "selected_from": ["2", "10"],
    "level": ["warn"],
    "required": ["false"],
}
MEASURES = [
    ("from: random_model, measure: r2", ["at_least: 0.7", "at_least: 0.8", "between: [0.7, 0.9]"]),
    ("from: random_model, measure: l0", ["at_most: 30", "at_most: 40"]),
    ("from: saebench, measure: auc_delta", ["at_least: 0.0", "at_least: 0.1"]),
]


def some_rule(random: Random, depth: int = 1, bounds: Sequence[str] = ("point",)) -> str:
    if depth < 3 and random.random() < 0.3:
        inner = ", ".join(some_rule(random, depth + 1, bounds) for _ in range(random.randint(1, 3)))
        return f"{{{random.choice(['all_of', 'any_of'])}: [{inner}]}}"
    base, limits = random.choice(MEASURES)
    given = {key: random.choice(values) for key, values in SETTINGS.items() if random.random() < 0.15}
    if random.random() < 0.15 * len(bounds):
        given["bound"] = random.choice(bounds)
    given = {key: value for key, value in given.items() if depth == 1 or key not in ("level", "required")}
    return f"{{{', '.join([base, random.choice(limits), *(f'{k}: {v}' for k, v in given.items())])}}}"


def some_change(random: Random, bounds: Sequence[str], top: str) -> tuple[Policy, Policy]:
    """Two versions of a policy that differ in one gate, in one more gate, or in a default."""
    gates = {name: some_rule(random, 1, bounds) for name in "abc"[: random.randint(1, 3)]}
    changed = dict(gates)
    kind = random.random()
    if kind < 0.5:
        name = random.choice(sorted(gates))
        changed[name] = re.sub(r"0\.7|30\b", lambda m: {"0.7": "0.8", "30": "25"}[m[0]], gates[name], count=1)
    elif kind < 0.7:
        changed[random.choice(sorted(gates))] = some_rule(random, 1, bounds)
    elif kind < 0.9:
        changed["d"] = some_rule(random, 1, bounds)
    rest = ("", f"defaults: {{confidence: {random.choice(['0.9', '0.97'])}}}\n") if kind >= 0.9 else ("", "")
    old, new = (
        policy("".join(f"  {k}: {v}\n" for k, v in g.items()), top + r)
        for g, r in zip((gates, changed), rest, strict=True)
    )
    return old, new


EVIDENCE = [
    {
        "a.json": builders.summary("random_model", {"r2": builders.around(r2, 0.02, 5), "l0": [l0] * 5}),
        "b.json": builders.summary("saebench", {"auc_delta": (builders.around(0.8 + d, 0.03, 15), [0.8] * 15)}),
    }
    for r2, l0, d in ((0.75, 32.0, 0.05), (0.85, 28.0, 0.15), (0.95, 35.0, 0.12), (0.71, 29.0, -0.05))
]
READ = [read(documents)[0] for documents in EVIDENCE] + [read({"a.json": EVIDENCE[1]["a.json"]})[0], []]


@pytest.mark.parametrize(
    ("bounds", "top"),
    [(("point",), ""), (("point", "optimistic", "optimistic", "optimistic"), "purpose: stop\n")],
    ids=["release", "stop"],
)
def test_what_is_called_tightened_never_lets_more_through(bounds: Sequence[str], top: str) -> None:
    random = Random(20260301)
    tightened = let_through = 0
    for _ in range(500):
        old, new = some_change(random, bounds, top)
        found = diff_policy(old, new)
        if found.change not in (Change.TIGHTENED, Change.UNCHANGED):
            continue
        tightened += found.change is Change.TIGHTENED
        for summaries in READ:
            if evaluate([new], summaries, NOW).code == 0:
                let_through += 1
                assert evaluate([old], summaries, NOW).code == 0, found
    # The search has seen what it is about.
    assert tightened > 100
    assert let_through > 100
