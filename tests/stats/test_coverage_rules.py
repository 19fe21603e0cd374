"""The simulated rules, at few repetitions: ratios and fractions cover, and stop policies seldom err."""

from __future__ import annotations

from benchmarks.coverage_rule_draws import FRACTIONS, RATIOS, STOPS
from benchmarks.coverage_rules import fraction_cell, ratio_cell, stop_cell


def test_a_fraction_of_five_trials_covers_where_student_t_alone_does_not() -> None:
    (few,) = [case for case in FRACTIONS if (case.trials, case.share, case.seeds_differ) == (5, 0.95, False)]
    shipped, alone = fraction_cell(few, 3, 400)
    # All 15 trials succeed in .95^15 = 46 % of all cases: then t has no width and misses.
    assert min(shipped) >= 366 / 400
    assert alone[0] < 0.65


def test_a_ratio_covers_and_says_where_it_has_no_bound() -> None:
    near_chance = next(case for case in RATIOS if "near chance" in case.name)
    lower, upper, without = ratio_cell(near_chance, 3, 400)
    # 95 % of 400 is 380; by luck alone 366 or fewer come in under 0.1 %.
    assert min(lower, upper) >= 366 / 400
    # Advantages of mean .1 and sd .1 over three seeds: their lower bound is above 0 in a third of all cases.
    assert 0.5 < without < 0.8


def test_rules_that_stop_alone_share_their_error() -> None:
    three = next(case for case in STOPS if case.shared == 3 and case.levels == 1)
    shared, unshared = stop_cell(three, 5, 400)
    # 5 % of 400 is 20; by luck alone 34 or more come in under 0.2 %. Unshared, 1 - .95^3 = 14 %.
    assert shared <= 34 / 400
    assert unshared > 0.09
