"""Finding the price at which an SAE with a sparsity penalty has a wanted L0.

Architectures with k have the L0 that they are told to have; the others have whatever their price leads to. Comparing
them at unequal L0 compares sparsities, so the price is searched for, on a seed that no comparison uses.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from runners.places import config_error, derived
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.registry import PRICES

UNMATCHED = "sparsity.unmatched"
"""Id of the error that no price was found."""

_LARGEST_STEP = 3.0
"""A price moves at most by this factor in one trial while the target is not yet bracketed."""


@dataclass(frozen=True)
class Trial:
    """One training at one price."""

    price: float
    l0: float


@dataclass(frozen=True)
class MatchedPlan:
    """An architecture at the wanted L0."""

    plan: ArchitecturePlan
    trials: tuple[Trial, ...]
    """In order; empty where the architecture fixes its L0 by k."""


def match_l0(
    plan: ArchitecturePlan, target: float, tolerance: float, trials: int, measured: Callable[[ArchitecturePlan], float]
) -> MatchedPlan:
    """Return the plan with the price at which its L0 lies within `tolerance` of `target`, as a fraction.

    The logarithm of L0 falls as that of the price rises, nearly along a line. Once two trials enclose the target, the
    next price is where the line through them meets it; before that, L0 is taken to be inversely proportional to the
    price.

    Args:
        plan: with a first price.
        target: wanted L0.
        tolerance: largest |L0 / target - 1|.
        trials: trainings at most.
        measured: trains at a plan and returns its L0.

    Raises:
        GatekitError: `sparsity.unmatched`: no trial came near enough; each is named.
    """
    field = PRICES.get(plan.architecture)
    # An architecture with k has its L0 by construction; there is nothing to search for.
    if field is None:
        return MatchedPlan(plan, ())
    price = getattr(plan, field)
    if not price:
        message = f"architecture '{plan.architecture}' has no first price '{field}'"
        raise config_error(plan, field, message, error_id=UNMATCHED)
    done: list[Trial] = []
    for _ in range(trials):
        tried = derived(plan, **{field: price})
        done.append(Trial(price, measured(tried)))
        if abs(done[-1].l0 / target - 1) <= tolerance:
            return MatchedPlan(tried, tuple(done))
        price = _next_price(done, target)
    said = ", ".join(f"{trial.l0:.3g} at {trial.price:.3g}" for trial in done)
    message = f"no {field} gave '{plan.architecture}' an L0 within {tolerance:.0%} of {target:g}: {said}"
    raise config_error(plan, field, message, "give another first price or more trials", error_id=UNMATCHED)


def _next_price(done: list[Trial], target: float) -> float:
    # L0 falls as the price rises, so these two trials enclose the target most closely.
    denser = max((trial for trial in done if trial.l0 > target), key=lambda trial: trial.price, default=None)
    sparser = min((trial for trial in done if trial.l0 <= target), key=lambda trial: trial.price, default=None)
    if denser is None or sparser is None:
        only = denser or sparser
        assert only is not None
        # Without a bracket: as if L0 were inversely proportional to the price, but never far at once.
        factor = min(_LARGEST_STEP, max(1 / _LARGEST_STEP, max(only.l0, 1e-3) / target))
        return only.price * factor
    # An L0 of 0 has no logarithm; a thousandth of a latent stands for it.
    span = math.log(denser.l0) - math.log(max(sparser.l0, 1e-3))
    part = (math.log(denser.l0) - math.log(target)) / span
    # Kept off the ends, where a price would be tried again.
    part = min(0.9, max(0.1, part))
    return math.exp(math.log(denser.price) + part * (math.log(sparser.price) - math.log(denser.price)))
