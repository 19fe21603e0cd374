"""The designs whose coverage is simulated: how their observations depend on each other, and which bound they get.

The noise has the dependence that the designs really have: pairs share seeds, a table shares rows and columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gatekit.stats import (
    Interval,
    crossed,
    per_seed,
    per_seed_pair,
    per_seed_pair_two_groups,
    per_seed_two_groups,
)

Array = NDArray[np.float64]

CONFIDENCE = 0.95


def drawn(rng: np.random.Generator, size: tuple[int, ...], shape: str) -> Array:
    """Return draws around zero, in units of their scale: normal, of heavy tails (`t3`) or skewed (`exponential`)."""
    if shape == "t3":
        return rng.standard_t(3, size)
    if shape == "exponential":
        return rng.exponential(1.0, size) - 1.0
    return rng.standard_normal(size)


@dataclass(frozen=True)
class Noise:
    """Standard deviations of the parts of an observation, and the shape of each part."""

    name: str
    seed: float = 1.0
    other: float = 1.0
    """Of the dataset or row effect."""
    residual: float = 1.0
    """Of a pair, or of a single (seed, dataset)."""
    shape: str = "normal"
    ratio: float = 1.0
    """Of two variances: of every other seed, and dataset, to its neighbour's; of the first group to the second's."""

    def draw(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Return noise of this shape around zero, in units of its scale."""
        return drawn(rng, size, self.shape)

    def scales(self, n: int) -> Array:
        """Return the (n,) scale of each seed or dataset: 1 and sqrt(ratio) in turn."""
        return np.where(np.arange(n) % 2, 1.0, math.sqrt(self.ratio))


SHARED = Noise("shared seed effects dominate", seed=3.0, other=0.5)
NOISES = (
    Noise("normal"),
    Noise("heavy tails (t, 3 df)", shape="t3"),
    SHARED,
    Noise("unequal variances (10x)", ratio=10.0),
)
RESIDUAL = Noise("residual dominates", seed=0.05, other=0.05)
SKEWED = Noise("skewed (exponential)", shape="exponential")

Draw = Callable[[Noise, np.random.Generator, int, int], Array]
Bound = Callable[[list[float]], Interval]


@dataclass(frozen=True)
class Design:
    """One entry point of gatekit.stats with a way to draw observations for it."""

    name: str
    draw: Draw
    """(noise, rng, repetitions, n) -> (repetitions, observations)."""
    bound: Callable[[int, int], Bound]
    """(n, seeds of a second group) -> the shipped function of one repetition's observations."""
    first_group: Callable[[int], int] | None = None
    """n -> how many of the observations belong to the first of two unpaired groups."""
    extra: tuple[Noise, ...] = ()
    most: int = 10_000
    """More repetitions would take minutes."""
    per_seed: bool = False
    """One number a seed: an effect of the seed cancels in a difference, or only scales it, and makes no other case."""

    @property
    def noises(self) -> tuple[Noise, ...]:
        """All that the design is tried with, but for skewed noise, which is outside the promise."""
        return (*(noise for noise in NOISES if not (self.per_seed and noise is SHARED)), *self.extra)


def draw_per_seed(noise: Noise, rng: np.random.Generator, repetitions: int, n: int) -> Array:
    """Differences candidate minus baseline: the seed effect that both share cancels, the rest does not."""
    shared = noise.seed * noise.draw(rng, (repetitions, n))
    candidate = shared + noise.residual * noise.scales(n) * noise.draw(rng, (repetitions, n))
    baseline = shared + noise.residual * noise.scales(n) * noise.draw(rng, (repetitions, n))
    # One-sided noise would be made symmetric by a difference, so a skewed baseline is left out.
    return candidate - (shared if noise.shape == "exponential" else baseline)


def bound_per_seed(n: int, _: int) -> Bound:
    """Student t over n seeds."""
    return lambda values: per_seed(range(n), values, CONFIDENCE)


def second_size(noise: Noise, n: int) -> int:
    """Two groups with unequal variances also have unequal sizes: n and 2n seeds."""
    return n if noise.ratio == 1.0 else 2 * n


def draw_two_groups(noise: Noise, rng: np.random.Generator, repetitions: int, n: int) -> Array:
    """One number per seed, first those of the first group."""
    m = second_size(noise, n)
    scales = np.concatenate([np.full(n, math.sqrt(noise.ratio)), np.ones(m)])
    size = (repetitions, n + m)
    return scales * (noise.seed * noise.draw(rng, size) + noise.residual * noise.draw(rng, size))


def bound_two_groups(n: int, m: int) -> Bound:
    """Welch over n and m seeds."""
    return lambda values: per_seed_two_groups(range(n), values[:n], range(m), values[n:], CONFIDENCE)


