"""What an SAE is, in one digest: all that decides what it computes, whatever files it was read from."""

from __future__ import annotations

from runners.digests import data_sha256, tensors_sha256
from runners.saes.architecture import describe
from runners.saes.sae import Sae


def sae_sha256(sae: Sae) -> str:
    """Return the digest of architecture and settings (k, groups, normalisation), weights, thresholds and scales.

    A file's own digest says nothing of the configuration beside it: with another k the same weights are another SAE.
    """
    return data_sha256(
        {
            "architecture": describe(sae.architecture),
            "parameters": tensors_sha256(sae.parameters),
            "scale": sae.scale,
            "target_scale": sae.target_scale,
        }
    )
