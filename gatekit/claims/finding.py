"""One thing that is not as it must be, in the documents, the registry or the evidence behind them."""

from __future__ import annotations

from dataclasses import dataclass

from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be."""

    error_id: str
    message: str
    location: Location | None
    remedy: str | None
    code: ExitCode
    """What it makes of the whole check; PASS is a warning."""
    claim: str | None = None
    """The claim that it is about, where it is about one."""
    gate: str | None = None
    """Name of the gate that the claim needs and that does not pass."""

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{place}{self.message}{remedy} [{self.error_id}]"


def from_error(error: GatekitError, claim: str | None = None) -> Finding:
    """Return an error as a finding of the same weight."""
    return Finding(error.error_id, error.message, error.location, error.remedy, error.exit_code, claim)
