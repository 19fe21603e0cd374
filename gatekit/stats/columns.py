"""Columns of observations: what is accepted as one, and sums over it that no reordering changes.

Every sum is `math.fsum`, which rounds once at the end. The order of rows in a file is therefore no hidden input of a
verdict: a permutation of the observations gives the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from gatekit.errors import GatekitError

Key = str | int
"""What names a seed, a dataset or a row."""

_SMALLEST_SQUARE = 1e-280
_KEYS = frozenset({int, str})


def checked_values(name: str, values: Sequence[float]) -> tuple[float, ...]:
    """Return the values as floats.

    Raises:
        GatekitError: the column is empty, or holds a boolean, something that is not a number, or NaN or infinity.
    """
    if not values:
        raise GatekitError("stats.empty", f"column '{name}' holds no observation", remedy="measure at least one seed")
    # Nearly every column is of finite floats, which is seen at once; the loop finds what is wrong with another.
    if set(map(type, values)) == {float} and all(map(math.isfinite, values)):
        return tuple(values)
    column = []
    for index, value in enumerate(values):
        # A boolean is an integer to Python, and no measurement.
        if isinstance(value, bool) or not isinstance(value, int | float):
            kind = type(value).__name__
            raise GatekitError("stats.not_a_number", f"'{name}'[{index}] is a {kind}, not a number")
        try:
            number = float(value)
        except OverflowError:
            # An integer too large for a double: refused below, as infinity is.
            number = math.inf
        if not math.isfinite(number):
            raise GatekitError("stats.non_finite", f"'{name}'[{index}] is {value}, not a finite number")
        column.append(number)
    return tuple(column)


def checked_keys(name: str, keys: Sequence[Key], length: int) -> tuple[Key, ...]:
    """Return the keys of a column of `length` observations.

    Raises:
        GatekitError: the number of keys differs from `length`, or a key is neither an integer nor a string.
    """
    if len(keys) != length:
        raise GatekitError("stats.length", f"'{name}' has {len(keys)} entries for {length} observations")
    for index, key in enumerate(() if _KEYS.issuperset(map(type, keys)) else keys):
        if isinstance(key, bool) or not isinstance(key, int | str):
            kind = type(key).__name__
            raise GatekitError("stats.key", f"'{name}'[{index}] is a {kind}; a key is an integer or a string")
    return tuple(keys)


def refuse_duplicates(name: str, keys: Sequence[Hashable]) -> None:
    """Raise GatekitError when a key occurs twice: a repeated observation would count as new evidence."""
    if len(set(keys)) == len(keys):
        return
    seen: set[Hashable] = set()
    for key in keys:
        if key in seen:
            raise GatekitError("stats.duplicate", f"'{name}' holds {key!r} twice", remedy="give each observation once")
        seen.add(key)


def checked_confidence(confidence: float) -> float:
    """Return the one-sided confidence, which must be at least 0.5 (below, a "lower" bound would exceed the estimate).

    Raises:
        GatekitError: confidence is not a number in [0.5, 1).
    """
    number = isinstance(confidence, int | float) and not isinstance(confidence, bool)
    if not number or not 0.5 <= confidence < 1.0:
        raise GatekitError(
            "stats.confidence", f"confidence must be at least 0.5 and below 1, not {confidence!r}", remedy="use 0.95"
        )
    return float(confidence)


def mean(values: Sequence[float]) -> float:
    """Return the mean, rounded once.

    The second sum takes back the rounding of the first quotient, so that equal values have exactly that value as
    their mean (three times 0.1 would not) and worsening one value never raises it.
    """
    count = len(values)
    first = total(values) / count
    # The residuals are summed exactly, so adding their mean corrects the quotient by what its rounding lost.
    return first + total([*values, *[-first] * count]) / count


def sum_of_squares(values: Sequence[float], centre: float) -> float:
    """Return the sum of squared deviations from `centre`.

    Raises:
        GatekitError: the deviations are too large to be squared, or so small that their squares vanish, which would
            make a bound of zero width out of observations that differ.
    """
    deviations = [value - centre for value in values]
    # A product overflows to infinity, which total reports; a power would raise OverflowError.
    squares = total([deviation * deviation for deviation in deviations])
    if squares < _SMALLEST_SQUARE and any(deviations):
        raise GatekitError("stats.underflow", "the observations differ by too little", remedy="check their unit")
    return squares


def total(values: Sequence[float]) -> float:
    """Return the sum, rounded once.

    Raises:
        GatekitError: it is too large for a double.
    """
    try:
        summed = math.fsum(values)
    except OverflowError:
        summed = math.inf
    if not math.isfinite(summed):
        raise GatekitError("stats.overflow", "the observations are too large to be summed", remedy="check their unit")
    return summed
