"""The files that attestations may be about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SignedFile:
    """A file that attestations may be about."""

    path: str
    sha256: str
    kind: Literal["evidence", "verdict"] = "evidence"
    subject: str | None = None
    """Digest of the measured subject, in a summary that could be read."""
