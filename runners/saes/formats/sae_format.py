"""One way in which SAEs lie on disk: how it is recognised, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from runners.saes.sae import Sae
from runners.saes.weights import refused

WEIGHT_SUFFIXES = (
    *(".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".npz", ".npy", ".h5", ".msgpack"),
    *(".pkl", ".pickle", ".pkl.gz", ".pt.gz", ".index.json"),
)
"""Endings of files that hold weights, or (the last) say which files hold parts of them."""


@dataclass(frozen=True)
class SaeFormat:
    """A format; other packages offer theirs under the entry point group `gatekit.sae_formats`."""

    name: str
    """What a configuration calls it."""
    looks_for: str
    """The files by which it is recognised, for people: `cfg.json and sae_weights.safetensors`."""
    recognises: Callable[[Path], bool]
    """Whether a folder or file is such a one; takes nothing for likely, and raises nothing."""
    read: Callable[[Path], Sae]
    """Read the SAE; `checkpoint.invalid` for anything that is not as the format says."""


def refuse_other_weights(weights: Path, known: Collection[str] = ()) -> None:
    """Make sure that nothing but one file in a folder can be taken for the SAE's weights.

    Args:
        weights: the file that is read.
        known: names of files of the format that hold something else.

    Raises:
        GatekitError: `checkpoint.invalid`: another file may hold weights; which of them is meant is not said.
    """
    for other in sorted(weights.parent.iterdir()):
        if other.name != weights.name and other.name not in known and other.name.endswith(WEIGHT_SUFFIXES):
            raise refused(
                other,
                f"a second file of weights beside {weights.name}; which of them was measured could not be told",
            )
