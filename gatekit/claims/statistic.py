"""Which number of a measurement a document shows, and how it is printed: the two small languages of a value binding.

A statistic is one of

    estimate, candidate, baseline, n            mean effect, mean of either column, number of seeds
    lower, upper, lower@0.99                    one-sided bound, at 0.95 unless a confidence is given
    obs[seed=0,dataset=imdb]                    one observation of the candidate
    baseline[seed_a=0,seed_b=1]                 the same of its baseline

A format is printf's without a width: +.4f  .3f  .1%  ,.0f  .2e  d
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from gatekit.errors import did_you_mean

Column = Literal["obs", "baseline"]
Aggregate = Literal["estimate", "candidate", "baseline", "n"]
Side = Literal["lower", "upper"]

DEFAULT_CONFIDENCE = 0.95
"""One-sided; what a policy's gates use by default."""
AGGREGATES: tuple[Aggregate, ...] = ("estimate", "candidate", "baseline", "n")
SIDES: tuple[Side, ...] = ("lower", "upper")
COLUMNS: tuple[Column, ...] = ("obs", "baseline")
KEYS = ("seed", "seed_a", "seed_b", "dataset", "row")

_CONFIDENCE = re.compile(r"0\.[0-9]{1,9}", re.ASCII)
_OBSERVATION = re.compile(r"(\w+)\[(.*)\]", re.ASCII | re.DOTALL)
_INTEGER = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_FORMAT = re.compile(r"(?P<sign>\+?)(?P<group>,?)(?:\.(?P<digits>[0-9]|1[0-9])(?P<kind>[fe%])|(?P<whole>d))", re.ASCII)


@dataclass(frozen=True)
class Bound:
    """A one-sided confidence bound of the effect."""

    side: Side
    confidence: float


@dataclass(frozen=True)
class Observation:
    """One raw number."""

    column: Column
    key: tuple[tuple[str, int | str], ...]
    """Name and value of each key column, such as (("seed", 0), ("dataset", "imdb")), in the order of the text."""


Statistic = Aggregate | Bound | Observation


@dataclass(frozen=True)
class Format:
    """How a number is printed."""

    text: str
    """As the document writes it."""
    kind: Literal["f", "e", "%", "d"]


class StatisticError(ValueError):
    """A statistic or a format that cannot be read; the message says why, `remedy` what to write instead."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


def parse_statistic(text: str) -> Statistic:
    """Read a statistic.

    Raises:
        StatisticError: it is none.
    """
    for aggregate in AGGREGATES:
        if text == aggregate:
            return aggregate
    name, at, confidence = text.partition("@")
    for side in SIDES:
        if name == side:
            return Bound(side, _confidence(confidence) if at else DEFAULT_CONFIDENCE)
    found = _OBSERVATION.fullmatch(text)
    if found is not None:
        for column in COLUMNS:
            if found[1] == column:
                return Observation(column, _key(found[2]))
    known = [*AGGREGATES, *SIDES, "obs[seed=0]", "baseline[seed=0]"]
    shown = name if found is None else f"{found[1]}[seed=0]"
    raise StatisticError(f"unknown statistic '{text}'", did_you_mean(shown, known) or f"known: {', '.join(known)}")


def parse_format(text: str) -> Format:
    """Read a format.

    Raises:
        StatisticError: it is none.
    """
    found = _FORMAT.fullmatch(text)
    if found is None:
        raise StatisticError(
            f"unknown format '{text}'", "write for instance .3f, +.4f, .1%, .2e or d; , groups thousands as in ,.0f"
        )
    kinds: tuple[Literal["f", "e", "%", "d"], ...] = ("f", "e", "%", "d")
    return Format(text, next(kind for kind in kinds if kind == (found["kind"] or found["whole"])))


def render(value: float, how: Format) -> str:
    """Return the number as text: the exact double, correctly rounded, ties to even; minus zero is printed as zero.

    A negative number that rounds to zero keeps its sign: -0.00001 is `-0.0000`, because `+0.0000` would be wrong.

    Raises:
        StatisticError: `d`, and the number is not whole.
    """
    value = value + 0.0  # turns -0.0 into 0.0
    if how.kind == "d":
        if value != int(value):
            raise StatisticError(
                f"{value!r} is not a whole number, so '{how.text}' cannot print it", "use .0f to round it"
            )
        return format(int(value), how.text)
    if how.kind == "%":
        # A float would be multiplied by 100 first, which rounds once more: 1.115 would become 112% at .0%.
        return format(Decimal(value), how.text)
    return format(value, how.text)


def _confidence(text: str) -> float:
    value = float(text) if _CONFIDENCE.fullmatch(text) else 0.0
    if not 0.5 < value < 1.0:
        raise StatisticError(f"'{text}' is not a confidence above 0.5 and below 1", "for 95 % write @0.95")
    return value


def _key(text: str) -> tuple[tuple[str, int | str], ...]:
    key: list[tuple[str, int | str]] = []
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise StatisticError(
                f"'{part}' does not name an observation", "write for instance obs[seed=0,dataset=imdb]"
            )
        if name not in KEYS:
            raise StatisticError(f"no column '{name}'", did_you_mean(name, KEYS) or f"known: {', '.join(KEYS)}")
        if name in (other for other, _ in key):
            raise StatisticError(f"column '{name}' is given twice")
        if name != "dataset" and not _INTEGER.fullmatch(value):
            raise StatisticError(f"{name} '{value}' is not a whole number")
        key.append((name, value if name == "dataset" else int(value)))
    return tuple(key)
