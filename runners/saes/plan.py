"""How SAEs are to be shaped and trained: the part of a configuration that every training stage shares."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from runners.config import ABSENT_WHERE_NONE, Bounds


@dataclass(frozen=True)
class SaePlan:
    """The shape of every seed's SAE; its input width is the subject's."""

    architecture: Literal["topk"]
    d_sae: Annotated[int, Bounds(1, 10_000_000)]
    k: Annotated[int, Bounds(1, 10_000_000)]
    """Latents kept per token."""
    auxiliary_k: Annotated[int, Bounds(1, 10_000_000)]
    """Dead latents that share the error; Gao et al. take half the input width."""

    @property
    def label(self) -> str:
        """What a summary calls the architecture."""
        return self.architecture

    @property
    def width(self) -> int:
        """Number of latents."""
        return self.d_sae

    @property
    def active(self) -> int:
        """Latents active per token."""
        return self.k


@dataclass(frozen=True)
class TrainingPlan:
    """How every seed is trained."""

    steps: Annotated[int, Bounds(1, 100_000_000)]
    batch_tokens: Annotated[int, Bounds(1, 10_000_000)]
    learning_rate: Annotated[float, Bounds(1e-8, 1.0)]
    warmup_fraction: Annotated[float, Bounds(0.0, 1.0)]
    """Of the steps, rising linearly from zero."""
    decay_fraction: Annotated[float, Bounds(0.0, 1.0)]
    """Of the steps, at the end, falling linearly to zero."""
    auxiliary_coefficient: Annotated[float, Bounds(0.0, 1.0)]
    """Weight of AuxK beside the reconstruction error; Gao et al. take 1/32."""
    dead_after_tokens: Annotated[int, Bounds(1, 1_000_000_000_000)]
    """A latent that was not active on this many tokens in a row counts as dead while training."""
    gradient_clip: Annotated[float, Bounds(1e-6, 1e6)]
    """Largest norm of one seed's whole gradient."""
    centre: Literal["mean", "geometric_median"]
    """Where b_dec starts."""
    seeds_per_group: Annotated[int, Bounds(1, 1000)] | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Seeds that are trained as one stack on a GPU (`runners.saes.seed_groups`); no part of the protocol."""

    precision: Literal["float32", "bfloat16"] | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Of the products of a step; float32 where nothing is said. Weights, gradients, moments and losses are float32
    either way (`runners.saes.gradient_step`). bfloat16 is for CUDA."""

    def recipe(self) -> dict[str, Any]:
        """Return all that one seed's training is set up by: every field but how many seeds are trained beside it."""
        left_out = {"seeds_per_group"} | ({"precision"} if self.precision is None else set())
        return {name: value for name, value in asdict(self).items() if name not in left_out}
