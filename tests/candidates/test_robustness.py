"""How far a choice stands: every end is checked by selecting again on both sides of it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from math import comb

import builders
import pytest
from candidates import pools
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatekit.candidates import ComparedCandidate, Robustness, StableRange, robustness, select
from gatekit.candidates.rivals import Rivals, weightings
from gatekit.evidence import Summary
from gatekit.evidence.times import parse_time
from gatekit.policy.limits import with_side
from gatekit.policy.model import Combined, Policy, Rule, Selection, Threshold

POINTS = pools.POLICY.replace("weight: 2}", "weight: 2, use: point}").replace("best: 1.0}", "best: 1.0, use: point}")
THREE = {
    "topk": {"auc": 0.90, "r2": 0.83},
    "jumprelu": {"auc": 0.88, "r2": 0.90},
    "batchtopk": {"auc": 0.91, "r2": 0.70},
}


def robust(documents: dict[str, dict], text: str = POINTS) -> Robustness:
    found = robustness(pools.choose(documents, text))
    assert found is not None
    return found


def by_name(stands: tuple[StableRange, ...]) -> dict[str, StableRange]:
    return {f"{stand.measure} {stand.what}": stand for stand in stands}


def test_the_range_of_a_weight_is_where_the_lead_over_each_rival_vanishes() -> None:
    # Scores on AUC: topk 0.75, jumprelu 0.65, batchtopk 0.80; on r2: 0.66, 0.80, 0.40.
    weights = by_name(robust(pools.evidence(**THREE)).weights)
    auc, r2 = weights["auc_delta weight"], weights["r2 weight"]
    # 0.10 w = 0.14 against jumprelu, 0.05 w = 0.26 against batchtopk.
    assert (auc.low, auc.high) == (pytest.approx(1.4), pytest.approx(5.2))
    assert (r2.low, r2.high) == (pytest.approx(0.1 / 0.26), pytest.approx(0.2 / 0.14))


def test_a_candidate_that_is_better_in_everything_stands_at_any_weight() -> None:
    found = robust(pools.evidence(topk={}, relu={"auc": 0.88, "r2": 0.7}))
    assert [(stand.low, stand.high) for stand in found.weights] == [(None, None)] * 2
    assert found.grid_selected == found.grid_points


def test_the_threshold_of_a_gate_may_move_until_a_better_candidate_passes_it() -> None:
    documents = pools.evidence(topk={"l0": 32.0}, relu={"auc": 0.94, "l0": 300.0}, jumprelu={"auc": 0.8, "l0": 100.0})
    thresholds = by_name(robust(documents).thresholds)
    l0 = thresholds["l0 at_most"]
    assert (l0.gate, l0.now, l0.low, l0.high) == ("health", 64.0, 32.0, 300.0)
    dead = thresholds["dead_fraction at_most"]
    assert (dead.low, dead.high) == (0.05, None)


def test_a_candidate_that_fails_two_gates_does_not_come_in_when_one_is_loosened() -> None:
    documents = pools.evidence(topk={}, relu={"auc": 0.94, "l0": 300.0, "dead": 0.5})
    thresholds = by_name(robust(documents).thresholds)
    assert thresholds["l0 at_most"].high is None
    assert thresholds["dead_fraction at_most"].high is None


def test_both_sides_of_between_are_ranges_of_their_own() -> None:
    text = POINTS.replace("l0, at_most: 64}", "l0, between: [16, 64]}")
    documents = pools.evidence(topk={"l0": 32.0}, relu={"auc": 0.94, "l0": 300.0}, jumprelu={"auc": 0.93, "l0": 8.0})
    thresholds = by_name(robust(documents, text).thresholds)
    assert (thresholds["l0 at_least"].low, thresholds["l0 at_least"].high) == (8.0, 32.0)
    assert (thresholds["l0 at_most"].low, thresholds["l0 at_most"].high) == (32.0, 300.0)


def test_the_grid_has_every_weighting_in_steps_that_add_up() -> None:
    assert len(set(weightings(3, 10))) == len(list(weightings(3, 10))) == comb(12, 2)
    assert set(weightings(3, 4)) == {w for w in product(range(5), repeat=3) if sum(w) == 4}


def test_the_share_of_weightings_is_counted_one_by_one() -> None:
    found = robust(pools.evidence(**THREE), POINTS + "  weight_grid: 20\n")
    scores = {"topk": (0.75, 0.66), "jumprelu": (0.65, 0.80), "batchtopk": (0.80, 0.40)}
    wins = 0
    for first in range(21):
        means = {name: first * a + (20 - first) * b for name, (a, b) in scores.items()}
        wins += max(means, key=lambda name: means[name]) == "topk"
    assert (found.grid_steps, found.grid_points, found.grid_selected) == (20, 21, wins)


def test_rivals_that_another_outdoes_in_every_score_change_nothing() -> None:
    text = POINTS + "  weight_grid: 20\n"
    alone = robust(pools.evidence(**THREE), text)
    worse = {"gated": {"auc": 0.87, "r2": 0.89}, "relu": {"auc": 0.905, "r2": 0.69}}
    assert replace(robust(pools.evidence(**THREE, **worse), text), thresholds=()) == replace(alone, thresholds=())


def test_of_many_rivals_the_share_of_weightings_is_that_of_asking_each_one() -> None:
    draw = random.Random(3)
    several = {
        f"topk-{name}": {"auc": draw.choice([0.86, 0.88, 0.90, 0.92]), "r2": draw.choice([0.6, 0.7, 0.8]), "l0": name}
        for name in range(16, 40)
    }
    text = POINTS + "  weight_grid: 20\n  ties:\n    - {from: random_model, measure: l0}\n"
    selected = pools.choose(pools.evidence(**several), text)
    found, winner = robustness(selected), selected.winner
    assert found is not None and winner is not None

    def order(candidate: ComparedCandidate, weights: tuple[int, ...]) -> tuple[float, float]:
        auc, r2, l0 = candidate.values
        return round(weights[0] / 20 * auc.score + weights[1] / 20 * r2.score, 12), l0.goodness

    wins = [
        max(selected.candidates, key=lambda candidate: order(candidate, weights)) is winner
        for weights in weightings(2, 20)
    ]
    assert found.grid_selected == sum(wins) and 0 < sum(wins) < 21


def test_nothing_selected_has_no_range() -> None:
    assert robustness(pools.choose(pools.evidence(topk={}, relu={}), POINTS)) is None


# Each range against selecting again with the number moved.


def moved(policy: Policy, stand: StableRange, value: float) -> Policy:
    """The policy with one of its numbers changed."""
    assert isinstance(policy.selection, Selection)
    if stand.gate is not None:
        change: Callable[[Threshold], Threshold] = lambda rule: (  # noqa: E731
            rule
            if rule.measure.name != stand.measure
            else replace(rule, limits=with_side(rule.limits, stand.what == "at_most", value))
        )
        gates = tuple(replace(g, rule=_rule(g.rule, change)) if g.name == stand.gate else g for g in policy.gates)
        return replace(policy, gates=gates)
    scores = []
    for score in policy.selection.scores:
        if score.value.measure.name == stand.measure:
            score = replace(score, **{stand.what: value})
        scores.append(score)
    return replace(policy, selection=replace(policy.selection, scores=tuple(scores)))


def _rule(rule: Rule, change: Callable[[Threshold], Threshold]) -> Rule:
    if isinstance(rule, Combined):
        return replace(rule, rules=tuple(_rule(part, change) for part in rule.rules))
    return change(rule)


def still_chosen(policy: Policy, summaries: list[Summary], chosen: str) -> bool | None:
    """Whether the same candidate is selected; None where the number has left what a policy may say at all."""
    assert isinstance(policy.selection, Selection)
    selected = select(policy, policy.selection, summaries, parse_time(builders.NOW))
    if selected.errors:
        assert {e.error_id for e in selected.errors} <= {
            "policy.out_of_range",
            "policy.cannot_fail",
            "policy.scale_direction",
        }
        return None
    return selected.winner is not None and selected.winner.subject.digest == chosen


VALUES = st.fixed_dictionaries(
    {
        "auc": st.sampled_from([0.76, 0.85, 0.88, 0.90, 0.92]),
        "r2": st.sampled_from([0.55, 0.7, 0.8, 0.9]),
        "l0": st.sampled_from([16.0, 32.0, 50.0, 100.0, 300.0]),
        "dead": st.sampled_from([0.05, 0.1, 0.3]),
        "spread": st.sampled_from([0.0, 0.002]),
    }
)
STEP = 1e-6


def touching(r2_of_the_winner: float) -> list[dict[str, float]]:
    """Two candidates: as one end of r2's scale moves, the lead of the second falls to a tie and rises again."""
    same = {"l0": 16.0, "dead": 0.05}
    return [{"auc": 0.85, "r2": 0.9, **same}, {"auc": 0.9, "r2": r2_of_the_winner, **same}]


