"""What an SAE is, in one digest: all that decides what it computes, whatever files it was read from.

It is the SHA-256 of the file in which our own runners save the SAE: its weights, thresholds and scales, and in the
header its architecture and settings (k, groups, normalisation), so that the same weights with another k are another
SAE.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import torch

from runners.saes.architecture import Architecture, describe
from runners.saes.normalisation import Scale
from runners.saes.sae import Sae


def sae_sha256(sae: Sae) -> str:
    """Return the digest of an SAE."""
    data = file_of(sae.architecture, sae.parameters, sae.scale, sae.target_scale)
    return hashlib.sha256(data).hexdigest()


def file_of(
    architecture: Architecture, parameters: Mapping[str, torch.Tensor], scale: Scale, target_scale: float | None
) -> bytes:
    """Return the safetensors file that one SAE is saved as: the same bytes for the same SAE.

    Args:
        architecture: of the SAE.
        parameters: by name, on any device.
        scale: as of `Sae`, stored as `scale`, float64.
        target_scale: as of `Sae`, stored as `target_scale` where there is one.
    """
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in parameters.items()}
    tensors["scale"] = torch.tensor(scale, dtype=torch.float64)
    if target_scale is not None:
        tensors["target_scale"] = torch.tensor(target_scale, dtype=torch.float64)
    # One entry, since the order of several is not fixed.
    header = {"gatekit": json.dumps(describe(architecture), sort_keys=True)}
    data: bytes = save(tensors, metadata=header)
    return data
