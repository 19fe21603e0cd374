"""Simulated coverage with families of datasets, after a choice, over skewed datasets and near an end of the range.

    nice python -m benchmarks.coverage_families --repetitions 4000    # writes benchmarks/results/coverage_families.md

The bounds come from the functions of gatekit.stats. Families share an effect, so that datasets of one family have the
intraclass correlation that is named; the families are those of sae-probes, or of equal size.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.coverage_designs import CONFIDENCE, Array
from benchmarks.simulated_page import write_page
from gatekit.evidence.dataset_families import KNOWN
from gatekit.stats import crossed, per_seed, selection_confidence, t_quantile

SEED = 20_262
SEEDS = (3, 5, 10)
CANDIDATES = 20
RESULTS = Path(__file__).parent / "results" / "coverage_families.md"


@dataclass(frozen=True)
class Families:
    """Levels in families, and how alike these make them."""

    name: str
    sizes: tuple[int, ...]
    icc: float


def equal(levels: int, families: int) -> tuple[int, ...]:
    """Return sizes of families that differ by one at most."""
    return tuple(levels // families + (index < levels % families) for index in range(families))


OF_SAE_PROBES = tuple(sorted(Counter(family for name, family in KNOWN.items() if name[0].isdigit()).values()))

CASES = (
    Families("113 datasets in 30 families, ICC 0", equal(113, 30), 0.0),
    Families("113 datasets in 30 families, ICC .28", equal(113, 30), 0.28),
    Families("113 datasets in 30 families, ICC .84", equal(113, 30), 0.84),
    Families("113 datasets in 8 families, ICC .28", equal(113, 8), 0.28),
    Families("113 datasets in sae-probes' 39 families, ICC .28", OF_SAE_PROBES, 0.28),
    Families("113 datasets in sae-probes' 39 families, ICC .84", OF_SAE_PROBES, 0.84),
    Families("200 rows in 20 families, ICC .3", equal(200, 20), 0.3),
)


def tables(case: Families, n: int, repetitions: int, rng: np.random.Generator) -> tuple[Array, list[int]]:
    """Return (repetitions, n, levels), dataset effects of sd 1, seed effects of .2, noise of .5; and the families."""
    labels = [index for index, size in enumerate(case.sizes) for _ in range(size)]
    shared = rng.standard_normal((repetitions, len(case.sizes)))[:, labels]
    own = rng.standard_normal((repetitions, len(labels)))
    levels = math.sqrt(case.icc) * shared + math.sqrt(1.0 - case.icc) * own
    seeds = 0.2 * rng.standard_normal((repetitions, n, 1))
    noise = 0.5 * rng.standard_normal((repetitions, n, len(labels)))
    return levels[:, None, :] + seeds + noise, labels


def families_row(case: Families, repetitions: int) -> str:
    """Return one line of the table: both sides with families and without, and how much wider the first is."""
    with_families, without, widths = [], [], []
    for n in SEEDS:
        rng = np.random.default_rng([SEED, CASES.index(case), n])
        values, labels = tables(case, n, repetitions, rng)
        seeds = [seed for seed in range(n) for _ in labels]
        levels = list(range(len(labels))) * n
        covered = np.zeros((2, 2))
        width = [0.0, 0.0]
        for table in values.reshape(repetitions, -1).tolist():
            for place, families in enumerate((labels * n, None)):
                found = crossed(seeds, levels, table, CONFIDENCE, ("seed", "level"), families=families)
                assert found.lower is not None
                assert found.upper is not None
                covered[place] += (found.lower <= 0.0, found.upper >= 0.0)
                width[place] += found.upper - found.lower
        shares = 100 * covered / repetitions
        with_families.append(f"{shares[0, 0]:.1f} / {shares[0, 1]:.1f}")
        without.append(f"{shares[1].min():.0f}")
        widths.append(f"{width[0] / width[1]:.2f}")
    print(case.name, with_families, without, file=sys.stderr, flush=True)
    return f"| {case.name} | {' | '.join(with_families)} | {', '.join(without)} | {', '.join(widths)} |"


def choice_rows(repetitions: int) -> list[str]:
    """Return how often the best of 20 at the threshold passes, chosen on five seeds and judged on five others."""
    lines = []
    for name, common in (("none", 0.0), ("half", 0.5), ("all", 1.0)):
        rng = np.random.default_rng([SEED, 100, int(2 * common)])
        passed = np.zeros(2)
        seeds, levels = [s for s in range(5) for _ in range(16)], list(range(16)) * 5
        for _ in range(repetitions):
            shared, own = rng.standard_normal((1, 1, 16)), rng.standard_normal((CANDIDATES, 1, 16))
            datasets = math.sqrt(common) * shared + math.sqrt(1.0 - common) * own
            first, second = (datasets + 0.2 * rng.standard_normal((CANDIDATES, 5, 16)) for _ in range(2))
            best = int(first.mean(axis=(1, 2)).argmax())
            for place, confidence in enumerate((CONFIDENCE, selection_confidence(CONFIDENCE, CANDIDATES))):
                found = crossed(seeds, levels, second[best].ravel().tolist(), confidence, ("seed", "level"))
                assert found.lower is not None
                passed[place] += found.lower > 0.0
        unpaid, paid = 100 * passed / repetitions
        lines.append(f"| {name} | {unpaid:.1f} | {paid:.1f} |")
    return lines


def end_rows(repetitions: int) -> list[str]:
    """Return coverage per seed near an end of the range: shipped t, Johnson's shift, and t on the logit scale."""
    lines = []
    for name, mean, concentration, upper in (
        ("AUC Beta(.985, concentration 100), lower", 0.985, 100.0, False),
        ("AUC Beta(.985, concentration 20), lower", 0.985, 20.0, False),
        ("dead fraction Beta(.1, concentration 5), upper", 0.1, 5.0, True),
    ):
        for n in (*SEEDS, 39):
            rng = np.random.default_rng([SEED, 200, n])
            draws = rng.beta(mean * concentration, (1.0 - mean) * concentration, (repetitions, n))
            # Of a lower bound of x and an upper bound of 1 - x the same is asked.
            values, truth = (draws, mean) if not upper else (1.0 - draws, 1.0 - mean)
            plain = [per_seed(range(n), row, CONFIDENCE) for row in values.tolist()]
            lower = np.array([found.lower for found in plain])
            deviations = values - values.mean(axis=1, keepdims=True)
            variance = np.maximum((deviations**2).sum(axis=1) / (n - 1), 1e-300)
            third = (deviations**3).sum(axis=1) * n / ((n - 1) * (n - 2))
            t = (values.mean(axis=1) - lower) / np.sqrt(variance / n)
            johnson = lower + np.minimum(third * (1 + 2 * t**2) / (6 * n * variance), 0.0)
            clipped = np.clip(values, 1e-6, 1 - 1e-6)
            logits = [per_seed(range(n), row, CONFIDENCE).lower for row in np.log(clipped / (1 - clipped)).tolist()]
            ways = (lower <= truth, johnson <= truth, np.array(logits) <= math.log(truth / (1 - truth)))
            lines.append(f"| {name} | {n} | {' | '.join(f'{100 * way.mean():.0f}' for way in ways)} |")
    return lines


