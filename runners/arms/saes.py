"""What every stage asks of the SAEs of one arm, whether this run trained them or somebody else did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from runners.arrays import Floats
from runners.metrics.reconstruction import Reconstruction
from runners.saes.architecture_plan import SaeShape
from runners.saes.sae import Sae
from runners.summary_writing import Json

if TYPE_CHECKING:
    from runners.arms.activations import Activations
    from runners.saes.checkpoint import SavedCheckpoint
    from runners.stage.sae_subject import SaeConfig


class Saes(Protocol):
    """One SAE per seed, equal in everything else."""

    @property
    def name(self) -> str:
        """Of the arm."""
        ...

    @property
    def inputs(self) -> Activations:
        """What the SAEs encode."""
        ...

    @property
    def seeds(self) -> tuple[int, ...]:
        """In increasing order."""
        ...

    @property
    def shape(self) -> SaeShape:
        """Of every SAE."""
        ...

    @property
    def digests(self) -> tuple[str, ...]:
        """Of each seed's SAE."""
        ...

    @property
    def checkpoints(self) -> Sequence[SavedCheckpoint]:
        """Files that this run wrote; none of SAEs that it was given."""
        ...

    @property
    def decoders(self) -> Floats:
        """(seeds, d_sae, d_out) rows."""
        ...

    def sae(self, place: int) -> Sae:
        """Return the SAE of the seed at this place."""
        ...

    def reconstruction(self, device: str) -> Reconstruction:
        """Return r2, L0 and live latents on the held-out rows."""
        ...

    def subject(self, config: SaeConfig) -> Json:
        """Return these SAEs as a summary's subject."""
        ...