@settings(max_examples=12, deadline=None)
@given(pool=st.lists(VALUES, min_size=2, max_size=4), ties=st.booleans(), share=st.floats(0.02, 0.98))
@example(pool=touching(0.8), ties=False, share=0.5)
@example(pool=touching(0.7), ties=False, share=0.5)
def test_selecting_again_agrees_inside_a_range_at_its_ends_and_beyond(
    pool: list[dict[str, float]], ties: bool, share: float
) -> None:
    text = pools.POLICY + "  ties:\n    - {from: random_model, measure: l0}\n" * ties
    documents = pools.evidence(**{f"c{i}": values for i, values in enumerate(pool)})
    selected = pools.choose(documents, text)
    found = robustness(selected)
    if found is None or selected.winner is None:
        return
    summaries, chosen = pools.read(documents), selected.winner.subject.digest

    def chosen_at(stand: StableRange, value: float) -> bool | None:
        return still_chosen(moved(selected.policy, stand, value), summaries, chosen)

    for stand in (*found.weights, *found.scales, *found.thresholds):
        low = stand.now - 0.4 if stand.low is None else stand.low
        high = stand.now + 0.4 if stand.high is None else stand.high
        low = max(low, 0.0) if stand.what == "weight" else low
        assert low - STEP <= stand.now <= high + STEP
        step = STEP * max(1.0, abs(stand.now))
        if high - low > 3 * step:
            assert chosen_at(stand, low + share * (high - low)) is not False, stand
            assert chosen_at(stand, low + step) is not False, stand
            assert chosen_at(stand, high - step) is not False, stand
        # Beyond an end another is chosen; where the two only touch there, the tie at the end itself is lost.
        assert stand.low is None or chosen_at(stand, low - step) is not True or chosen_at(stand, low) is False, stand
        assert stand.high is None or chosen_at(stand, high + step) is not True or chosen_at(stand, high) is False, stand


def test_of_any_rivals_the_weightings_are_counted_that_a_selection_would_give_the_winner() -> None:
    draw, told = random.Random(5), []
    for _ in range(40):
        # Few places on each scale, so that many means are equal.
        values = {
            f"topk-{place}": {"auc": 0.80 + draw.randrange(9) / 100, "r2": 0.5 + draw.randrange(9) / 20}
            for place in range(6)
        }
        found = pools.choose(pools.evidence(**values))
        if found.winner is None:
            continue
        ranked = [c for c in found.candidates if c.rank is not None]
        scores = [[value.score for value in c.values if "score" in value.roles] for c in ranked]
        own = ranked.index(found.winner)
        points = list(weightings(2, 20))
        expected = 0
        for point in points:
            means = [round(math.fsum(w * s for w, s in zip(point, one, strict=True)) / 20, 12) for one in scores]
            expected += means.count(max(means)) == 1 and means[own] == max(means)
        assert Rivals(found, found.winner).wins_among(points) == expected
        told.append(expected)
    assert len(told) > 10 and len(set(told)) > 5
