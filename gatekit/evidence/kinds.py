"""What each kind of summary can measure, read from its schema: the one place where that is written down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from gatekit.evidence.schemas import KINDS, schema

Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Measure:
    """The contract of one named measurement of one kind."""

    kind: str
    name: str
    description: str
    unit: str
    direction: Direction
    low: float
    """Smallest value that a candidate or baseline observation may take."""
    high: float
    design: str
    """The design of real observations; `reported` is accepted beside it."""
    compares: bool
    """True where the effect is candidate minus baseline."""

    @property
    def effect_range(self) -> tuple[float, float]:
        """Smallest and largest effect: what a threshold must lie between."""
        return (self.low - self.high, self.high - self.low) if self.compares else (self.low, self.high)


@cache
def measures(kind: str) -> dict[str, Measure]:
    """Return the measures of one kind by name; an unknown kind has none."""
    if kind not in KINDS:
        return {}
    entries: dict[str, Any] = schema(kind)["properties"]["measurements"]["properties"]
    found: dict[str, Measure] = {}
    for name, entry in entries.items():
        fixed = entry["properties"]
        low, high = fixed["range"]["const"]
        found[name] = Measure(
            kind=kind,
            name=name,
            description=entry["description"],
            unit=fixed["unit"]["const"],
            direction=fixed["direction"]["const"],
            low=float(low),
            high=float(high),
            design=fixed["design"]["enum"][0],
            compares=entry["$ref"].endswith("/with_baseline"),
        )
    return found
