"""The coverage benchmark, small: enough repetitions to see a bound that is wrong, not enough to see half a point."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "coverage.py"


def load_benchmark():
    spec = importlib.util.spec_from_file_location("coverage_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their own module up here
    spec.loader.exec_module(module)
    return module


BENCHMARK = load_benchmark()
DESIGNS = {design.name: design for design in BENCHMARK.DESIGNS}
SHARED = next(noise for noise in BENCHMARK.NOISES if "shared" in noise.name)
CELLS = [
    (design.name, noise, n)
    for design in BENCHMARK.DESIGNS
    for noise in (*BENCHMARK.NOISES, *design.extra)
    for n in BENCHMARK.SEEDS
    # Three seeds are where bounds fail; more are tried with one noise, so that the whole takes seconds.
    if n == 3 or (noise is BENCHMARK.NOISES[0] and design.most == 10_000)
]
REPETITIONS = 300
# Nominal 0.95 less the tolerated 0.015, less three Monte Carlo standard errors (3 * sqrt(0.95 * 0.05 / 300)): with 300
# repetitions in about 60 cells a correct bound passes everywhere, and a bound that covers 85% does not.
ENOUGH = 0.95 - 0.015 - 0.038


@pytest.mark.parametrize("design", DESIGNS)
def test_every_bound_covers_what_it_says(design):
    for name, noise, n in CELLS:
        if name == design:
            coverage, _ = BENCHMARK.shipped_coverage(DESIGNS[design], noise, n, REPETITIONS)
            assert coverage.worst >= ENOUGH, (noise.name, n, coverage)


def test_the_simulation_sees_the_percentile_bootstrap_over_pairs_fail():
    cell = BENCHMARK.simulate(DESIGNS["per_seed_pair"], SHARED, 3, 1000)
    # Nominal 97.5% per side; three pairs of three seeds cannot carry it.
    assert cell.bootstrap.lower < 0.80
    assert cell.bootstrap.upper < 0.80
    assert cell.normal.worst < 0.85
    assert cell.shipped.worst > ENOUGH


def test_the_simulation_sees_pooled_observations_fail():
    cell = BENCHMARK.simulate(DESIGNS["per_seed_dataset (16), seeds only"], SHARED, 5, 300)
    assert cell.normal.worst < 0.80
    assert cell.bootstrap.worst < 0.80


def test_the_same_cell_gives_the_same_numbers():
    design = DESIGNS["per_seed_pair"]
    assert BENCHMARK.simulate(design, SHARED, 5, 50) == BENCHMARK.simulate(design, SHARED, 5, 50)


def test_the_committed_report_holds_the_promise():
    text = (PATH.parent / "results" / "coverage.md").read_text(encoding="utf-8")
    promised, _, skewed = text.partition("## Outside the promise")
    rows = [line.split("|")[3:6] for line in promised.splitlines() if " / " in line and line.startswith("| per_seed")]
    assert len(rows) == sum(len(BENCHMARK.NOISES) + len(design.extra) for design in BENCHMARK.DESIGNS)
    assert min(float(side) for row in rows for cell in row for side in cell.split("/")) >= 93.5
    # What does not hold is said as plainly.
    assert (
        min(float(side) for line in skewed.splitlines() if " / " in line for side in line.split("|")[3].split("/"))
        < 93.5
    )