SKEWED = (
    ("AUC Beta(.985, concentration 20), lower", 16, lambda rng, size: rng.beta(19.7, 0.3, size) - 0.985),
    ("AUC Beta(.985, concentration 20), lower", 40, lambda rng, size: rng.beta(19.7, 0.3, size) - 0.985),
    ("AUC Beta(.985, concentration 20), lower", 113, lambda rng, size: rng.beta(19.7, 0.3, size) - 0.985),
    ("AUC Beta(.95, concentration 20), lower", 16, lambda rng, size: rng.beta(19.0, 1.0, size) - 0.95),
    ("exponential tail below, lower", 16, lambda rng, size: 1.0 - rng.exponential(1.0, size)),
    ("normal, lower", 10, lambda rng, size: rng.standard_normal(size)),
    ("normal, lower", 16, lambda rng, size: rng.standard_normal(size)),
)


def skewed_rows(repetitions: int) -> list[str]:
    """Return lower coverage over datasets with a long tail below, by t alone and as shipped, and how much wider."""
    lines = []
    for number, (name, count, draw) in enumerate(SKEWED):
        cells, widths = [], []
        for n in SEEDS:
            rng = np.random.default_rng([SEED, 300, number, n])
            effects = draw(rng, (repetitions, 1, count))
            noise = 0.2 * rng.standard_normal((repetitions, n, 1)) + 0.5 * rng.standard_normal((repetitions, n, count))
            values = effects + effects.std() * noise
            seeds, levels = [seed for seed in range(n) for _ in range(count)], list(range(count)) * n
            covered, width = [0, 0], [0.0, 0.0]
            for table in values.reshape(repetitions, -1).tolist():
                found = crossed(seeds, levels, table, CONFIDENCE, ("seed", "level"))
                assert found.lower is not None
                assert found.standard_error is not None
                assert found.df is not None
                # The standard error is that without the shift, at the degrees of freedom of the whole margin.
                plain = t_quantile(CONFIDENCE, found.df) * found.standard_error
                covered[0] += found.estimate - plain <= 0.0
                covered[1] += found.lower <= 0.0
                width[0] += plain
                width[1] += found.estimate - found.lower
            cells.append(f"{100 * covered[0] / repetitions:.1f} / {100 * covered[1] / repetitions:.1f}")
            widths.append(f"{width[1] / width[0]:.2f}")
        print(name, count, cells, widths, file=sys.stderr, flush=True)
        lines.append(f"| {name} | {count} | {' | '.join(cells)} | {', '.join(widths)} |")
    return lines


