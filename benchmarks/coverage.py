"""Simulated coverage of every bound that gatekit ships, beside what the field does by habit.

    nice python -m benchmarks.coverage                      # writes benchmarks/results/coverage.md
    python -m benchmarks.coverage --repetitions 1000 --output -

The truth is 0 in every cell, so a lower bound covers when it is <= 0 and an upper bound when it is >= 0. The bounds
come from the functions of gatekit.stats; numpy only draws the noise and plays the habits.
"""

from __future__ import annotations

import math
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

from benchmarks.coverage_designs import (
    CONFIDENCE,
    DESIGNS,
    NOISES,
    RESIDUAL,
    SKEWED,
    Array,
    Design,
    Noise,
    draw_pairs,
    draw_table,
    pair_columns,
    second_size,
)
from benchmarks.simulated_page import write_page
from gatekit.stats import lower_after_worsening, per_seed, t_quantile

SEED = 20_261
SEEDS = (3, 5, 10)
TOLERATED = 0.015
RESAMPLES = 499
RESULTS = Path(__file__).parent / "results" / "coverage.md"


@dataclass(frozen=True)
class Coverage:
    """Fractions of repetitions in which a bound was on the right side of the truth."""

    lower: float
    upper: float
    repetitions: int

    @property
    def worst(self) -> float:
        """The less covering of the two sides."""
        return min(self.lower, self.upper)


@dataclass(frozen=True)
class Cell:
    """One design with one noise at one number of seeds."""

    shipped: Coverage
    """Nominal 0.95."""
    bootstrap: Coverage
    """Percentile bootstrap over the observations; each end of the two-sided 95% interval, nominal 0.975."""
    normal: Coverage
    """mean -/+ 1.96 SE over the observations, nominal 0.975."""


def shipped_coverage(design: Design, noise: Noise, n: int, repetitions: int) -> tuple[Coverage, Array]:
    """Return the coverage of the shipped bound and the observations it was computed from."""
    rng = np.random.default_rng([SEED, zlib.crc32(f"{design.name}/{noise.name}".encode()), n])
    observations = design.draw(noise, rng, repetitions, n)
    bound = design.bound(n, second_size(noise, n))
    lower = upper = 0
    for row in observations.tolist():
        interval = bound(row)
        assert interval.lower is not None
        assert interval.upper is not None
        lower += interval.lower <= 0.0
        upper += interval.upper >= 0.0
    return Coverage(lower / repetitions, upper / repetitions, repetitions), observations


def percentile_bootstrap(observations: Array, first: int | None, rng: np.random.Generator) -> Coverage:
    """Resample the observations of each repetition as if they were independent.

    Args:
        observations: (repetitions, N); as many repetitions are used as 1e8 draws allow, at least 200.
        first: observations of the first of two groups, or None.
        rng: for the resampling.
    """
    repetitions, count = observations.shape
    used = min(repetitions, max(200, int(1e8 / (RESAMPLES * count))))
    parts = [observations[:used]] if first is None else [observations[:used, :first], observations[:used, first:]]
    lower = upper = 0
    for index in range(used):
        means = [
            part[index][rng.integers(part.shape[1], size=(RESAMPLES, part.shape[1]))].mean(axis=1) for part in parts
        ]
        low, high = np.quantile(means[0] if first is None else means[0] - means[1], [0.025, 0.975])
        lower += low <= 0.0
        upper += high >= 0.0
    return Coverage(lower / used, upper / used, used)


def normal_interval(observations: Array, first: int | None) -> Coverage:
    """Cover with mean -/+ 1.96 SE, the SE taken as if the observations were independent."""
    parts = [observations] if first is None else [observations[:, :first], observations[:, first:]]
    means = [part.mean(axis=1) for part in parts]
    squares = [part.var(axis=1, ddof=1) / part.shape[1] for part in parts]
    centre = means[0] if first is None else means[0] - means[1]
    margin = 1.96 * np.sqrt(sum(squares))
    repetitions = len(observations)
    return Coverage(float((centre <= margin).mean()), float((centre >= -margin).mean()), repetitions)


