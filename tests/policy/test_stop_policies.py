"""A stop policy may be optimistic: it fails what the evidence shows to miss its threshold, and releases nothing."""

from __future__ import annotations

import builders
import pytest
from judging import HEAD, NOW, read
from scipy import stats

from gatekit.errors import GatekitError
from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import Verdict
from gatekit.policy import Policy, diff_policy, parse_policy
from gatekit.policy.strictness import Bar, shortfalls

R2 = [0.52, 0.47, 0.49]
RULE = "{from: random_model, measure: r2, %s, min_seeds: 3, bound: optimistic}"


def stop(gates: dict[str, str]) -> Policy:
    text = "".join(f"  {name}: {rule}\n" for name, rule in gates.items())
    return parse_policy(f"{HEAD}purpose: stop\ngates:\n{text}".encode(), "policies/p.yaml")


def judged(gates: dict[str, str] | str, values: list[float] = R2, **changes: object) -> Verdict:
    given = gates if isinstance(gates, dict) else {"g": gates}
    document = builders.summary("random_model", {"r2": values}, seeds=tuple(range(len(values))), **changes)
    summaries, errors = read({"a.json": document})
    return evaluate([stop(given)], summaries, NOW, errors)


def outcome(verdict: Verdict) -> str:
    return str(verdict.policies[0].gates[0].outcome)


def bounds(confidence: float) -> tuple[float, float]:
    """Lower and upper one-sided t bound on the mean of R2, each at this confidence."""
    low, high = stats.t.interval(2 * confidence - 1, 2, loc=sum(R2) / 3, scale=stats.sem(R2))
    return float(low), float(high)


def test_at_least_fails_only_where_the_upper_bound_is_below_it() -> None:
    upper = bounds(0.95)[1]
    assert outcome(judged(RULE % f"at_least: {upper - 1e-9}")) == "pass"
    assert outcome(judged(RULE % f"at_least: {upper + 1e-9}")) == "fail"


def test_at_most_fails_only_where_the_lower_bound_is_above_it() -> None:
    lower = bounds(0.95)[0]
    rule = "{from: random_model, measure: dead_fraction, at_most: %r, min_seeds: 3, bound: optimistic}"
    document = builders.summary("random_model", {"dead_fraction": R2}, seeds=(0, 1, 2))
    summaries, _ = read({"a.json": document})
    for limit, expected in ((lower + 1e-9, "pass"), (lower - 1e-9, "fail")):
        assert outcome(evaluate([stop({"g": rule % limit})], summaries, NOW)) == expected


def test_between_fails_only_where_a_bound_lies_wholly_outside() -> None:
    lower, upper = bounds(0.95)
    assert outcome(judged(RULE % f"between: [{upper - 1e-9}, 0.9]")) == "pass"
    assert outcome(judged(RULE % f"between: [{upper + 1e-9}, 0.9]")) == "fail"
    assert outcome(judged(RULE % f"between: [0.1, {lower + 1e-9}]")) == "pass"
    assert outcome(judged(RULE % f"between: [0.1, {lower - 1e-9}]")) == "fail"


def test_rules_that_stop_alone_share_the_confidence() -> None:
    limit = bounds(0.975)[1] - 1e-9
    assert bounds(0.95)[1] < limit
    rule = RULE % f"at_least: {limit}"
    other = RULE % "at_least: 0.1"
    assert outcome(judged(rule)) == "fail"
    for together in (f"{{all_of: [{rule}, {other}]}}", {"g": rule, "h": other}):
        verdict = judged(together)
        assert outcome(verdict) == "pass"


def test_alternatives_that_must_all_be_missed_share_nothing() -> None:
    rule = RULE % f"at_least: {bounds(0.95)[1] + 1e-9}"
    assert outcome(judged(f"{{any_of: [{rule}, {rule}]}}")) == "fail"


def test_equal_values_show_nothing() -> None:
    verdict = judged(RULE % "at_least: 0.5", [0.3, 0.3, 0.3])
    assert (outcome(verdict), str(verdict.policies[0].gates[0].result.why)) == ("inconclusive", "no_spread")


def test_too_few_seeds_are_inconclusive() -> None:
    assert outcome(judged(RULE % "at_least: 0.9", [0.1, 0.2])) == "inconclusive"


