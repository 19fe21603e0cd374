"""The power of a gate with several looks, by simulation: what `gatekit plan --looks` prints."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.errors import GatekitError
from gatekit.stats.spending import Rule, look_alphas
from gatekit.stats.student_t import t_quantile

REPETITIONS = 20_000
"""The standard error of a power of 0.8 is 0.003."""


MOST_SEEDS = 500


@dataclass(frozen=True)
class LooksPlan:
    """What looks give when the truth is so far from the threshold."""

    looks: tuple[int, ...]
    confidences: tuple[float, ...]
    """One-sided, of the bound at each look."""
    power: tuple[float, ...]
    """Probability of having passed at this look or before."""
    mean_seeds: float
    """Measured on average, where one stops at the first pass."""


def plan_looks(
    effect: float, sd: float, confidence: float, looks: Sequence[int], rule: Rule = "obrien_fleming"
) -> LooksPlan:
    """Return the power at each look for normal observations per seed, the same for every call with these arguments.

    Args:
        effect: distance between truth and threshold, > 0, in the unit of the measurement.
        sd: of the observations over seeds, > 0.
        confidence: one-sided, of the gate as a whole.
        looks: increasing numbers of seeds, 2 at least.
        rule: how the looks share the error.

    Raises:
        GatekitError: effect or sd is not positive, or the looks do not increase.
    """
    import numpy as np  # here because no gate needs it

    alphas = look_alphas(confidence, looks, rule)
    if not (0.0 < effect < math.inf and 0.0 < sd < math.inf) or looks[0] < 2:
        raise GatekitError(
            "stats.looks", "a plan with looks needs a positive effect and sd, and 2 seeds at the first look"
        )
    drawn = np.random.default_rng(20_260_301).standard_normal((REPETITIONS, looks[-1])) + effect / sd
    passed = np.zeros(REPETITIONS, dtype=bool)
    measured = np.zeros(REPETITIONS)
    power = []
    for n, alpha in zip(looks, alphas, strict=True):
        measured[~passed] = n
        here = drawn[:, :n]
        lower = here.mean(axis=1) - t_quantile(1.0 - alpha, n - 1.0) * here.std(axis=1, ddof=1) / math.sqrt(n)
        passed |= lower >= 0.0
        power.append(float(passed.mean()))
    return LooksPlan(tuple(looks), tuple(1.0 - a for a in alphas), tuple(power), float(measured.mean()))


def fewest_with_looks(
    effect: float, sd: float, confidence: float, power: float, looks: Sequence[int], rule: Rule = "obrien_fleming"
) -> tuple[int, ...] | None:
    """Return looks in the same proportions, as few seeds as reach the power; None where 500 seeds do not."""

    def scaled(last: int) -> tuple[int, ...]:
        found: list[int] = []
        for n in looks:
            found.append(max(2, found[-1] + 1 if found else 2, round(n / looks[-1] * last)))
        return tuple(found)

    def enough(last: int) -> bool:
        return plan_looks(effect, sd, confidence, scaled(last), rule).power[-1] >= power

    low, high = len(looks), len(looks) + 1
    while not enough(high):
        if high >= MOST_SEEDS:
            return None
        low, high = high, min(2 * high, MOST_SEEDS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return scaled(high)