def simulate(design: Design, noise: Noise, n: int, repetitions: int) -> Cell:
    """Return the coverages of one cell; the same arguments give the same numbers."""
    shipped, observations = shipped_coverage(design, noise, n, min(repetitions, design.most))
    first = design.first_group(n) if design.first_group else None
    rng = np.random.default_rng([SEED, 1, n])
    return Cell(shipped, percentile_bootstrap(observations, first, rng), normal_interval(observations, first))


def replaced_rules(repetitions: int) -> list[tuple[str, float, float]]:
    """Return (rule and case, its coverage, coverage of the shipped rule) where a textbook rule was replaced.

    Upper bounds under normal noise, all at nominal 0.95. Independent mean squares are drawn as chi-squares.
    """
    rng = np.random.default_rng([SEED, 2])
    rows = []
    for seeds, levels in ((3, 8), (3, 16)):
        table = draw_table(RESIDUAL, rng, repetitions, seeds, levels=levels).reshape(repetitions, seeds, levels)
        centre, of_seed, of_level = table.mean(axis=(1, 2)), table.mean(axis=2), table.mean(axis=1)
        residual = table - of_seed[:, :, None] - of_level[:, None, :] + centre[:, None, None]
        dfs = np.array([seeds - 1.0, levels - 1.0, (seeds - 1.0) * (levels - 1.0)])
        squares = np.array(
            [
                levels * seeds * of_seed.var(axis=1),
                levels * seeds * of_level.var(axis=1),
                (residual**2).sum(axis=(1, 2)),
            ]
        )
        squares /= dfs[:, None]
        variance = np.maximum(squares[0] + squares[1] - squares[2], 0.0) / (seeds * levels)
        df = np.maximum(satterthwaite(variance * seeds * levels, squares, dfs), 0.5)
        textbook = float((-centre <= stdtrit(df, CONFIDENCE) * np.sqrt(variance)).mean())
        shipped = two_sources(centre, squares[:2] / (seeds * levels), dfs[:2])
        name = f"(MSA + MSB - MSE)/IJ, Satterthwaite: {seeds} seeds x {levels} datasets, residual dominates"
        rows.append((name, textbook, shipped))
    for first, second, ratio, what in (
        (1, 199, 12.0, "(MSA + MSB)/IJ, Satterthwaite: 2 seeds x 200 rows"),
        (2, 199, 5.0, "(MSA + MSB)/IJ, Satterthwaite: 3 seeds x 200 rows"),
        (1, 9, 20.0, "Welch-Satterthwaite: groups of 2 and 10 seeds"),
        (2, 9, 12.0, "Welch-Satterthwaite: groups of 3 and 10 seeds (kept)"),
    ):
        dfs = np.array([first, second], dtype=float)
        squares = np.array([ratio, 1.0])[:, None] * rng.chisquare(dfs[:, None], (2, repetitions)) / dfs[:, None]
        centre = math.sqrt(ratio + 1.0) * rng.standard_normal(repetitions)
        total = squares.sum(axis=0)
        margin = stdtrit(satterthwaite(total, squares, dfs), CONFIDENCE) * np.sqrt(total)
        name = f"{what}, variance of the first mean {ratio:g}x that of the second"
        rows.append((name, float((-centre <= margin).mean()), two_sources(centre, squares, dfs)))
    return [*rows, *(unbiased_pairs(noise, 5, repetitions) for noise in (NOISES[0], RESIDUAL))]


