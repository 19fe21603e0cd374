"""The claims registry: every sentence that the documents may publish, as typed data with positions in claims.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gatekit.errors import Location

Status = Literal["supported", "not_supported", "pending"]
Level = Literal["off", "warn", "error"]

STRENGTH: dict[Status, int] = {"not_supported": 0, "pending": 1, "supported": 2}
"""How much a status asserts: a change to a larger number strengthens the claim."""


BADGE: dict[Status, str] = {
    "not_supported": "Not supported by the evidence:",
    "pending": "Not yet supported by evidence:",
    "supported": "Supported by the evidence:",
}
"""What a claim's block says of its status, before the sentence."""


@dataclass(frozen=True)
class Slot:
    """What one `{}` of a sentence shows, as the registry fixes it."""

    file: str
    """Path of the summary, relative to the registry."""
    measure: str
    statistic: str
    """As documents write it: `estimate`, `lower@0.99`, `obs[seed=0]`."""
    format: str | None
    """As documents write it; None where each document chooses its own."""
    context: bool
    """Whether it is shown beside the claim and judged by none of its gates."""
    location: Location

    @property
    def words(self) -> str:
        """FILE MEASURE STATISTIC, and FORMAT where it is fixed, as a binding has them."""
        parts = [self.file, self.measure, self.statistic, *([self.format] if self.format else [])]
        return " ".join(parts)


@dataclass(frozen=True)
class Claim:
    """One registered sentence and what must hold before it may be called supported."""

    id: str
    sentence: str
    """Without line ends; `{}` stands for each number that a document binds inside the sentence."""
    status: Status
    policy: str
    """Id of the policy."""
    gates: tuple[str, ...]
    """Names of the gates that it needs, all of them."""
    evidence: tuple[str, ...]
    """Files or folders that it stands on, relative to the registry; none: all evidence of the policy's subject."""
    slots: tuple[Slot, ...] | None
    """Per `{}` of the sentence, in its order; None where the registry does not fix them."""
    location: Location
    """Of the id."""
    status_location: Location
    policy_location: Location
    gate_locations: tuple[Location, ...]
    evidence_locations: tuple[Location, ...]

    def stands_on(self, path: str) -> bool:
        """Whether a summary at this path, relative to the registry, is among what the claim stands on."""
        return not self.evidence or any(path == place or path.startswith(f"{place}/") for place in self.evidence)


@dataclass(frozen=True)
class NamedValue:
    """A number outside every claim that documents show by name, where they cannot bind it themselves."""

    name: str
    shows: Slot
    """With a format."""


@dataclass(frozen=True)
class RegistryRules:
    """Which documents are held to the registry, and how strictly; part of what judges a pull request."""

    documents: tuple[str, ...]
    """Patterns relative to the registry's folder."""
    unregistered_numbers: Level
    claim_language: Level
    at_least: str | None = None
    """Id of the policy whose gates say the least that a supported claim needs, of each measure that its own judge."""


@dataclass(frozen=True)
class Registry:
    """One claims.yaml."""

    path: str
    sha256: str
    """sha256 of the file's bytes."""
    rules: RegistryRules
    rules_location: Location
    document_locations: tuple[Location, ...]
    """Of each pattern of the rules."""
    claims: tuple[Claim, ...]
    values: tuple[NamedValue, ...] = ()
    at_least_location: Location | None = None
    """Of the rules' `at_least`."""

    def claim(self, name: str) -> Claim | None:
        """Return the claim of an id, None where there is none."""
        return next((claim for claim in self.claims if claim.id == name), None)
