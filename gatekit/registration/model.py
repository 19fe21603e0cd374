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
PLANS = "cycles"
"""Folder of cycles: a plan that names a claim is a registration (`gatekit.registration.plans`)."""


@dataclass(frozen=True)
class RegisteredMeasurement:
    """One kind of evidence that is announced: by a runner's configuration, or another tool's protocol."""

    kind: str
    config: str | None
    """`config_without_seeds_sha256` of the configuration, or `config_without_saes_sha256` where there is `saes_of`;
    None where `protocol` says what is measured."""
    protocol: str | None
    """Name of the protocol."""
    candidate: str | None
    """Which of the registration's candidates it measures; None where there is only one."""
    location: Location
    saes_of: str | None = None
    """Of SAEs that another measurement of the same registration leaves: that one's `config`."""

    @property
    def evidence(self) -> tuple[str, str | None, str | None, str | None]:
        """What tells the evidence that it announces from all other."""
        return self.kind, self.config, self.protocol, self.saes_of

    @property
    def words(self) -> str:
        """What it measures, in one phrase."""
        if self.saes_of is not None and self.config is not None:
            source = f"the SAEs of configuration {self.saes_of[:12]}"
            return f"{self.kind} of {source} by configuration {self.config[:12]}"
        said = f"configuration {self.config[:12]}" if self.config is not None else f"protocol {self.protocol}"
        return f"{self.kind} by {said}"


@dataclass(frozen=True)
class Registration:
    """One `registrations/NAME.yaml`, or what one `cycles/NAME.yaml` announces."""

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
    plan: str | None = None
    """sha256 of all else that a cycle fixes, its stop rules and its end among it; None of a file of registrations/."""

    @property
    def meaning(self) -> tuple[object, ...]:
        """All that two versions of the file may not differ in; where it stands and its comments are none of it."""
        measured = sorted(tuple(part or "" for part in (*m.evidence, m.candidate)) for m in self.measurements)
        settings = (self.id, self.claim, self.seeds, self.looks, self.spending, self.plan)
        return (*settings, tuple(sorted(self.candidates)), tuple(measured))

    def seeds_of_look(self, look: int) -> tuple[int, ...]:
        """Return the seeds of the look with this number, from 1."""
        return self.seeds[: self.looks[look - 1]]

    @property
    def choices(self) -> int:
        """Of how many the measured one is the best, at most."""
        return max(1, len(self.candidates))
