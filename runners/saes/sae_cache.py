"""Trained SAEs by what determines them: a second stage, an interrupted run or two more seeds train nothing twice.

The place of an SAE is a digest over architecture, plan, activations, class of device, threads, version of torch, the
seeds of its group and the source of everything that trains; what is found there was made by equal code from equal
input, or is not found.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from gatekit.errors import GatekitError
from runners.cache_use import note_files
from runners.digests import data_sha256
from runners.saes.architecture import Architecture
from runners.saes.checkpoint import SavedCheckpoint, load_sae, save_stack
from runners.saes.identity import file_of
from runners.saes.making import making
from runners.saes.plan import TrainingPlan
from runners.saes.sae import Sae
from runners.saes.training import SaeStack
from runners.seeding import generator


def cache_folder(
    cache: Path,
    architecture: Architecture,
    plan: TrainingPlan,
    stores: Sequence[str],
    device: str,
    group: Sequence[int],
) -> Path:
    """Return the folder in which the SAEs of one group of seeds lie, one file per seed.

    Args:
        cache: of all runs.
        architecture: of every seed.
        plan: of the training.
        stores: digests of the activations, inputs first, then targets.
        device: trained on.
        group: all seeds that are trained together (`runners.saes.seed_groups`).
    """
    key = {"format": 2, **making(architecture, plan, device), "stores": list(stores), "group": list(group)}
    return cache / "saes" / data_sha256(key)


def find_seed(folder: Path, seed: int) -> Sae | None:
    """Return the SAE of one seed, or None where it was not trained yet or its file is not the one written."""
    path = folder / f"seed_{seed}.safetensors"
    if not path.with_suffix(".json").is_file():
        return None
    try:
        found = load_sae(path)
    except GatekitError:
        # Trained anew and written over: a damaged copy must neither be used nor stop a run.
        return None
    note_files(path, path.with_suffix(".json"))
    return found


def keep(stack: SaeStack, folder: Path, facts: Mapping[str, object]) -> None:
    """Write every seed of a stack into the cache; the JSON file comes last and says that the weights are whole."""
    folder.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=folder))
    try:
        for saved in save_stack(stack, building, facts):
            os.replace(saved.path, folder / saved.path.name)
            described = saved.path.with_suffix(".json")
            os.replace(described, folder / described.name)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def stack_of(saes: Mapping[int, Sae], plan: TrainingPlan) -> SaeStack:
    """Return SAEs of one making as one stack, seeds in the order given."""
    first = next(iter(saes.values()))
    parameters = {name: torch.stack([sae.parameters[name] for sae in saes.values()]) for name in first.parameters}
    initial = [
        first.architecture.initial(generator("sae initial weights", seed), sae.parameters["b_dec"])["W_dec"]
        for seed, sae in saes.items()
    ]
    return SaeStack(
        architecture=first.architecture,
        seeds=tuple(saes),
        parameters=parameters,
        initial_decoders=torch.stack(initial),
        scale=first.scale,
        last_losses=tuple(float(str(sae.facts["final_training_loss"])) for sae in saes.values()),
        target_scale=first.target_scale,
        plan=plan,
    )


def publish(folders: Mapping[int, Path], saes: Mapping[int, Sae], artifacts: Path) -> list[SavedCheckpoint]:
    """Put SAEs of the cache among a run's artifacts, each in the file that its digest is of, and return them there.

    Args:
        folders: of the cache, by seed.
        saes: by seed, as read from there.
        artifacts: made if need be.
    """
    artifacts.mkdir(parents=True, exist_ok=True)
    published = []
    for seed, sae in saes.items():
        place = artifacts / f"seed_{seed}.safetensors"
        data = file_of(sae.architecture, sae.parameters, sae.scale, sae.target_scale)
        digest = hashlib.sha256(data).hexdigest()
        described = json.loads((folders[seed] / f"seed_{seed}.json").read_text(encoding="utf-8")) | {"sha256": digest}
        text = json.dumps(described, indent=1, sort_keys=True) + "\n"
        for path, content in ((place.with_suffix(".json"), text.encode("utf-8")), (place, data)):
            building = path.with_name(f".{path.name}.{os.getpid()}")
            building.write_bytes(content)
            os.replace(building, path)
        published.append(SavedCheckpoint(seed, place, digest, len(data)))
    return published
