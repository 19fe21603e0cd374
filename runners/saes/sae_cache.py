"""Trained SAEs by what determines them: a second stage, an interrupted run or two more seeds train nothing twice.

The place of an SAE is a digest over architecture, plan, activations, class of device, threads, version of torch, the
seeds of its group and the source of everything that trains; what is found there was made by equal code from equal
input, or is not found. Every file there says whose it is: one of another place or seed is as whole, and not used.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

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
from runners.saes.weights import read_json, refused
from runners.seeding import generator
from runners.whole_files import building_folder, make_folder, write_file, write_text

_SELF = "description_sha256"
"""Key of a description in the cache: the digest of all else that it says, since a shape says how weights are read."""
_MADE_FOR = "made_for"
"""Key of a description in the cache: the name of the entry that it was written for."""
_HEADER = "gatekit"
"""Key of the one text in a safetensors file's header, since the order of several is not fixed."""


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


def owner(folder: Path, seed: int) -> dict[str, object]:
    """Return what every file of an entry says of whose it is: the entry by its digest, and the seed."""
    return {_MADE_FOR: folder.name, "seed": seed}


def header_of(told: Mapping[str, object]) -> dict[str, str]:
    """Return the header of a safetensors file in the cache that says `told` of itself."""
    return {_HEADER: json.dumps(told, sort_keys=True)}


def told_by(path: Path) -> Mapping[str, object]:
    """Return what the header of a safetensors file in the cache says of it; nothing where it says nothing readable."""
    try:
        with safe_open(path, framework="pt") as stream:
            told = json.loads((stream.metadata() or {}).get(_HEADER, "{}"))
    except (OSError, SafetensorError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def find_seed(folder: Path, seed: int) -> Sae | None:
    """Return the SAE of one seed, or None where it was not trained yet or its files are not those written for it.

    Damaged files, and those of another entry or seed or of a version that did not say whose they are, are told of in
    one line, and trained anew and written over: they must neither be used nor stop a run.
    """
    path = folder / f"seed_{seed}.safetensors"
    described = path.with_suffix(".json")
    if not described.is_file():
        return None
    try:
        told = read_json(described)
        if told.pop(_SELF, None) != data_sha256(told):
            raise refused(described, "is not the description that was written")
        if not owner(folder, seed).items() <= told.items():
            raise refused(described, "is not the description of this seed's SAE")
        found = load_sae(path)
    except GatekitError:
        if described.is_file():
            sys.stderr.write(f"stored SAE of seed {seed} in {folder.name[:12]} is not the one trained: made again\n")
        return None
    note_files(path, described)
    return found


def keep(stack: SaeStack, folder: Path, facts: Mapping[str, object]) -> None:
    """Write every seed of a stack into the cache; the JSON file comes last and says that the weights are whole."""
    make_folder(folder)
    _take_others_away(folder, stack.seeds)
    with building_folder(folder / "seeds") as building:
        for saved in save_stack(stack, building, facts):
            weights = saved.path
            write_file(folder / weights.name, lambda place, made=weights: os.replace(made, place))  # type: ignore[misc]
            told = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8")) | owner(folder, saved.seed)
            text = json.dumps({**told, _SELF: data_sha256(told)}, indent=1, sort_keys=True) + "\n"
            write_text(folder / weights.with_suffix(".json").name, text)


def _take_others_away(folder: Path, seeds: Sequence[int]) -> None:
    """Remove the files of another entry that was put in this one's place, and those that do not say whose they are."""
    own = {f"seed_{seed}" for seed in seeds}
    others = [path for path in folder.glob("seed_*") if path.stem not in own]
    for path in folder.glob("trajectory_*"):
        told = told_by(path)
        if not any(owner(folder, seed).items() <= told.items() for seed in seeds):
            others.append(path)
    for path in others:
        path.unlink(missing_ok=True)
    if others:
        sys.stderr.write(f"files of another entry lay among the stored SAEs in {folder.name[:12]}: taken away\n")


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
        # As it was read and checked with the weights; the file may be another one by now.
        told = {name: value for name, value in sae.facts.items() if name not in (_SELF, _MADE_FOR)}
        described = told | {"sha256": digest}
        write_text(place.with_suffix(".json"), json.dumps(described, indent=1, sort_keys=True) + "\n")
        write_file(place, _linked_or_written(folders[seed] / place.name, sae.facts.get("sha256") == digest, data))
        published.append(SavedCheckpoint(seed, place, digest, len(data)))
    return published


def _linked_or_written(cached: Path, same: bool, data: bytes) -> Callable[[Path], None]:
    """Return what puts a checkpoint under another name: a second name of the cache's own file, or a file of its own."""

    def fill(building: Path) -> None:
        if same:
            # Five stages on the same SAEs would keep five copies. Not on every file system, nor from one to another.
            with suppress(OSError):
                os.link(cached, building)
                return
        building.write_bytes(data)

    return fill
