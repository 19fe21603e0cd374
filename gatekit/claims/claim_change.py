"""One change of a claim, of a number that a document prints, or of the registry's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gatekit.errors import Location

ClaimChangeKind = Literal[
    "added",
    "strengthened",
    "weakened",
    "tightened",
    "removed",
    "sentence_changed",
    "number_changed",
    "rules_changed",
    "document_removed",
]


@dataclass(frozen=True)
class SideBySide:
    """One part of a claim as it was and as it is."""

    what: str
    """`sentence`, `policy`, `gates`, `evidence`, `slots`, `number` or `numbers`."""
    base: str
    head: str


@dataclass(frozen=True)
class ClaimChange:
    """One change, as seen from the head."""

    kind: ClaimChangeKind
    claim: str | None
    """Id; None for a number outside every claim, and for the rules."""
    message: str
    location: Location | None
    """In the head, or in the base where the head has nothing left."""
    makes_blocking: tuple[str, ...]
    """Ids of the head's supported claims whose gates this change makes blocking."""
    sides: SideBySide | None = None
    """Where the claim says or stands on something else: both, for reports."""

    @property
    def blocking(self) -> bool:
        """Whether any gate must pass because of this change."""
        return bool(self.makes_blocking)