def test_the_verdict_says_twice_that_it_is_weaker() -> None:
    verdict = judged(RULE % "at_least: 0.5")
    (policy,) = verdict.policies
    assert policy.purpose == "stop"
    assert any("stop policy: weaker" in note for note in policy.notes)
    assert policy.gates[0].result.bound == "optimistic"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (f"gates:\n  g: {RULE % 'at_least: 0.5'}\n", 4, "only a stop policy"),
        (f"purpose: release\ngates:\n  g: {RULE % 'at_least: 0.5'}\n", 5, "only a stop policy"),
        (
            "purpose: pilot\ngates:\n  g: {from: random_model, measure: r2, at_least: 0.5}\n",
            3,
            "'pilot'",
        ),
        (
            "purpose: stop\nlegacy: true\ngates:\n  g: {from: random_model, measure: r2, at_least: 0.5}\n",
            3,
            "cannot be a stop policy",
        ),
        (
            "purpose: stop\ngates:\n  g: {from: random_model, measure: r2, at_least: 0.5}\n"
            "selection:\n  scores: [{from: random_model, measure: r2, worst: 0, best: 1}]\n",
            7,
            "chooses nothing for a release",
        ),
        (
            "purpose: stop\ngates:\n"
            "  g: {from: random_model, measure: r2, every_seed: {at_least: 0.5}, bound: optimistic}\n",
            5,
            "each seed's own value",
        ),
    ],
)
def test_what_a_stop_policy_may_not_be_is_refused_at_its_place(text: str, line: int, said: str) -> None:
    with pytest.raises(GatekitError, match=said) as refused:
        parse_policy((HEAD + text).encode(), "p.yaml")
    assert refused.value.location is not None and refused.value.location.line == line


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("at_least: 0.5, bound: optimistic", "at_least: 0.5, bound: point", "tightened"),
        ("at_least: 0.5, bound: point", "at_least: 0.5, bound: optimistic", "loosened"),
        ("at_least: 0.5, bound: optimistic", "at_least: 0.5", "tightened"),
        ("at_least: 0.5, bound: optimistic", "at_least: 0.6, bound: optimistic", "tightened"),
        (
            "at_least: 0.5, bound: optimistic",
            "at_least: 0.5, bound: optimistic, confidence: 0.99",
            "loosened",
        ),
        (
            "at_least: 0.5, bound: optimistic, confidence: 0.99",
            "at_least: 0.5, bound: optimistic",
            "tightened",
        ),
        (
            "at_least: 0.5, bound: optimistic",
            "at_least: 0.5, bound: optimistic, selected_from: 4",
            "loosened",
        ),
    ],
)
def test_what_is_further_out_lets_more_through_by_an_optimistic_bound(old: str, new: str, expected: str) -> None:
    before, after = (stop({"g": f"{{from: random_model, measure: r2, {rule}}}"}) for rule in (old, new))
    assert str(diff_policy(before, after).change) == expected


def test_generalising_over_more_is_looser_by_an_optimistic_bound() -> None:
    rule = "{from: saebench, measure: auc_delta, at_least: 0.0, bound: optimistic%s}"
    all_factors, seeds = stop({"g": rule % ""}), stop({"g": rule % ", generalize_over: [seed]"})
    assert str(diff_policy(seeds, all_factors).change) == "loosened"
    assert str(diff_policy(all_factors, seeds).change) == "tightened"


def test_a_rule_more_that_stops_alone_moves_the_bounds_of_the_others_out() -> None:
    rule, other = RULE % "at_least: 0.5", "{from: random_model, measure: l0, at_most: 40, bound: optimistic}"
    one, two = stop({"g": rule}), stop({"g": rule, "h": other})
    assert str(diff_policy(one, two).change) == "loosened"


def test_the_gates_of_a_stop_policy_are_never_as_strict_as_those_of_a_release() -> None:
    rule = "{from: random_model, measure: r2, at_least: 0.5}"
    release = parse_policy(f"{HEAD}gates:\n  g: {rule}\n".encode(), "p.yaml")
    same = stop({"g": rule})
    said = [detail.what for detail in shortfalls(Bar(release, release.gates), Bar(same, same.gates))]
    assert said == ["purpose release -> stop"]
