"""The report says where a bound covers less than it says: draws near an end of the range, with a long tail from it."""

from __future__ import annotations

import builders
import pytest
from judging import verdict

LONG_LOWER_TAIL = [0.999, 0.998, 0.997, 0.999, 0.95]
LONG_UPPER_TAIL = [0.001, 0.002, 0.0, 0.003, 0.2]


def notes(kind: str, measure: str, values: object, rule: str) -> str:
    document = builders.summary(kind, {measure: values})
    found = verdict(f"g: {{from: {kind}, measure: {measure}, {rule}}}", {"a.json": document})
    return "; ".join(found.policies[0].gates[0].result.notes)


@pytest.mark.parametrize(
    ("measure", "values", "rule", "end"),
    [
        ("r2", LONG_LOWER_TAIL, "at_least: 0.5", "near 1"),
        ("dead_fraction", LONG_UPPER_TAIL, "at_most: 0.9", "near 0"),
    ],
)
def test_a_long_tail_away_from_the_end_of_the_range_is_said(measure: str, values: object, rule: str, end: str) -> None:
    assert f"the seeds' values lie {end}, the end of the range" in notes("random_model", measure, values, rule)


@pytest.mark.parametrize(
    ("measure", "values", "rule"),
    [
        # Far from either end; symmetric; a tail on the side that is not bounded; the estimate itself.
        ("r2", [0.5 * value for value in LONG_LOWER_TAIL], "at_least: 0.1"),
        ("r2", [0.99, 0.98, 0.985, 0.995, 0.975], "at_least: 0.5"),
        ("r2", LONG_UPPER_TAIL, "at_least: -0.5"),
        ("dead_fraction", LONG_UPPER_TAIL, "at_most: 0.9, bound: point"),
    ],
)
def test_nothing_is_said_of_other_draws(measure: str, values: object, rule: str) -> None:
    assert "end of the range" not in notes("random_model", measure, values, rule)


def test_datasets_near_the_end_of_the_range_are_said_where_the_bound_speaks_of_others() -> None:
    of_datasets = [0.999, 0.998, 0.997, 0.999, 0.9]
    cells = [value - 0.0001 * seed for seed in range(5) for value in of_datasets]
    assert "the datasets' values lie near 1" in notes("saebench", "auc", cells, "at_least: 0.5")
    assert "datasets'" not in notes("saebench", "auc", cells, "at_least: 0.5, generalize_over: [seed]")