def unbiased_pairs(noise: Noise, n: int, repetitions: int) -> tuple[str, float, float]:
    """Return (case, coverage of the unbiased variance of a mean of pairs, coverage of the jackknife), upper bounds."""
    rng = np.random.default_rng([SEED, 4])
    values = draw_pairs(noise, rng, repetitions, n)
    first, second = (np.array(column) for column in pair_columns(n))
    centre = values.mean(axis=1)
    of_seed = np.stack([values[:, (first == i) | (second == i)].mean(axis=1) for i in range(n)], axis=1)
    effects = (n - 1) / (n - 2) * (of_seed - centre[:, None])
    jackknife = 4.0 / (n * (n - 1)) * (effects**2).sum(axis=1)
    residual = values - centre[:, None] - effects[:, first] - effects[:, second]
    noise_square = (residual**2).sum(axis=1) / (n * (n - 3) / 2)
    unbiased = np.maximum(jackknife - 2.0 * noise_square / ((n - 1) * (n - 2)), 2.0 * noise_square / (n * (n - 1)))
    critical = t_quantile(CONFIDENCE, n - 1.0)
    covers = [float((-centre <= critical * np.sqrt(variance)).mean()) for variance in (unbiased, jackknife)]
    width = float(np.sqrt(unbiased).mean() / np.sqrt(jackknife).mean())
    name = f"unbiased variance of {n * (n - 1) // 2} pairs, noise: {noise.name} ({width:.2f} times as wide)"
    return name, covers[0], covers[1]


def satterthwaite(total: Array, squares: Array, dfs: Array) -> Array:
    """Return the degrees of freedom of a sum (or difference) of mean squares."""
    return np.asarray(total**2 / (squares**2 / dfs[:, None]).sum(axis=0))


def two_sources(centre: Array, squares: Array, dfs: Array) -> float:
    """Return the coverage of the upper bound centre + sqrt(t1^2 v1 + t2^2 v2) that gatekit ships."""
    critical = np.array([t_quantile(CONFIDENCE, df) for df in dfs.tolist()])
    return float((-centre <= np.sqrt((critical[:, None] ** 2 * squares).sum(axis=0))).mean())


def monotone_rows(repetitions: int) -> list[tuple[int, float, float, float, float]]:
    """Return (n, coverage of t, of its smallest monotone majorant, ceiling 1 - 2^-n, share of fails that could turn).

    Lower bounds of normal observations at 0.95; the last number is the share of all repetitions, with the truth one
    standard deviation above the threshold, that fail and that lowering some observation would make pass.
    """
    rows = []
    for n in (3, 4, 5, 7, 10):
        rng = np.random.default_rng([SEED, 3, n])
        plain = majorant = turned = 0
        for values in rng.standard_normal((repetitions, n)).tolist():
            lower, best = per_seed(range(n), values, CONFIDENCE).lower, lower_after_worsening(values, CONFIDENCE)
            assert lower is not None
            plain += lower <= 0.0
            majorant += best <= 0.0
            # Both follow a shift of the data, so the same draw serves for a truth of 1 and a threshold of 0.
            turned += lower + 1.0 < 0.0 <= best + 1.0
        rows.append((n, plain / repetitions, majorant / repetitions, 1.0 - 0.5**n, turned / repetitions))
    return rows


def report(repetitions: int) -> tuple[str, list[str]]:
    """Return the report as Markdown, and the cells of the promise that fall short."""
    short: list[str] = []
    tables: dict[bool, list[str]] = {True: [], False: []}
    for design in DESIGNS:
        for noise in (*design.noises, SKEWED):
            promised = noise is not SKEWED
            cells = {n: simulate(design, noise, n, repetitions) for n in SEEDS}
            if promised:
                short += [
                    f"{design.name}, {noise.name}, n={n}: {100 * cell.shipped.worst:.1f}%"
                    for n, cell in cells.items()
                    if cell.shipped.worst < CONFIDENCE - TOLERATED
                ]
            shipped = " | ".join(f"{100 * c.shipped.lower:.1f} / {100 * c.shipped.upper:.1f}" for c in cells.values())
            bootstrap = ", ".join(f"{100 * c.bootstrap.worst:.0f}" for c in cells.values())
            normal = ", ".join(f"{100 * c.normal.worst:.0f}" for c in cells.values())
            tables[promised].append(f"| {design.name} | {noise.name} | {shipped} | {bootstrap} | {normal} |")
            print(tables[promised][-1], file=sys.stderr, flush=True)
    verdict = (
        "every shipped bound covers at least 93.5% in every cell of the first table"
        if not short
        else "THESE CELLS FALL SHORT of 93.5%: " + "; ".join(short)
    )
    parts = TEMPLATE.format(
        verdict=verdict,
        repetitions=repetitions,
        row_repetitions=min(repetitions, 4_000),
        error=100 * math.sqrt(0.05 * 0.95 / repetitions),
        seed=SEED,
        resamples=RESAMPLES,
        promised="\n".join(tables[True]),
        skewed="\n".join(tables[False]),
        replaced="\n".join(
            f"| {name} | {100 * old:.1f} | {100 * new:.1f} |" for name, old, new in replaced_rules(200_000)
        ),
        monotone="\n".join(
            f"| {n} | {100 * plain:.1f} | {100 * majorant:.1f} | {100 * ceiling:.1f} | {100 * turned:.1f} |"
            for n, plain, majorant, ceiling, turned in monotone_rows(repetitions)
        ),
    )
    return parts, short


