"""How a configuration was chosen among others, before the run that a summary is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from runners.config import Bounds
from runners.summary_writing import Json


@dataclass(frozen=True)
class SelectionPlan:
    """How this configuration was chosen among others, before it was run on these seeds."""

    candidates: Annotated[int, Bounds(1, 1_000_000)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)] | None
    """Of the SAEs that were looked at for choosing; null where there was nothing to choose."""


def selection_json(selection: SelectionPlan | None) -> Json:
    """Return a protocol's selection; None is a configuration that stands alone."""
    if selection is None:
        return {"candidates": 1, "seeds": []}
    return {"candidates": selection.candidates, "seeds": list(selection.seeds or ())}
