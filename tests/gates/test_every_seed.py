"""every_seed: each seed's own value must pass; a mean hides the one that collapsed, and no bound finds it."""

from __future__ import annotations

import builders
import pytest
from judging import outcomes, verdict, why

from gatekit.errors import GatekitError
from gatekit.gates.every_seed import excluded_failure_rate
from gatekit.policy import parse_policy

HEAD = "schema: gatekit.policy/1\nid: p\ngates:\n"
GATE = "g: {from: random_model, measure: %s, every_seed: {at_least: %s}}"


def random_model(**observations):
    return {"a.json": builders.summary("random_model", observations)}


def test_one_seed_below_is_enough_to_fail_where_the_mean_would_pass() -> None:
    collapsed = [0.9, 0.9, 0.9, 0.9, 0.4]
    judged = verdict(GATE % ("r2", 0.5), random_model(r2=collapsed))
    result = judged.policies[0].gates[0].result
    assert (outcomes(judged), result.measured.estimate, result.bound) == ({"g": "fail"}, 0.4, "every_seed")
    assert result.reason == "not every seed meets the threshold"


def test_seeds_that_all_pass_pass_and_say_what_they_exclude() -> None:
    judged = verdict(GATE % ("r2", 0.5), random_model(r2=[0.5, 0.51, 0.52, 0.53, 0.54]))
    result = judged.policies[0].gates[0].result
    assert outcomes(judged) == {"g": "pass"}
    assert "5 seeds that all pass exclude only a rate of failing seeds above 45%" in result.notes
    assert result.effect.asks == "every seed >= 0.5"


@pytest.mark.parametrize("jitter", [0.0, 2.0**-24])
def test_one_checkpoint_under_five_names_is_no_five_seeds(jitter: float) -> None:
    judged = verdict(GATE % ("r2", 0.5), random_model(r2=[0.8, 0.8, 0.8, 0.8, 0.8 + jitter]))
    assert (outcomes(judged), why(judged, "g")) == ({"g": "inconclusive"}, "no_spread")
    assert outcomes(verdict(GATE % ("r2", 0.9), random_model(r2=[0.8] * 5))) == {"g": "fail"}


def test_seeds_of_a_structural_measure_may_be_equal() -> None:
    rule = "g: {from: random_model, measure: l0, every_seed: {at_most: 32}}"
    assert outcomes(verdict(rule, random_model(l0=[32.0] * 5))) == {"g": "pass"}


def test_of_pairs_each_seed_has_the_mean_of_its_own() -> None:
    # Seed 0 is in the first four of ten pairs.
    pairs = [0.2, 0.2, 0.2, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
    measured = verdict(GATE % ("pw_mcc", 0.3), random_model(pw_mcc=pairs)).policies[0].gates[0].result.measured
    assert measured.estimate == pytest.approx(0.2)


def test_paired_seeds_are_asked_for_their_own_difference() -> None:
    sides = ([0.9, 0.8, 0.7, 0.9, 0.9], [0.5, 0.5, 0.75, 0.5, 0.5])
    judged = verdict(GATE % ("r2_above_control", 0.0), random_model(r2_above_control=sides))
    assert judged.policies[0].gates[0].result.measured.estimate == pytest.approx(-0.05)


def test_too_few_seeds_are_inconclusive() -> None:
    few = {"a.json": builders.summary("random_model", {"r2": [0.8, 0.81]}, seeds=(0, 1))}
    assert why(verdict(GATE % ("r2", 0.5), few), "g") == "too_few_seeds"


def test_five_good_seeds_exclude_only_a_failure_rate_above_45_percent() -> None:
    assert excluded_failure_rate(5, 0.95) == pytest.approx(0.4507, abs=1e-4)
    assert (1 - excluded_failure_rate(5, 0.95)) ** 5 == pytest.approx(0.05)


def policy_notes(gates: str, evidence) -> str:
    return "; ".join(verdict(gates, evidence).policies[0].notes)


MEAN = "g: {from: random_model, measure: r2, at_least: 0.5%s}"
GOOD = [0.8, 0.81, 0.82, 0.8, 0.79]
LINE = "5 good seeds exclude only a failure rate of training above 45%"


def test_a_pass_by_a_mean_over_seeds_says_which_failure_rate_of_training_it_leaves_open() -> None:
    assert LINE in policy_notes(MEAN % "", random_model(r2=GOOD))


def test_it_is_said_once_for_all_rules_of_a_policy() -> None:
    several = MEAN % "" + "\n" + GATE.replace("g:", "h:") % ("r2", 0.5) + "\n" + (MEAN % "").replace("g:", "i:")
    assert policy_notes(several, random_model(r2=GOOD)).count("failure rate") == 1


@pytest.mark.parametrize("without", [", bound: point", ", confidence: 0.9999999"])
def test_nothing_is_said_of_training_where_no_bound_over_seeds_passes(without: str) -> None:
    assert "failure rate" not in policy_notes(MEAN % without, random_model(r2=GOOD))


def test_a_claim_about_these_checkpoints_alone_says_nothing_of_training() -> None:
    rule = "g: {from: saebench, measure: auc_delta, at_least: 0.0, generalize_over: [%s]}"
    values = [0.10 + 0.01 * ((3 * index) % 7) for index in range(20)]
    sides = (values, [0.0] * 20)
    evidence = {"a.json": builders.summary("saebench", {"auc_delta": sides})}
    assert "failure rate" not in policy_notes(rule % "dataset", evidence)
    assert LINE in policy_notes(rule % "seed, dataset", evidence)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("every_seed: {}", "one of at_least"),
        ("every_seed: {at_least: 0.5, at_most: 0.9}", "one of at_least"),
        ("every_seed: {least: 0.5}", "unknown key"),
        ("every_seed: 0.5", "must be a mapping"),
        ("every_seed: {at_least: 0.5}, bound: point", "compares each seed's own value"),
        ("every_seed: {at_least: 0.5}, at_least: 0.4", "exactly one of"),
    ],
)
def test_what_it_cannot_mean_is_refused_with_its_place(rule: str, says: str) -> None:
    with pytest.raises(GatekitError, match=says) as refused:
        parse_policy(f"{HEAD}  g: {{from: random_model, measure: r2, {rule}}}\n".encode(), "p.yaml")
    assert refused.value.location is not None
    assert refused.value.location.line == 4
