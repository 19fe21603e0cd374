"""Rewriting parameters without changing what they compute, where another library's form differs from ours."""

from __future__ import annotations

from pathlib import Path

import torch

from runners.saes.architecture import Parameters
from runners.saes.weights import refused


def centred(parameters: Parameters) -> Parameters:
    """Return an encoder of x - b_dec that equals the given encoder of x: its biases take up b_dec W_enc.

    In float64, because the two parts nearly cancel where activations have a large mean.
    """
    shift = parameters["b_dec"].double() @ parameters["W_enc"].double()
    changed = dict(parameters)
    for name in ("b_enc", "b_gate"):
        if name in changed:
            changed[name] = (changed[name].double() + shift).float()
    if "b_mag" in changed:
        changed["b_mag"] = (changed["b_mag"].double() + changed["r_mag"].double().exp() * shift).float()
    return changed


def with_unit_rows(path: Path, parameters: Parameters) -> Parameters:
    """Return parameters whose decoder rows are of unit length, each row's norm being a factor of its latent instead.

    Right for architectures that are positively homogeneous (ReLU), and for those that choose latents by their value
    times that norm (TopK that is weighed by decoder norms).

    Raises:
        GatekitError: `checkpoint.invalid`: a decoder row of length zero.
    """
    norms = parameters["W_dec"].double().norm(dim=1)
    if bool((norms == 0).any()):
        raise refused(path, "a decoder row has length zero")
    return {
        **parameters,
        "W_enc": (parameters["W_enc"].double() * norms).float(),
        "b_enc": (parameters["b_enc"].double() * norms).float(),
        "W_dec": (parameters["W_dec"].double() / norms.unsqueeze(1)).float(),
    }


def transposed(tensors: dict[str, torch.Tensor], names: dict[str, str], turned: frozenset[str]) -> Parameters:
    """Return tensors under our names (theirs -> ours), those in `turned` (theirs) transposed."""
    return {ours: tensors[theirs].T if theirs in turned else tensors[theirs] for theirs, ours in names.items()}
