"""The stop policies of policies/stop/ give up what is shown to be worse, and hold what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import builders
import pytest
from judging import NOW, read

from gatekit.gates.evaluate import evaluate
from gatekit.policy import read_policy

FOLDER = Path(__file__).parents[2] / "policies" / "stop"
BEST = builders.subject((0, 1, 2, 3, 4), architecture="topk")
PILOT = builders.subject((0, 1, 2), architecture="batch_topk")


def external(auc: float, score: float, n: int, of: dict[str, Any], spread: float = 0.01) -> dict[str, Any]:
    """SAEBench and CE-Bench summaries of n seeds by one protocol; the SAE's values on three datasets and rows each."""
    seeds = tuple(range(n))
    return {
        f"{of['architecture']}/s.json": builders.summary(
            "saebench", {"auc_delta": (builders.around(auc, spread, 3 * n), [0.8] * 3 * n)}, seeds=seeds, of=of
        ),
        f"{of['architecture']}/c.json": builders.summary(
            "cebench",
            {"interpretability_delta": (builders.around(score, spread, 4 * n), [5.0] * 4 * n)},
            seeds=seeds,
            of=of,
        ),
    }


def r2(above: float) -> dict[str, Any]:
    values = builders.around(0.8, 0.002, 3)
    control = [value - above + change for value, change in zip(values, (0.001, -0.001, 0.0), strict=True)]
    return {
        "r.json": builders.summary("consistency", {"r2_above_control": (values, control)}, seeds=(0, 1, 2), of=PILOT)
    }


def code(policy: str, pilot: dict[str, Any], best: dict[str, Any]) -> int:
    loaded = read_policy(str(FOLDER / f"{policy}.yaml"))
    summaries, errors = read(pilot)
    base, more = read(best)
    return int(evaluate([loaded], summaries, NOW, [*errors, *more], base=base).code)


@pytest.mark.parametrize(
    ("auc", "score", "expected"),
    [
        (0.80, 5.0, 0),  # no worse
        (0.70, 5.0, 0),  # worse on one alone
        (0.70, 4.0, 2),  # worse on both
        (0.90, 6.0, 0),
    ],
)
def test_a_pilot_worse_on_both_benchmarks_is_given_up(auc: float, score: float, expected: int) -> None:
    pilot, best = external(auc, score, 3, PILOT), external(0.80, 5.0, 5, BEST)
    assert code("both-external-regress", pilot, best) == expected


def test_a_pilot_that_may_be_worse_goes_on() -> None:
    pilot, best = external(0.79, 4.99, 3, PILOT, spread=0.2), external(0.80, 5.0, 5, BEST, spread=0.2)
    assert code("both-external-regress", pilot, best) == 0


def test_without_a_base_or_with_one_benchmark_alone_the_branch_is_held() -> None:
    pilot = external(0.70, 4.0, 3, PILOT)
    assert code("both-external-regress", pilot, {}) == 3
    del pilot["batch_topk/c.json"]
    assert code("both-external-regress", pilot, external(0.80, 5.0, 5, BEST)) == 3


@pytest.mark.parametrize(
    ("above", "auc", "score", "expected"),
    [
        (-0.10, 0.78, 4.9, 2),  # costs r2, and brings nothing
        (-0.10, 0.82, 4.9, 0),  # costs r2, and brings something on one benchmark
        (0.00, 0.78, 4.9, 0),  # costs nothing
        (-0.021, 0.78, 4.9, 0),  # the drop is not shown
    ],
)
def test_an_objective_that_costs_r2_and_brings_nothing_is_given_up(
    above: float, auc: float, score: float, expected: int
) -> None:
    pilot, best = {**external(auc, score, 3, PILOT), **r2(above)}, external(0.80, 5.0, 5, BEST)
    assert code("ev-drop-without-gain", pilot, best) == expected


@pytest.mark.parametrize(
    ("above", "auc", "expected"),
    [(-0.10, 0.78, 2), (-0.10, 0.82, 0), (0.00, 0.78, 0)],
    ids=["costs and brings nothing", "costs and brings something", "costs nothing"],
)
def test_where_one_benchmark_is_measured_an_objective_is_given_up_by_that_one(
    above: float, auc: float, expected: int
) -> None:
    pilot, best = {**external(auc, 4.9, 3, PILOT), **r2(above)}, external(0.80, 5.0, 5, BEST)
    without = {name: one for name, one in pilot.items() if one["kind"] != "cebench"}
    assert len(without) == len(pilot) - 1
    assert code("ev-drop-without-probing-gain", without, best) == expected
    # The rule about both stays open without the other one, and stops nothing.
    assert code("ev-drop-without-gain", without, best) in (0, 3)