TEMPLATE = """# Coverage with families, after a choice, with skew and near an end of the range

Made by `nice python -m benchmarks.coverage_families --repetitions {repetitions}`: {repetitions} repetitions a cell,
generator seed {seed}, standard error {error:.2f} points near 95 %. Nominal 95 %, one-sided.

## Families

Dataset effects have sd 1, of which the family's share is the intraclass correlation (ICC); seed effects have sd .2,
single cells .5. "Independent" is the worse side of the bound that counts datasets as independent, as evidence without
families gets.

| case | n=3 lower / upper | n=5 | n=10 | independent, n = 3, 5, 10 | width to independent |
|---|---|---|---|---|---|
{families}

## The best of {candidates} candidates, chosen on five seeds, judged on five others and the same 16 datasets

Percent of false passes with every candidate at the threshold. "Shared" is how much of the dataset effect the candidates
share.

| shared | unpaid | paid, 1 - (1 - c)/k |
|---|---|---|
{choices}

## Datasets with a long tail

Effects of datasets drawn from the named distribution, seed effects of .2 and single cells of .5 of its standard
deviations. Student's t alone / with Johnson's (1978) shift over the datasets, as shipped, and the width of the second
to the first.

| case | datasets | n=3 | n=5 | n=10 | width |
|---|---|---|---|---|---|
{skewed}

## Few seeds near an end of the range

Outside the promise. Shipped is Student's t over n seeds. Johnson's (1978) shift, only where it widens, helps by a few
points and is not enough. Student's t on the logit scale bounds the mean of the logits, which is another number than the
logit of the mean, and gets worse with more seeds: it is not offered.

| case | n | shipped | with Johnson's shift | on the logit scale |
|---|---|---|---|---|
{ends}
"""


def report(repetitions: int) -> tuple[str, list[str]]:
    """Return the page. None of its cells is checked here: each row says beside it what it is to be compared with."""
    text = TEMPLATE.format(
        repetitions=repetitions,
        seed=SEED,
        error=100 * math.sqrt(0.05 * 0.95 / repetitions),
        candidates=CANDIDATES,
        families="\n".join(families_row(case, repetitions) for case in CASES),
        choices="\n".join(choice_rows(repetitions)),
        skewed="\n".join(skewed_rows(repetitions)),
        ends="\n".join(end_rows(repetitions)),
    )
    return text, []


def main(arguments: list[str] | None = None) -> int:
    """Write the page."""
    return write_page(report, RESULTS, 4_000, __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main())
