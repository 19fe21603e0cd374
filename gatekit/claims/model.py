"""The claims registry: every sentence that the documents may publish, as typed data with positions in claims.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gatekit.errors import Location

Status = Literal["supported", "not_supported", "pending"]
Level = Literal["off", "warn", "error"]

STRENGTH: dict[Status, int] = {"not_supported": 0, "pending": 1, "supported": 2}
"""How much a status asserts: a change to a larger number strengthens the claim."""


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
class RegistryRules:
    """Which documents are held to the registry, and how strictly; part of what judges a pull request."""

    documents: tuple[str, ...]
    """Patterns relative to the registry's folder."""
    unregistered_numbers: Level
    claim_language: Level


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

    def claim(self, name: str) -> Claim | None:
        """Return the claim of an id, None where there is none."""
        return next((claim for claim in self.claims if claim.id == name), None)
