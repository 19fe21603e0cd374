"""Simulated coverage of what rules compare beside a mean: ratios of means, fractions of few trials, optimistic bounds.

    nice python -m benchmarks.coverage_rules --repetitions 4000       # writes benchmarks/results/coverage_rules.md

The bounds come from the functions of gatekit.stats, put together as `gatekit.gates.bounds` does. A promised cell below
nominal minus 1.5 points makes the command fail. What is drawn is in `benchmarks/coverage_rule_draws.py`.
"""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.coverage_designs import CONFIDENCE, Array
from benchmarks.coverage_rule_draws import DATASETS, FRACTIONS, RATIOS, STOPS, Fraction, Ratio, Stop
from benchmarks.simulated_page import write_page
from gatekit.stats import Interval, crossed, per_seed, ratio_of_means, selection_confidence, with_counting_error

SEED = 20_265
SEEDS = (3, 5, 10)
TOLERATED = 0.015
RESULTS = Path(__file__).parent / "results" / "coverage_rules.md"

Cell = tuple[float, float]
"""How often the lower and the upper bound are on the right side of the truth."""


def random_for(name: str, n: int) -> np.random.Generator:
    """Return a generator of one cell's own."""
    return np.random.default_rng([SEED, zlib.crc32(name.encode()), n])


def bound_of(n: int, levels: int, confidence: float) -> Callable[[Sequence[float]], Interval]:
    """Return the bound of a mean over n seeds, or over n seeds and so many datasets."""
    if levels == 1:
        return lambda values: per_seed(range(n), values, confidence)
    seeds, columns = [seed for seed in range(n) for _ in range(levels)], list(range(levels)) * n
    return lambda values: crossed(seeds, columns, values, confidence, ("seed", "level"))


def ratio_cell(case: Ratio, n: int, repetitions: int) -> tuple[float, float, float]:
    """Return how often both bounds of a ratio cover, and the share that has none; what has none excludes no ratio."""
    rng, bound = random_for(case.name, n), bound_of(n, case.levels, CONFIDENCE)
    above, below = case.draw(rng, repetitions, n)
    lower = upper = without = 0
    for numerator, denominator in zip(above.tolist(), below.tolist(), strict=True):
        if sum(denominator) <= 0.0:
            without += 1
            continue
        found = ratio_of_means(numerator, denominator, bound)
        without += found.lower is None
        lower += found.lower is not None and found.lower > case.truth
        upper += found.upper is not None and found.upper < case.truth
    return 1.0 - lower / repetitions, 1.0 - upper / repetitions, without / repetitions


def fraction_cell(case: Fraction, n: int, repetitions: int) -> tuple[Cell, Cell]:
    """Return the coverage of fractions of few trials as shipped, and by Student's t alone."""
    counts = np.sort(case.draw(random_for(case.name, n), repetitions, n), axis=1)

    @cache
    def covers(drawn: tuple[int, ...]) -> Array:
        values = [count / case.trials for count in drawn]
        alone = per_seed(range(n), values, CONFIDENCE)
        held = []
        for found in (with_counting_error(alone, values, case.trials), alone):
            assert found.lower is not None
            assert found.upper is not None
            # 0.95 and 19 / 20 are one number to a reader of the verdict, whatever their last bits are.
            held += [found.lower <= case.share + 1e-12, found.upper >= case.share - 1e-12]
        return np.array(held, dtype=float)

    shares = sum((covers(tuple(row)) for row in counts.tolist()), np.zeros(4)) / repetitions
    return (float(shares[0]), float(shares[1])), (float(shares[2]), float(shares[3]))


def stop_cell(case: Stop, n: int, repetitions: int) -> tuple[float, float]:
    """Return how often a stop policy gives up what is as far above its thresholds as the case says, shared and not.

    A rule is `at_least: 0`, so that an optimistic bound fails where the upper one is below 0.
    """
    rates = []
    for share in (case.shared, 1):
        bound = bound_of(n, case.levels, selection_confidence(CONFIDENCE, share))
        stopped = 0
        drawn = case.draw(random_for(case.name, n), repetitions, n)
        for rules in drawn.tolist():
            fails = [(bound(values).upper or 0.0) < 0.0 for values in rules]
            stopped += all(fails) if case.any_of else any(fails)
        rates.append(stopped / repetitions)
    return rates[0], rates[1]


def ratio_rows(repetitions: int, short: list[str]) -> Iterator[str]:
    """Yield the lines of the table of ratios; what of the promise falls short is added to a list."""
    for case in RATIOS:
        cells = {n: ratio_cell(case, n, repetitions) for n in SEEDS}
        if case.promised:
            short += [f"ratio, {case.name}, n={n}" for n, cell in cells.items() if low(*cell[:2])]
        held = " | ".join(f"{100 * lower:.1f} / {100 * upper:.1f}" for lower, upper, _ in cells.values())
        without = ", ".join(f"{100 * none:.0f}" for _, _, none in cells.values())
        yield f"| {case.name} | {held} | {without} | {'yes' if case.promised else 'no'} |"