TEMPLATE = """# Coverage of the bounds

What it shows: {verdict}; the percentile
bootstrap over pairs or pooled observations and mean - 1.96 SE, both nominal 97.5%, cover 71 to 86% of the time over
pairs (unless pair noise dominates) and 50 to 65% over rows, because the observations share seeds.

Made by `nice python -m benchmarks.coverage --repetitions {repetitions}`: {repetitions} repetitions per cell
({row_repetitions} for 200 rows), generator seed {seed}. A percentage near 95 has a Monte Carlo standard error of
{error:.2f} points at {repetitions} repetitions. The truth is 0; "lower / upper" is how often each one-sided 95% bound
is on the right side of it.

Noise: pairs are mu + s_a + s_b + e_ab, tables mu + a_i + b_j + e_ij. "Shared seed effects dominate" has seed effects of
3 sd beside 1 (pair or table residual) and 0.5 (datasets). "Unequal variances" alternates variances of 10 and 1 among
seeds and among datasets; of two groups it gives the first one 10 times the variance of the second, and n beside 2n
seeds. "Residual dominates" has seed and dataset effects of 0.05 beside 1. "Seeds only" keeps one set of datasets.

Habits, worst of their two sides for n = 3, 5, 10, each end of a two-sided 95% interval and so nominal 97.5%:
*bootstrap* is the percentile bootstrap ({resamples} resamples; fewer repetitions where the observations are many, at
least 200) and *1.96 SE* the normal interval, both over the observations as if they were independent. Where they cover
more than they say, they take fixed differences between datasets for noise.

| design | noise | n=3 lower / upper | n=5 | n=10 | bootstrap | 1.96 SE |
|---|---|---|---|---|---|---|
{promised}

## Outside the promise: skewed noise

No bound from a handful of observations is right for every shape. With exponential noise (a long upper tail) the upper
bound covers less than it says, the lower bound more; the habits suffer more from the same.

| design | noise | n=3 lower / upper | n=5 | n=10 | bootstrap | 1.96 SE |
|---|---|---|---|---|---|---|
{skewed}

## Textbook rules that were replaced

Nominal 95%, normal noise, 200000 repetitions (standard error 0.05 points). Banerjee's (1960) margin
sqrt(t1^2 v1 + t2^2 v2) is used for `crossed` with both factors random and for two groups when one has two seeds.
Welch's is kept from three seeds on. For pairs the unbiased variance would be 14% narrower where pair noise
dominates; the jackknife is kept because it never covers less than it says and is convex in the observations.

| rule and case | it covers | shipped, or the alternative to what is kept |
|---|---|---|
{replaced}

## Could the bound be monotone?

Lowering the best of a few observations shrinks their spread and can raise a t lower bound. The smallest monotone bound
above it (the best that lowering observations can reach) covers too little at few seeds, and no monotone bound that
follows shifts and changes of unit can cover more than 1 - 2^-n under symmetric noise, so the t bound is kept
(`gatekit.stats.worsening` says what holds exactly). Last column: percent of all repetitions, with the truth one sd
above the threshold, that fail although lowering an observation would make them pass.

| seeds | t covers | smallest monotone bound above it | ceiling of any monotone bound | fails that lowering could turn |
|---|---|---|---|---|
{monotone}
"""


def main(arguments: list[str] | None = None) -> int:
    """Write the page; exit 1 when a cell of the promise falls short."""
    return write_page(report, RESULTS, 10_000, __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main())
