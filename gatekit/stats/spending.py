"""What each look at growing evidence may spend of the error that a gate allows.

The shares sum to the whole, so P(any look passes | the threshold is not met) <= alpha by the union bound, whatever the
design of the observations and however the looks depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, assert_never

from gatekit.errors import GatekitError
from gatekit.stats.columns import checked_confidence

Rule = Literal["obrien_fleming", "equal"]


def obrien_fleming_spent(alpha: float, fraction: float) -> float:
    """Return how much of alpha is spent once a fraction of the seeds is in: 2 - 2 Phi(Phi^-1(1 - alpha/2) / sqrt(t)).

    The spending function of Lan and DeMets (1983, Biometrika 70:659) that follows O'Brien and Fleming's (1979)
    boundary: next to nothing early, all of it at fraction 1.
    """
    # Read only where there are looks: `gatekit check` without any starts without it.
    from statistics import NormalDist

    if fraction >= 1.0:
        return alpha
    boundary = -NormalDist().inv_cdf(alpha / 2.0)
    # 2 - 2 Phi(x) in the form that keeps its precision in the tail.
    return math.erfc(boundary / math.sqrt(2.0 * fraction))


def look_alphas(confidence: float, looks: Sequence[int], rule: Rule = "obrien_fleming") -> tuple[float, ...]:
    """Return what each look may spend; the sum is 1 - confidence.

    Args:
        confidence: one-sided, of the gate as a whole.
        looks: increasing numbers of seeds; the last one is all of them.
        rule: `obrien_fleming`, by the fraction of seeds, or `equal` shares.

    Raises:
        GatekitError: there are no looks, or they do not increase.
    """
    alpha = 1.0 - checked_confidence(confidence)
    if not looks or looks[0] < 1 or any(after <= before for before, after in pairwise(looks)):
        raise GatekitError("stats.looks", f"looks must be increasing numbers of seeds, not {list(looks)}")
    match rule:
        case "obrien_fleming":
            spent = [obrien_fleming_spent(alpha, n / looks[-1]) for n in looks]
        case "equal":
            spent = [alpha * number / len(looks) for number in range(1, len(looks) + 1)]
        case _:
            assert_never(rule)
    return tuple(after - before for before, after in pairwise((0.0, *spent)))


def extension_alpha(confidence: float, before: int, after: int, left_out: int = 0, step: int = 1) -> float:
    """Return what evidence of `after` seeds may spend where `before` of them were looked at without a registration.

    Whoever measures seeds until a gate passes may have looked after each: so many looks share the error equally.
    Whoever extends step by step pays at each: the j-th step, which adds j seeds or more to those of the first look, has
    1 / (j (j + 1)) of the error at most, and all steps together no more than the whole.
    Whoever leaves seeds out may have chosen the others: all sets of `after` seeds share it again.

    Args:
        confidence: one-sided.
        before: the fewest seeds that were looked at.
        after: how many are shown.
        left_out: how many more were measured, and are not shown.
        step: which extension it is of the evidence that was looked at first, from 1.

    Raises:
        GatekitError: the numbers are not 1 <= before <= after, or the step is none.
    """
    if not 1 <= before <= after:
        raise GatekitError("stats.looks", f"an extension goes from fewer seeds to more, not from {before} to {after}")
    if step < 1:
        raise GatekitError("stats.looks", f"the first extension is step 1, and none is step {step}")
    measured = after + left_out
    tries = step * (measured - before + 1) * math.comb(measured, after)
    return (1.0 - checked_confidence(confidence)) / tries
