"""Gates are at least as strict as others where the policy diff calls no demand of theirs looser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from judging import HEAD, NOW

from gatekit.evidence import Summary
from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import Outcome
from gatekit.policy import Gate, parse_policy
from gatekit.policy.strictness import Bar, shortfalls
from tests.policy.test_diff import READ, some_rule

R2 = "{from: random_model, measure: r2, at_least: 0.5}"
L0 = "{from: random_model, measure: l0, at_most: 40}"
DEAD = "{from: random_model, measure: dead_fraction, at_most: 0.2}"


def bar(rules: dict[str, str], rest: str = "", needs: str | None = None) -> Bar:
    gates = "".join(f"  {name}: {rule}\n" for name, rule in rules.items())
    policy = parse_policy(f"{HEAD}{rest}gates:\n{gates}".encode(), "p.yaml")
    return Bar(policy, tuple(gate for gate in policy.gates if needs is None or gate.name in needs.split()))


def all_of(*rules: str) -> str:
    return f"{{all_of: [{', '.join(rules)}]}}"


def any_of(*rules: str) -> str:
    return f"{{any_of: [{', '.join(rules)}]}}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": R2}, {"b": R2}),
        ({"a": R2}, {"b": R2.replace("0.5", "0.6")}),
        ({"a": R2}, {"b": all_of(DEAD, R2)}),
        ({"a": R2}, {"b": all_of(DEAD, all_of(L0, R2))}),
        ({"a": all_of(R2, L0)}, {"b": L0, "c": R2}),
        ({"a": R2, "b": L0}, {"c": all_of(L0, R2)}),
        ({"a": any_of(R2, L0)}, {"b": any_of(L0, R2)}),
        ({"a": R2}, {"b": R2.replace("}", ", confidence: 0.99, min_seeds: 8, max_age: 10d}")}),
        ({"a": R2}, {"b": R2.replace("}", ", description: words}"), "c": DEAD}),
    ],
)
def test_gates_that_ask_the_same_or_more_are_strict_enough(old: dict[str, str], new: dict[str, str]) -> None:
    assert shortfalls(bar(old), bar(new)) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"a": R2}, {"b": L0}, "gate 'a': random_model.r2 >= 0.5 no longer asked"),
        ({"a": R2}, {"b": R2.replace("0.5", "0.4")}, "gate 'a' asks more than gate 'b': r2 at_least 0.5 -> 0.4"),
        ({"a": R2}, {"b": any_of(R2, L0)}, "random_model.l0 at_most added to any_of"),
        ({"a": all_of(R2, L0)}, {"b": R2}, "random_model.l0 <= 40 no longer asked"),
        ({"a": R2, "b": L0}, {"b": L0}, "gate 'a'"),
        ({"a": R2}, {"b": R2.replace("}", ", min_seeds: 2}")}, "min_seeds 5 -> 2"),
        ({"a": R2}, {"b": R2.replace("}", ", bound: point}")}, "bound confidence -> point"),
        ({"a": R2}, {"b": R2.replace("}", ", protocol: x}")}, "protocol none -> x"),
        ({"a": R2}, {"b": R2.replace("}", ", allow_reported: true}")}, "allow_reported false -> true"),
        ({"a": R2.replace("}", ", max_age: 10d}")}, {"b": R2}, "max_age 10 days, 0:00:00 -> none"),
    ],
)
def test_what_is_asked_no_more_is_named(old: dict[str, str], new: dict[str, str], said: str) -> None:
    assert said in "; ".join(detail.what for detail in shortfalls(bar(old), bar(new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("defaults: {confidence: 0.99}\n", ""),
        ("defaults: {min_seeds: 8}\n", ""),
        ("signed_by: {roles: [measure]}\n", ""),
        ("", "one_subject: false\n"),
        ("", "subject: {d_sae: 512}\n"),
        ("subject: {d_sae: 512}\n", ""),
        ("", "legacy: true\n"),
    ],
)
def test_what_a_policy_says_for_all_its_gates_counts(old: str, new: str) -> None:
    assert shortfalls(bar({"a": R2}, old), bar({"a": R2}, new)) != []


@pytest.mark.parametrize("rest", ["description: words\n", "signed_by: {roles: [m]}\n", "defaults: {min_seeds: 9}\n"])
def test_a_policy_of_another_name_that_asks_as_much_is_strict_enough(rest: str) -> None:
    text = f"schema: gatekit.policy/1\nid: other\n{rest}gates:\n  b: {R2}\n"
    other = parse_policy(text.encode(), "q.yaml")
    assert shortfalls(bar({"a": R2}), Bar(other, other.gates)) == []


def test_whether_a_gate_counts_in_its_policy_is_nothing_to_a_claim() -> None:
    optional = {"b": R2.replace("}", ", level: warn, required: false}"), "c": DEAD}
    waived = 'waivers: [{gate: b, owner: o, reason: r, expires: "2027-01-01"}]\n'
    assert shortfalls(bar({"a": R2}), bar(optional, waived, needs="b")) == []


def passes(bar: Bar, summaries: Sequence[Summary]) -> bool:
    """Whether a claim with these gates is carried: all of them pass."""
    names = {gate.name for gate in bar.gates}
    (judged,) = evaluate([bar.policy], summaries, NOW).policies
    return all(gate.outcome is Outcome.PASS for gate in judged.gates if gate.name in names)


def test_whatever_gates_as_strict_let_through_the_others_would_have_let_through_too() -> None:
    random = Random(20261127)
    # Each rule is read once, beside rules like it, and then stands in many policies.
    rules = [some_rule(random) for _ in range(400)]
    read = [gates_of([rule, *(tweaked(random, rule) for _ in range(3))]) for rule in rules]
    strict = let_through = 0
    for _ in range(1500):
        chosen = [random.choice(read) for _ in range(random.randint(1, 2))]
        old = [gates[0] for gates in chosen]
        alike = [*chosen, random.choice(read)]
        new = [random.choice(random.choice(alike)[1:]) for _ in range(random.randint(1, 3))]
        before, after = of_gates("a", old), of_gates("b", new)
        if shortfalls(before, after):
            continue
        strict += 1
        for summaries in READ:
            if passes(after, summaries):
                let_through += 1
                assert passes(before, summaries), (before.policy, after.policy)
    # The search has seen what it is about.
    assert strict > 100
    assert let_through > 100


EMPTY = bar({"a": R2}).policy


def gates_of(rules: Sequence[str]) -> tuple[Gate, ...]:
    """The gates of a policy with these rules."""
    return bar({f"g{number}": rule for number, rule in enumerate(rules)}).gates


def of_gates(letter: str, gates: Sequence[Gate]) -> Bar:
    """A bar of gates that were read before, under names of its own."""
    named = tuple(replace(gate, name=f"{letter}{number}") for number, gate in enumerate(gates))
    return Bar(replace(EMPTY, gates=named), named)


def tweaked(random: Random, rule: str) -> str:
    """A rule, or one like it: another threshold, or beside another rule."""
    chance = random.random()
    if chance < 0.3:
        return rule.replace("0.7", "0.8").replace("30", "25")
    if chance < 0.5 and "level" not in rule and "required" not in rule:
        return f"{{{random.choice(['all_of', 'any_of'])}: [{rule}, {some_rule(random, 2)}]}}"
    return rule
