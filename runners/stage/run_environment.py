"""Where a stage runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.tracking import Tracker


@dataclass(frozen=True)
class RunEnvironment:
    """What a stage needs beside its configuration; none of it may change a number, except the device."""

    device: str
    cache: Path
    """For activations, shared by runs."""
    artifacts: Path
    """For checkpoints of this run."""
    tracker: Tracker | None = None
    """Takes the curves of training."""
