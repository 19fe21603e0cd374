"""Which values pass: the closed set of forms that a threshold can have, and all that follows from a form.

An operator of the policy language (`gatekit.policy.operators`) reads its YAML into one of these forms. Everything after
that (judging, margin, power, lint, diff, words) asks the form and never the operator, so an operator that is read into
a known form is one entry of one table. A new form is a class in `Limits`: every `match` here, and every one elsewhere
that ends in `assert_never`, then fails the type check until it says what the new form means.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, assert_never

Form = Literal["at_least", "at_most", "between"]
"""How reports for machines name a form; a published word."""


@dataclass(frozen=True)
class AtLeast:
    """A value passes from `low` on."""

    low: float


@dataclass(frozen=True)
class AtMost:
    """A value passes up to `high`."""

    high: float


@dataclass(frozen=True)
class Between:
    """A value passes from `low` to `high`, both included."""

    low: float
    high: float


Limits = AtLeast | AtMost | Between

Bound = Literal["confidence", "point", "optimistic"]
"""What is compared with the limits: the bound on the side of each end, the estimate itself (weaker), or the bound on
the other side (weaker still: it misses an end only where the evidence shows that the truth does)."""


def compared(
    bound: Bound, lower: float | None, estimate: float, upper: float | None
) -> tuple[float | None, float | None]:
    """Return what the lower and the upper end of limits are compared with: of an optimistic bound the other side's."""
    match bound:
        case "confidence":
            return lower, upper
        case "point":
            return estimate, estimate
        case "optimistic":
            return upper, lower
    assert_never(bound)


Against = Literal["nothing", "base"]
"""What a measurement's effect is compared with before its limits are asked: nothing, or the base branch's evidence."""


def effect_name(kind: str, measure: str, against: Against, gate: str | None = None) -> str:
    """Return what is compared with limits, in words: `saebench.auc_delta`, `saebench.auc - base`.

    A measure whose values are differences to a baseline says so in its own name: auc_delta, sae_minus_transcoder.

    Args:
        kind: of the summary that is read.
        measure: its measure.
        against: what is subtracted.
        gate: leave the kind out where the gate is called like it.
    """
    name = measure if kind == gate else f"{kind}.{measure}"
    match against:
        case "nothing":
            return name
        case "base":
            return f"{name} - base"
    assert_never(against)


@dataclass(frozen=True)
class LimitEnd:
    """One end of what passes, and the bound that is compared with it."""

    limit: float
    upper: bool
    """Whether values pass below the limit, so that the upper bound is compared; else the lower bound above it."""

    @property
    def words(self) -> str:
        """`at least` or `at most`."""
        return "at most" if self.upper else "at least"

    def bound(self, lower: float | None, upper: float | None) -> float | None:
        """Return the one of two bounds that this side is compared with."""
        return upper if self.upper else lower

    def inside(self, value: float) -> float:
        """Return how far a value is on the passing side of the limit; negative when it is beyond it."""
        return self.limit - value if self.upper else value - self.limit


@lru_cache(maxsize=4096)
def sides(limits: Limits) -> tuple[LimitEnd, ...]:
    """Return the ends of what passes; each must be met."""
    match limits:
        case AtLeast(low):
            return (LimitEnd(low, upper=False),)
        case AtMost(high):
            return (LimitEnd(high, upper=True),)
        case Between(low, high):
            return (LimitEnd(low, upper=False), LimitEnd(high, upper=True))
    assert_never(limits)


def ends(limits: Limits) -> tuple[float | None, float | None]:
    """Return the smallest and the largest value that pass; None where there is no such end."""
    match limits:
        case AtLeast(low):
            return low, None
        case AtMost(high):
            return None, high
        case Between(low, high):
            return low, high
    assert_never(limits)


def form(limits: Limits) -> Form:
    """Return the word that reports for machines have for a form."""
    match limits:
        case AtLeast():
            return "at_least"
        case AtMost():
            return "at_most"
        case Between():
            return "between"
    assert_never(limits)


def margin(limits: Limits, lower: float | None, upper: float | None) -> float:
    """Return how far bounds are on the passing side; negative when they are not, -inf where a bound is missing."""
    distances = []
    for side in sides(limits):
        bound = side.bound(lower, upper)
        distances.append(-math.inf if bound is None else side.inside(bound))
    return min(distances)


def holds(limits: Limits, value: float) -> bool:
    """Whether a value is one that passes."""
    return all(side.inside(value) >= 0.0 for side in sides(limits))


def narrowed(limits: Limits, distance: float) -> Limits | None:
    """Return the values that are at least so far inside; None where no value is."""
    match limits:
        case AtLeast(low):
            return AtLeast(low + distance)
        case AtMost(high):
            return AtMost(high - distance)
        case Between(low, high):
            return Between(low + distance, high - distance) if 2 * distance <= high - low else None
    assert_never(limits)


def with_side(limits: Limits, upper: bool, limit: float) -> Limits:
    """Return the limits with one of their ends moved; nothing passes where the ends then cross."""
    match limits:
        case AtLeast(low):
            return AtLeast(low if upper else limit)
        case AtMost(high):
            return AtMost(limit if upper else high)
        case Between(low, high):
            return Between(low, limit) if upper else Between(limit, high)
    assert_never(limits)


def meets_range(limits: Limits, low: float, high: float) -> bool:
    """Whether any value of the range [low, high] passes."""
    match limits:
        case AtLeast(least):
            return least <= high
        case AtMost(most):
            return most >= low
        case Between(least, most):
            return least <= high and most >= low
    assert_never(limits)


def holds_for_all(limits: Limits, low: float, high: float) -> bool:
    """Whether every value of the range [low, high] passes, so that the threshold cannot fail."""
    match limits:
        case AtLeast(least):
            return least <= low
        case AtMost(most):
            return most >= high
        case Between(least, most):
            return least <= low and most >= high
    assert_never(limits)


def better_operator(limits: Limits, direction: Literal["higher", "lower"]) -> str | None:
    """Return the operator that asks for the better side, where these limits ask for the worse; else None."""
    match limits:
        case AtLeast():
            return "at_most" if direction == "lower" else None
        case AtMost():
            return "at_least" if direction == "higher" else None
        case Between():
            return None
    assert_never(limits)


def natural_bound(limits: Limits) -> Literal["lower", "upper"] | None:
    """Return the one bound that is compared, as `bound:` of a rule names it; None where both are."""
    match limits:
        case AtLeast():
            return "lower"
        case AtMost():
            return "upper"
        case Between():
            return None
    assert_never(limits)


def exact(value: float) -> str:
    """Return a threshold as the policy wrote it: 0.1, not 0.1000."""
    return "0" if value == 0.0 else f"{value:.12g}"


def symbols(limits: Limits) -> str:
    """Return a threshold as a table has it: `>= 0`, `<= 0.1`, `16 to 64`."""
    match limits:
        case AtLeast(low):
            return f">= {exact(low)}"
        case AtMost(high):
            return f"<= {exact(high)}"
        case Between(low, high):
            return f"{exact(low)} to {exact(high)}"
    assert_never(limits)


def clause(limits: Limits, written: Callable[[float], str] = exact) -> str:
    """Return what a sentence says that a value is: `at least 0`, `at most 0.1`, `between 16 and 64`."""
    match limits:
        case AtLeast(low):
            return f"at least {written(low)}"
        case AtMost(high):
            return f"at most {written(high)}"
        case Between(low, high):
            return f"between {written(low)} and {written(high)}"
    assert_never(limits)
