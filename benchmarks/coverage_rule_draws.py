"""What `benchmarks/coverage_rules.py` draws: drops beside advantages, fractions of few trials, rules that stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.coverage_designs import Array, drawn

DATASETS = 9
"""As many as sae-probes has with shifted texts."""
OVERDISPERSED = 20.0
"""Sum of the two parameters of the distribution of seeds' own shares."""

Rng = np.random.Generator


@dataclass(frozen=True)
class Ratio:
    """Drops beside advantages."""

    name: str
    levels: int
    """Datasets; 1 where there is one number a seed."""
    advantage: float
    spread: float
    """Standard deviation of the advantage, of datasets or of seeds."""
    shape: str = "normal"
    promised: bool = True
    truth: float = 1.0 / 6.0
    """mean(drop) / mean(advantage)."""

    def draw(self, rng: Rng, repetitions: int, n: int) -> tuple[Array, Array]:
        """Return (repetitions, observations) of drops and of advantages; datasets that are easy lose more."""
        size = (repetitions, 1, self.levels) if self.levels > 1 else (repetitions, n, 1)
        of_level = self.spread * drawn(rng, size, self.shape)
        drop = self.truth * self.advantage + 0.3 * of_level + 0.5 * self.spread * drawn(rng, size, self.shape)
        tables = []
        for table in (drop, self.advantage + of_level):
            if self.levels > 1:
                of_seed = rng.standard_normal((repetitions, n, 1))
                table = table + 0.02 * (of_seed + rng.standard_normal((repetitions, n, self.levels)))
            tables.append(np.asarray(table).reshape(repetitions, -1))
        return tables[0], tables[1]


@dataclass(frozen=True)
class Fraction:
    """k of N trials for each seed."""

    trials: int
    share: float
    seeds_differ: bool = False
    promised: bool = True

    @property
    def name(self) -> str:
        """As the table calls it."""
        return f"Binomial({self.trials}, {self.share:g}){', seeds differ' * self.seeds_differ}"

    def draw(self, rng: Rng, repetitions: int, n: int) -> Array:
        """Return (repetitions, n) counts."""
        size = (repetitions, n)
        of_seed: Array | float = self.share
        if self.seeds_differ:
            of_seed = rng.beta(OVERDISPERSED * self.share, OVERDISPERSED * (1.0 - self.share), size)
        return np.asarray(rng.binomial(self.trials, of_seed, size))


@dataclass(frozen=True)
class Stop:
    """Rules of a stop policy, each `at_least: 0` by an optimistic bound."""

    name: str
    rules: int = 1
    shared: int = 1
    """Among how many rules that stop alone the error is shared."""
    any_of: bool = False
    """Whether all of them must fail."""
    levels: int = 1
    truth: float = 0.0
    """Standard deviations of one observation above the threshold, for every rule."""
    shape: str = "normal"
    promised: bool = True

    def draw(self, rng: Rng, repetitions: int, n: int) -> Array:
        """Return (repetitions, rules, observations), rules independent of each other."""
        size = (repetitions, self.rules, n, 1)
        values = drawn(rng, size, self.shape)
        if self.levels > 1:
            datasets = 2.0 * drawn(rng, (repetitions, self.rules, 1, self.levels), self.shape)
            values = values + datasets + rng.standard_normal((repetitions, self.rules, n, self.levels))
        return np.asarray(values + self.truth).reshape(repetitions, self.rules, -1)


RATIOS = (
    Ratio("one number a seed, advantage .3, sd .05", 1, 0.3, 0.05),
    Ratio("one number a seed, advantage .3, sd .1", 1, 0.3, 0.1),
    Ratio("one number a seed, advantage .1, sd .1: near chance", 1, 0.1, 0.1),
    Ratio("one number a seed, heavy tails (t, 3 df)", 1, 0.3, 0.05, shape="t3"),
    Ratio("one number a seed, skewed (exponential)", 1, 0.3, 0.05, shape="exponential", promised=False),
    Ratio("9 datasets, advantage .3, sd .1", DATASETS, 0.3, 0.1),
    Ratio("9 datasets, advantage .1, sd .1: near chance", DATASETS, 0.1, 0.1),
    Ratio("9 datasets, heavy tails (t, 3 df)", DATASETS, 0.3, 0.05, shape="t3"),
    Ratio("9 datasets, skewed (exponential)", DATASETS, 0.3, 0.1, shape="exponential", promised=False),
)

FRACTIONS = (
    *(Fraction(trials, share) for trials in (1, 2, 5, 10, 20, 50, 100) for share in (0.5, 0.7, 0.9, 0.95, 0.99)),
    # Seeds' own shares near 1 have a long tail, which a handful of seeds mostly misses.
    *(Fraction(trials, share, True, promised=share == 0.5) for trials in (5, 20, 100) for share in (0.5, 0.9, 0.99)),
)

STOPS = (
    Stop("one rule, at its threshold"),
    Stop("one rule, heavy tails (t, 3 df)", shape="t3"),
    Stop("one rule, skewed (exponential)", shape="exponential", promised=False),
    Stop("three rules of all_of, each at its threshold", 3, 3),
    Stop("five gates, each at its threshold", 5, 5),
    Stop("two alternatives of any_of, each at its threshold", 2, any_of=True),
    Stop("16 datasets, at the threshold", levels=16),
    Stop("three rules of all_of over 16 datasets", 3, 3, levels=16),
    Stop("one rule, the truth one sd below", truth=-1.0, promised=False),
    Stop("three rules of all_of, the truth of all one sd below", 3, 3, truth=-1.0, promised=False),
)
