"""The Registration: what will be measured, on which seeds and at which looks, said before it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gatekit.errors import Location

Spending = Literal["obrien_fleming", "equal"]
DEFAULT_SPENDING: Spending = "obrien_fleming"
"""Keeps nearly all of the error for the last look: at an effect of one standard deviation looks at 5, 10 and 15 seeds
pass with probability 0.97, against 0.98 for one look at 15 and 0.94 where each look pays alike."""

FOLDER = "registrations"


@dataclass(frozen=True)
class RegisteredMeasurement:
    """One kind of evidence that is announced: by a runner's configuration, or another tool's protocol."""

    kind: str
    config: str | None
    """`config_without_seeds_sha256` of the configuration; None where `protocol` says what is measured."""
    protocol: str | None
    """Name of the protocol."""
    candidate: str | None
    """Which of the registration's candidates it measures; None where there is only one."""
    location: Location

    @property
    def words(self) -> str:
        """What it measures, in one phrase."""
        said = f"configuration {self.config[:12]}" if self.config is not None else f"protocol {self.protocol}"
        return f"{self.kind} by {said}"


@dataclass(frozen=True)
class Registration:
    """One `registrations/NAME.yaml`."""

    path: str
    sha256: str
    """sha256 of the file's bytes."""
    id: str
    claim: str
    """Id of the claim that the evidence is for."""
    measurements: tuple[RegisteredMeasurement, ...]
    seeds: tuple[int, ...]
    """In the order in which they are measured."""
    looks: tuple[int, ...]
    """Increasing numbers of seeds at which the evidence may be judged; the last one is all of them."""
    spending: Spending
    """How the looks share the error."""
    candidates: tuple[str, ...]
    """All that are compared; a bound pays for every one of them, also where its evidence is not kept."""
    location: Location
    """Of the id."""

    @property
    def meaning(self) -> tuple[object, ...]:
        """All that two versions of the file may not differ in; where it stands and its comments are none of it."""
        measured = sorted((m.kind, m.config or "", m.protocol or "", m.candidate or "") for m in self.measurements)
        settings = (self.id, self.claim, self.seeds, self.looks, self.spending)
        return (*settings, tuple(sorted(self.candidates)), tuple(measured))

    def seeds_of_look(self, look: int) -> tuple[int, ...]:
        """Return the seeds of the look with this number, from 1."""
        return self.seeds[: self.looks[look - 1]]

    @property
    def choices(self) -> int:
        """Of how many the measured one is the best, at most."""
        return max(1, len(self.candidates))
