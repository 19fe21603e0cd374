"""The range of a slider: wide enough for every bound, in steps that people would write, with the threshold on one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

STEPS = 200
"""At least so many, and fewer than ten times as many."""
BEYOND = 0.25
"""Of the width, on each side of the outermost value."""


@dataclass(frozen=True)
class Slider:
    """Attributes of an `<input type="range">`; decimal numbers as text, so that no step ends in 0000004."""

    low: str
    high: str
    step: str


def slider(limit: str, values: Sequence[float], low: float, high: float) -> Slider | None:
    """Return the range for a threshold; None where there is none to choose from.

    Args:
        limit: the number as the policy has it.
        values: what a threshold may be moved to cross.
        low: the smallest threshold that makes sense.
        high: the largest.
    """
    shown = [float(limit), *values]
    width = max(shown) - min(shown) or abs(shown[0]) or 1.0
    start = max(low, min(shown) - BEYOND * width)
    end = min(high, max(shown) + BEYOND * width)
    if not (math.isfinite(width) and start < end):
        return None
    step = Decimal(1).scaleb(math.floor(math.log10((end - start) / STEPS)))
    exact = Decimal(limit)
    below = int((exact - Decimal(start)) / step)
    above = int((Decimal(end) - exact) / step)
    if below < 0 or above < 0:
        return None
    return Slider(str(exact - below * step), str(exact + above * step), str(step))
