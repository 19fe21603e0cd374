"""What a policy holds of a selection by another system's method."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModeSelection:
    """A `selection` by another system's method."""

    method: str
    """The name under which a package registers the mode."""
    settings: object
    """The mode's own frozen dataclass; policies with equal settings choose alike."""
