"""The simulated controls, at few repetitions: the shipped bound holds for other models, that over seeds does not."""

from __future__ import annotations

from benchmarks.coverage_controls import BY_LEVEL, DESIGNS, DOMINATE, cell

PER_SEED, PER_PAIR, PER_DATASET = DESIGNS[:3]


def test_the_bound_holds_for_models_that_were_not_drawn_and_that_over_seeds_alone_does_not() -> None:
    lower, upper, alone = cell(PER_SEED, DOMINATE, 3, 10, 400)
    # 95 % of 400 is 380; by luck alone 366 or fewer come in under 0.1 %.
    assert min(lower, upper) >= 366 / 400
    assert alone < 0.85


def test_two_models_are_few_and_the_bound_over_seeds_and_datasets_and_them_holds() -> None:
    # 95 % of 100: by luck alone 86 or fewer come in under 0.1 %.
    lower, upper, alone = cell(PER_DATASET, BY_LEVEL, 2, 3, 100)
    assert min(lower, upper) >= 87 / 100
    assert alone <= min(lower, upper)


def test_the_same_cell_is_the_same_draw() -> None:
    assert cell(PER_PAIR, DOMINATE, 2, 5, 20) == cell(PER_PAIR, DOMINATE, 2, 5, 20)
