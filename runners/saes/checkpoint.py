"""Checkpoints: one safetensors file and one JSON file per seed; never pickle, never repaired on reading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from gatekit.errors import GatekitError, Location
from runners.digests import file_sha256
from runners.saes.architecture import Parameters
from runners.saes.topk import TopK
from runners.saes.training import SaeStack

UNIT_NORM_TOLERANCE = 1e-3
"""Float32 rows that were divided by their norm miss 1 by about 1e-7; half precision copies by about 1e-3."""


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
        facts: what else the JSON says (model, hook, ...); `seed`, shape and architecture are added.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for place, seed in enumerate(stack.seeds):
        tensors = {name: value[place].cpu().contiguous() for name, value in stack.parameters.items()}
        tensors["scale"] = torch.tensor(stack.scale, dtype=torch.float64)
        path = folder / f"seed_{seed}.safetensors"
        save_file(tensors, path)
        digest = file_sha256(path)
        described = {
            **facts,
            "architecture": stack.architecture.name,
            "d_in": stack.architecture.d_in,
            "d_sae": stack.architecture.d_sae,
            "k": stack.architecture.k,
            "auxiliary_k": stack.architecture.auxiliary_k,
            "seed": seed,
            "final_training_loss": stack.last_losses[place],
            "sha256": digest,
        }
        path.with_suffix(".json").write_text(json.dumps(described, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        saved.append(SavedCheckpoint(seed, path, digest, path.stat().st_size))
    return saved


def load_checkpoint(path: Path) -> tuple[TopK, Parameters, float]:
    """Read one seed's SAE: architecture, parameters in canonical orientation, and activation scale.

    Raises:
        GatekitError: the weights are not those that the JSON beside them names, are of another shape, are not finite,
            or have decoder rows that are not of unit length.
    """
    from safetensors.torch import load_file

    described = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))

    def refuse(what: str) -> GatekitError:
        return GatekitError("checkpoint.invalid", what, Location(str(path)))

    if described["architecture"] != TopK.name:
        raise refuse(f"an SAE of architecture '{described['architecture']}', not '{TopK.name}'")
    if file_sha256(path) != described["sha256"]:
        raise refuse("the weights are not those that the configuration beside them names")
    architecture = TopK(described["d_in"], described["d_sae"], described["k"], described["auxiliary_k"])
    tensors = load_file(path)
    shapes = {
        "W_enc": (architecture.d_in, architecture.d_sae),
        "W_dec": (architecture.d_sae, architecture.d_in),
        "b_enc": (architecture.d_sae,),
        "b_dec": (architecture.d_in,),
        "scale": (),
    }
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != shapes:
        raise refuse(f"tensors {found} where the configuration says {shapes}")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise refuse("a weight is not finite")
    if bool(((tensors["W_dec"].norm(dim=1) - 1).abs() > UNIT_NORM_TOLERANCE).any()):
        raise refuse("a decoder row is not of unit length")
    return architecture, {name: tensors[name] for name in shapes if name != "scale"}, float(tensors["scale"])
