"""One row of a kind's table: what a measure is, in which unit, which way is better, and which values it can take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower"]
Design = Literal["per_seed", "per_seed_pair", "per_seed_dataset", "per_seed_row"]
Lattice = Literal["d_sae", "live_latents", "rows", "key_frequencies"] | int
"""What a value is a count over, divided by it: a number that is named here, or a fixed one."""
Ceiling = Literal["d_sae", "z_score"]
"""What the number of latents F sets as the largest value: F itself, or (F - 1) / sqrt(F), the most of one z-score."""
Divergence = Literal["below_mean", "all_dead"]
"""By which of its values a measure shows that an SAE has diverged: one below 0, or one of 1."""

NO_UNIT = "1"
"""The unit of a plain number, as dimensions are written."""


@dataclass(frozen=True)
class RatioOf:
    """A mean over another mean, both over the same observations of one summary; never a mean of ratios.

    A mean of ratios jumps where one of the divisors comes near 0, and has no mean where one can reach it.
    """

    numerator: str
    """The measure whose values stand above."""
    denominator: str
    """The measure whose values stand below."""
    less: float = 0.0
    """Taken off every value below: 0.5, what chance gives, off an AUC."""
    of_baseline: bool = False
    """Whether the denominator's baseline stands below, in place of its candidate."""


@dataclass(frozen=True)
class MeasureSpec:
    """The contract of one measure; a measurement is a set of observations of it."""

    name: str
    description: str
    unit: str
    direction: Direction
    range: tuple[float, float]
    """Smallest and largest value that a candidate or baseline observation may take."""
    design: Design
    """The design of observations; `reported`, a number without observations, is accepted beside it."""
    compares: bool = False
    """True where the effect is candidate minus baseline; the baseline is required then, and refused otherwise."""
    difference_of: str | None = None
    """The measure of the same kind that holds the candidate's side alone: its values must be the same, key by key."""
    structural: bool = False
    """Equal values over all seeds are possible: l0 of a TopK SAE, or a share that may be 0 or 1 for every seed."""
    may_be_its_control: bool = False
    """The candidate may be the very SAEs that it is compared with, as where a choice by layer chose one for all layers:
    the difference is 0 by construction then. Only a measure that compares can say so."""
    on_random_model: bool = False
    """Its control is SAEs on a re-initialised model where the protocol's baseline is one; the other measures of such a
    kind have controls of their own, or none."""
    one_candidate: bool = False
    """What is compared with the control is one thing for every seed, as one transformer is, and no SAE of its own."""
    lattice: Lattice | None = None
    """What one observation is a share of, so that it can take few values; None where it may be any number."""
    ceiling: Ceiling | None = None
    """What limits one observation by the number of latents, within the range."""
    ratio_of: RatioOf | None = None
    """The two measures of the same summary that this one is computed from; a summary holds no observations of it."""
    divergence: Divergence | None = None
    """By what a candidate's own value of a seed shows that its SAE has diverged: worse than the mean of the
    activations, or with no latent that lives. None where values are no sign of that; a name never is."""

    @property
    def low(self) -> float:
        """Smallest value of one observation."""
        return float(self.range[0])

    @property
    def high(self) -> float:
        """Largest value of one observation."""
        return float(self.range[1])

    @property
    def effect_range(self) -> tuple[float, float]:
        """Smallest and largest effect: what a threshold must lie between."""
        low, high = self.low, self.high
        return (low - high, high - low) if self.compares else (low, high)
