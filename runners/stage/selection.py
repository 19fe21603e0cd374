"""How a configuration was chosen among others, before the run that a summary is about."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated

from runners.config import ABSENT_WHERE_NONE, Bounds
from runners.summary_writing import Json


@dataclass(frozen=True)
class SelectionDataset:
    """One dataset that a choice was made on, as a summary's `protocol.selection.datasets` names it."""

    name: str
    sha256: str
    """Over its content."""
    rows: Annotated[int, Bounds(0, 1_000_000_000_000)]
    """0 where rows mean nothing."""


@dataclass(frozen=True)
class SelectionPlan:
    """How this configuration was chosen among others, before it was run on these seeds."""

    candidates: Annotated[int, Bounds(1, 1_000_000)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)] | None
    """Of the SAEs that were looked at for choosing; null where there was nothing to choose."""
    datasets: tuple[SelectionDataset, ...] | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """What the choice was made on; left out, it may have been what is measured here, and a bound that speaks for other
    datasets pays for it."""


def selection_json(selection: SelectionPlan | None) -> Json:
    """Return a protocol's selection; None is a configuration that stands alone."""
    if selection is None:
        return {"candidates": 1, "seeds": []}
    document: Json = {"candidates": selection.candidates, "seeds": list(selection.seeds or ())}
    if selection.datasets is not None:
        document["datasets"] = [asdict(dataset) for dataset in selection.datasets]
    return document
