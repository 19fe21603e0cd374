"""Roots of monotone functions inside a bracket."""

from __future__ import annotations

from collections.abc import Callable


def root_of_decreasing(function: Callable[[float], float], low: float, high: float, tolerance: float = 4e-16) -> float:
    """Return the root in [low, high] of a decreasing function: false position (Illinois), bisection every fourth step.

    Args:
        function: decreasing and continuous.
        low: where it is positive; returned when it is not.
        high: where it is negative; returned when it is not.
        tolerance: stop when the bracket is this small relative to its ends.
    """
    # Invariant: the function is positive at `low` and negative at `high`, so the root lies between them. at_low and
    # at_high are its values there, or smaller ones on purpose: see below.
    at_low, at_high = function(low), function(high)
    if at_low <= 0.0:
        return low
    if at_high >= 0.0:
        return high
    side = 0  # which end moved in the step before: 1 the lower, -1 the upper
    for step in range(200):
        width = high - low
        # Where the straight line between both ends crosses zero. Every fourth step takes the middle instead, so that
        # the bracket shrinks at least by half in four steps, however curved the function is.
        middle = 0.5 * (low + high) if step % 4 == 3 else low + width * at_low / (at_low - at_high)
        # The bracket is as small as asked for, or so small that no other double fits into it.
        if width <= tolerance * max(abs(low), abs(high)) or not low < middle < high:
            return middle
        value = function(middle)
        if value == 0.0:
            return middle
        if value > 0.0:
            low, at_low = middle, value
            # Halving the other end's value is what keeps false position from creeping up on one side.
            at_high = 0.5 * at_high if side > 0 else at_high
            side = 1
        else:
            high, at_high = middle, value
            at_low = 0.5 * at_low if side < 0 else at_low
            side = -1
    return 0.5 * (low + high)