def pair_columns(n: int) -> tuple[list[int], list[int]]:
    """Return the first and the second seed of each of the n (n - 1) / 2 pairs."""
    pairs = list(combinations(range(n), 2))
    return [a for a, _ in pairs], [b for _, b in pairs]


def draw_pairs(noise: Noise, rng: np.random.Generator, repetitions: int, n: int, scale: float | None = None) -> Array:
    """v_ab = s_a + s_b + e_ab for all pairs of n seeds."""
    first, second = pair_columns(n)
    scales = noise.scales(n) if scale is None else np.full(n, scale)
    seeds = noise.seed * scales * noise.draw(rng, (repetitions, n))
    pair_scale = noise.residual * np.sqrt(scales[first] * scales[second])
    return seeds[:, first] + seeds[:, second] + pair_scale * noise.draw(rng, (repetitions, len(first)))


def bound_pairs(n: int, _: int) -> Bound:
    """Jackknife over n seeds."""
    first, second = pair_columns(n)
    return lambda values: per_seed_pair(first, second, values, CONFIDENCE)


def draw_pairs_two_groups(noise: Noise, rng: np.random.Generator, repetitions: int, n: int) -> Array:
    """Pairs within the first group, then pairs within the second."""
    first = draw_pairs(noise, rng, repetitions, n, math.sqrt(noise.ratio))
    return np.concatenate([first, draw_pairs(noise, rng, repetitions, second_size(noise, n), 1.0)], axis=1)


def bound_pairs_two_groups(n: int, m: int) -> Bound:
    """Jackknife and Welch over n and m seeds."""
    a, b = pair_columns(n), pair_columns(m)
    cut = len(a[0])
    return lambda values: per_seed_pair_two_groups(*a, values[:cut], *b, values[cut:], CONFIDENCE)


def draw_table(
    noise: Noise, rng: np.random.Generator, repetitions: int, n: int, *, levels: int, fixed: bool = False
) -> Array:
    """a_i + b_j + e_ij, flattened by seed; with `fixed` levels b_j is one constant set that sums to zero."""
    seed_scale, level_scale = noise.scales(n)[:, None], noise.scales(levels)
    seeds = noise.seed * seed_scale * noise.draw(rng, (repetitions, n, 1))
    if fixed:
        effects = np.linspace(-2.0, 2.0, levels)[None, None, :]
    else:
        effects = noise.other * level_scale * noise.draw(rng, (repetitions, 1, levels))
    residual = noise.residual * seed_scale * level_scale * noise.draw(rng, (repetitions, n, levels))
    return (seeds + effects + residual).reshape(repetitions, n * levels)


def bound_table(n: int, _: int, *, levels: int, generalize_over: tuple[str, ...]) -> Bound:
    """Two-way bound over n seeds x `levels`."""
    seeds = [i for i in range(n) for _ in range(levels)]
    columns = [j for _ in range(n) for j in range(levels)]
    return lambda values: crossed(seeds, columns, values, CONFIDENCE, generalize_over)


def table_design(name: str, levels: int, generalize_over: tuple[str, ...], most: int = 10_000) -> Design:
    """Return the design of a complete seed x level table."""
    return Design(
        name,
        partial(draw_table, levels=levels, fixed="level" not in generalize_over),
        partial(bound_table, levels=levels, generalize_over=generalize_over),
        extra=(RESIDUAL,),
        most=most,
    )


GROUPS_REVERSED = Noise("unequal variances (10x), larger group varies more", ratio=0.1)

DESIGNS = (
    Design("per_seed, paired", draw_per_seed, bound_per_seed, per_seed=True),
    Design(
        "per_seed, two groups",
        draw_two_groups,
        bound_two_groups,
        first_group=lambda n: n,
        extra=(GROUPS_REVERSED,),
        per_seed=True,
    ),
    Design("per_seed_pair", draw_pairs, bound_pairs, extra=(RESIDUAL,)),
    Design(
        "per_seed_pair, two groups",
        draw_pairs_two_groups,
        bound_pairs_two_groups,
        first_group=lambda n: n * (n - 1) // 2,
        extra=(RESIDUAL, GROUPS_REVERSED),
    ),
    table_design("per_seed_dataset (8), seeds and datasets", 8, ("seed", "level")),
    table_design("per_seed_dataset (16), seeds and datasets", 16, ("seed", "level")),
    table_design("per_seed_dataset (16), seeds only", 16, ("seed",)),
    table_design("per_seed_row (200), seeds and rows", 200, ("seed", "level"), most=4_000),
)
