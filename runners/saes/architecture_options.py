"""What a configuration may say of an architecture: names, types and ranges, and nothing that computes.

They stand apart from `runners.saes.architecture_plan` because an architecture with an option of its own adds a field
here, which changes no number of any other (see `runners.sources`); the values given are part of every summary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from runners.config import ABSENT_WHERE_NONE, Bounds
from runners.saes.registry import Configurable

ControlKind = Literal["frozen_decoder", "soft_frozen_decoder", "frozen_encoder", "shared_start"]
"""Which part of an SAE is held or shared; `runners.saes.controls` says what each does."""


@dataclass(frozen=True)
class ArchitectureOptions:
    """The options of all architectures; each is null where its architecture has no such option."""

    architecture: Configurable
    control: ControlKind | None = None
    """Part of the SAE that is held or shared (see `runners.saes.controls`); null trains all of it."""
    d_sae: Annotated[int, Bounds(1, 10_000_000)] | None = None
    k: Annotated[int, Bounds(1, 10_000_000)] | None = None
    auxiliary_k: Annotated[int, Bounds(0, 10_000_000)] | None = None
    widths: Annotated[tuple[int, ...], Bounds(1, 10_000_000)] | None = None
    """Matryoshka prefixes; the last is the number of latents, and `d_sae` is left out."""
    levels: Annotated[tuple[int, ...], Bounds(1, 10_000_000)] | None = None
    """HierarchicalTopK levels; the last is k, and `k` is left out."""
    l1_coefficient: Annotated[float, Bounds(0.0, 1e6)] | None = None
    l0_coefficient: Annotated[float, Bounds(0.0, 1e6)] | None = None
    penalty_warmup: Annotated[float, Bounds(0.0, 1.0)] | None = None
    bandwidth: Annotated[float, Bounds(1e-6, 1e3)] | None = None
    initial_threshold: Annotated[float, Bounds(0.0, 1e3)] | None = None
    skip: bool | None = None
    router_loss: Literal["scaled", "expected"] | None = None
    parts: Annotated[int, Bounds(2, 10_000_000)] | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Equal parts of a batch, for an architecture that is trained in parts (`runners.saes.in_parts`)."""
