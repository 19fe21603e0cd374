"""Checkpoints: one safetensors file and one JSON file per seed; never pickle, never repaired on reading."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gatekit.errors import Location
from runners.digests import file_sha256
from runners.saes.architecture import Architecture, Parameters, describe
from runners.saes.identity import file_of
from runners.saes.normalisation import Scale
from runners.saes.sae import Sae
from runners.saes.training import SaeStack
from runners.saes.weights import checked, read_json, read_safetensors, refused

UNIT_NORM_TOLERANCE = 1e-3
"""Float32 rows that were divided by their norm miss 1 by about 1e-7; half precision copies by about 1e-3."""

HOW = {
    "activation_scale": "inputs are multiplied by it before encoding; their mean norm is then sqrt(d_in)",
    "decoder_rows": "unit norm after every step",
    "decoder_gradient": "the component along each row is removed",
    "auxiliary_residual": "detached",
}
"""What training does to every SAE, beside what its plan says."""


@dataclass(frozen=True)
class SavedCheckpoint:
    """One seed's file."""

    seed: int
    path: Path
    sha256: str
    bytes: int


def save_stack(stack: SaeStack, folder: Path, facts: Mapping[str, object]) -> list[SavedCheckpoint]:
    """Write `seed_N.safetensors` and `seed_N.json` for every seed of the stack.

    Args:
        stack: the trained SAEs.
        folder: made if need be.
        facts: what else the JSON says (model, hook, ...); architecture, training and `seed` are added.
    """
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for place, seed in enumerate(stack.seeds):
        parameters = {name: value[place] for name, value in stack.parameters.items()}
        path = folder / f"seed_{seed}.safetensors"
        path.write_bytes(file_of(stack.architecture, parameters, stack.scale, stack.target_scale))
        digest = file_sha256(path)
        described = {
            **facts,
            **describe(stack.architecture),
            "seed": seed,
            "training": None if stack.plan is None else {**stack.plan.recipe(), **HOW},
            "final_training_loss": stack.last_losses[place],
            "sha256": digest,
        }
        path.with_suffix(".json").write_text(json.dumps(described, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        saved.append(SavedCheckpoint(seed, path, digest, path.stat().st_size))
    return saved


def load_sae(path: Path) -> Sae:
    """Read one seed's SAE from its safetensors file and the JSON file beside it.

    Raises:
        GatekitError: `checkpoint.*`: the weights are not those that the JSON names, are of another shape, are not
            finite, or break what training holds: unit decoder rows, thresholds that are not negative, a decoder near
            its start.
    """
    from runners.saes.described import architecture_from

    described = read_json(path.with_suffix(".json"))
    architecture = architecture_from(described, Location(str(path.with_suffix(".json"))))
    if not path.is_file() or file_sha256(path) != described.get("sha256"):
        raise refused(path, "the weights are not those that the configuration beside them names")
    tensors = read_safetensors(path)
    scales = {name: tensors.pop(name) for name in ("scale", "target_scale") if name in tensors}
    parameters = checked(path, tensors, architecture.shapes())
    _check_constraints(path, architecture, parameters)
    if "scale" not in scales:
        raise refused(path, "no 'scale' of the activations")
    target_scale = _scale(path, scales["target_scale"], None) if "target_scale" in scales else None
    return Sae(
        architecture=architecture,
        parameters=parameters,
        scale=_scale(path, scales["scale"], getattr(architecture, "layers", None)),
        target_scale=target_scale if isinstance(target_scale, float) else None,
        facts=described,
    )


def _check_constraints(path: Path, architecture: Architecture, parameters: Parameters) -> None:
    if bool(((parameters["W_dec"].norm(dim=1) - 1).abs() > UNIT_NORM_TOLERANCE).any()):
        raise refused(path, "a decoder row is not of unit length")
    if "threshold" in parameters and bool((parameters["threshold"] < 0).any()):
        raise refused(path, "a threshold is negative")
    if "W_dec_start" in parameters:
        cosines = (parameters["W_dec"] * parameters["W_dec_start"]).sum(dim=1)
        least = getattr(architecture, "minimum_cosine", 1.0)
        if bool((cosines < least - UNIT_NORM_TOLERANCE).any()):
            raise refused(path, f"a soft-frozen decoder row has left its start by more than a cosine of {least}")


def _scale(path: Path, tensor: torch.Tensor, layers: int | None) -> Scale:
    found: Any = tensor.tolist()
    if tuple(tensor.shape) != (() if layers is None else (layers,)):
        raise refused(path, f"a scale of shape {tuple(tensor.shape)}")
    values = [found] if layers is None else found
    if not all(math.isfinite(value) and value > 0 for value in values):
        raise refused(path, f"a scale of {found}")
    return tuple(found) if layers is not None else float(found)