def fraction_rows(repetitions: int, short: list[str]) -> Iterator[str]:
    """Yield the lines of the table of fractions."""
    for case in FRACTIONS:
        cells = {n: fraction_cell(case, n, repetitions) for n in SEEDS}
        if case.promised:
            short += [f"{case.name}, n={n}" for n, (shipped, _) in cells.items() if low(*shipped)]
        held = " | ".join(f"{100 * lower:.1f} / {100 * upper:.1f}" for (lower, upper), _ in cells.values())
        alone = ", ".join(f"{100 * min(plain):.0f}" for _, plain in cells.values())
        yield f"| {case.name} | {held} | {alone} | {'yes' if case.promised else 'no'} |"


def stop_rows(repetitions: int, short: list[str]) -> Iterator[str]:
    """Yield the lines of the table of optimistic bounds."""
    for case in STOPS:
        cells = {n: stop_cell(case, n, repetitions) for n in SEEDS}
        if case.promised:
            most = 1.0 - CONFIDENCE + TOLERATED
            short += [f"stop, {case.name}, n={n}" for n, (stopped, _) in cells.items() if stopped > most]
        held = " | ".join(f"{100 * stopped:.1f}" for stopped, _ in cells.values())
        alone = ", ".join(f"{100 * unshared:.1f}" for _, unshared in cells.values()) if case.shared > 1 else ""
        yield f"| {case.name} | {held} | {alone} | {'yes' if case.promised else 'no'} |"


def low(*shares: float) -> bool:
    """Whether a cell covers less than the promise tolerates."""
    return min(shares) < CONFIDENCE - TOLERATED


TEMPLATE = """# Coverage of ratios, fractions of few trials, and optimistic bounds

What it shows: {verdict}.

Made by `nice python -m benchmarks.coverage_rules --repetitions {repetitions}`: {repetitions} repetitions a cell,
generator seed {seed}, standard error {error:.2f} points near 95 %. Nominal 95 %, one-sided. Rows that are not promised
are what no bound from so few draws holds for.

## Ratios of means

As `ood.relative_drop` is: mean drop over mean advantage above chance. "No bound": percent of repetitions in which the
advantage's own lower bound is not above 0; no ratio is excluded there, and the rule is inconclusive. With datasets
there are {datasets} of them, with effects of their own; seeds and single cells have sd .02.

| case | n=3 lower / upper | n=5 | n=10 | no bound, % | promised |
|---|---|---|---|---|---|
{ratios}

## Fractions of few trials per seed

k of N, over n seeds. *t alone* is the worse side of Student's t without what counting leaves uncertain. An upper bound
of p covers as a lower one of 1 - p does. "Seeds differ": each seed's own share is drawn from Beta with a sum of
parameters of 20 (a standard deviation of .065 at .9).

| case | n=3 lower / upper | n=5 | n=10 | t alone, n = 3, 5, 10 | promised |
|---|---|---|---|---|---|
{fractions}

## Optimistic bounds

How often a stop policy gives up, in percent. At the threshold that is an error, at most 5 % of the time; *not shared*
is what it would be if every rule took the 5 % for itself. Below the threshold it is the power, which nothing promises.

| case | n=3 | n=5 | n=10 | not shared, n = 3, 5, 10 | promised |
|---|---|---|---|---|---|
{stops}
"""


def report(repetitions: int) -> tuple[str, list[str]]:
    """Return the page, and the cells of the promise that fall short."""
    short: list[str] = []
    tables: dict[str, list[str]] = {}
    for name, rows in (("ratios", ratio_rows), ("fractions", fraction_rows), ("stops", stop_rows)):
        tables[name] = []
        for line in rows(repetitions, short):
            tables[name].append(line)
            print(line, file=sys.stderr, flush=True)
    verdict = "every promised bound covers at least 93.5 %, and every promised stop errs in at most 6.5 %"
    text = TEMPLATE.format(
        verdict=verdict if not short else "THESE CELLS FALL SHORT: " + "; ".join(short),
        repetitions=repetitions,
        seed=SEED,
        error=100 * math.sqrt(0.05 * 0.95 / repetitions),
        datasets=DATASETS,
        **{name: "\n".join(lines) for name, lines in tables.items()},
    )
    return text, short


def main(arguments: list[str] | None = None) -> int:
    """Write the page; exit 1 when a cell of the promise falls short."""
    return write_page(report, RESULTS, 4_000, __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main())
