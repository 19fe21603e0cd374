"""Training SAEs while their decoders are kept at some points, once: beside the cached SAEs lie their trajectories."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from gatekit.errors import GatekitError
from runners.arms.activations import Activations
from runners.arms.trained_saes import TrainedSaes, train
from runners.cache_use import note_files
from runners.claims import claimed
from runners.determinism import describe_device
from runners.digests import tensors_sha256
from runners.progress import showing
from runners.saes.architecture import Parameters
from runners.saes.architecture_plan import TrainableShape
from runners.saes.plan import TrainingPlan
from runners.saes.sae_cache import cache_folder, find_seed, header_of, keep, owner, told_by
from runners.saes.seed_groups import seed_groups
from runners.saes.training import SaeStack, train_stack
from runners.stage.run_environment import RunEnvironment
from runners.whole_files import write_file

START = "start."
"""Prefix of the names under which a trajectory's file holds the parameters before the first step."""


@dataclass(frozen=True)
class Trajectories:
    """SAEs of every seed, and where they came from; axis 0 of every tensor is the seed."""

    saes: TrainedSaes
    start: Parameters
    """All parameters before the first step."""
    decoders: Mapping[int, torch.Tensor]
    """Steps done -> (seeds, d_sae, d_out) rows, for the points asked for."""


def train_watched(
    inputs: Activations,
    sae: TrainableShape,
    training: TrainingPlan,
    seeds: Sequence[int],
    environment: RunEnvironment,
    points: Sequence[int],
) -> Trajectories:
    """Train one SAE per seed and keep its decoder after each of `points` steps, or take both from the cache.

    Raises:
        GatekitError: `config.together`: the architecture cannot be built; `runner.trajectory`: an SAE of the cache is
            not where training arrives.
    """
    architecture = sae.build(inputs.training.d_model, layers=getattr(inputs.training, "layers", None))
    stores, device = [inputs.training.sha256], environment.device
    folders = {
        group: cache_folder(environment.cache, architecture, training, stores, device, group)
        for group in seed_groups(seeds, device, training.seeds_per_group)
    }
    places = {seed: folder for group, folder in folders.items() for seed in group}
    wanted = {f"{point}" for point in points} | {START + name for name in architecture.shapes()}
    missing = [group for group in folders if any(not wanted <= set(_read(places[seed], seed)) for seed in group)]
    if missing:
        rows = inputs.training.read()
        facts = {
            "model": inputs.model.name,
            "model_digest": inputs.model.digest,
            "hook": inputs.hook,
            "device": describe_device(device),
        }
        total = training.steps * training.batch_tokens * sum(map(len, missing))
        with showing("model: training, watched", total, "tokens") as progress:
            for group in missing:
                with claimed(folders[group], f"training of seeds {', '.join(map(str, group))}"):
                    # Whoever had the claim before may have left them.
                    if all(wanted <= set(_read(places[seed], seed)) for seed in group):
                        continue
                    watch = _Watch(points)
                    stack = train_stack(
                        architecture, rows, list(group), training, device, progress, observe=watch.observe
                    )
                    _keep_or_compare(stack, folders[group], facts)
                    for seed in group:
                        _write(folders[group], seed, watch.seen[seed])
    saes = train(inputs, sae, training, seeds, environment, "model")
    found = [_read(places[seed], seed) for seed in seeds]
    joined = {name: torch.stack([each[name] for each in found]) for name in sorted(wanted)}
    return Trajectories(
        saes,
        {name: joined[START + name].to(environment.device) for name in architecture.shapes()},
        {point: joined[f"{point}"] for point in points},
    )


def _keep_or_compare(stack: SaeStack, folder: Path, facts: Mapping[str, object]) -> None:
    """Put SAEs into the cache, or hold those that it has to the weights that training arrived at."""
    known = {seed: find_seed(folder, seed) for seed in stack.seeds}
    for place, (seed, sae) in enumerate(known.items()):
        if sae is not None and not torch.equal(sae.parameters["W_dec"], stack.parameters["W_dec"][place].cpu()):
            raise GatekitError(
                "runner.trajectory",
                f"training seed {seed} again gave other weights than the cache holds",
                remedy="give another --cache",
            )
    if None in known.values():
        keep(stack, folder, facts)


class _Watch:
    """Keeps what training shows of it at the start and at some points."""

    def __init__(self, points: Sequence[int]) -> None:
        self._points = frozenset(points)
        self.seen: dict[int, dict[str, torch.Tensor]] = {}

    def observe(self, done: int, seeds: tuple[int, ...], parameters: Parameters) -> None:
        for place, seed in enumerate(seeds):
            kept = self.seen.setdefault(seed, {})
            if done == 0:
                kept |= {START + name: _copy(value[place]) for name, value in parameters.items()}
            if done in self._points:
                kept[f"{done}"] = _copy(parameters["W_dec"][place])


def _copy(value: torch.Tensor) -> torch.Tensor:
    return value.detach().to("cpu", copy=True).contiguous()


def _path(folder: Path, seed: int) -> Path:
    return folder / f"trajectory_{seed}.safetensors"


def _read(folder: Path, seed: int) -> dict[str, torch.Tensor]:
    """Return what was kept of one seed; nothing where there is no file, or one that is not what was written for it."""
    path = _path(folder, seed)
    told = told_by(path)
    try:
        with safe_open(path, framework="pt") as stream:
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (no mapping)
        if told == _told(folder, seed, tensors):
            note_files(path)
            return tensors
    except FileNotFoundError:
        return {}
    except (OSError, SafetensorError):
        pass
    sys.stderr.write(f"stored trajectory of seed {seed} in {folder.name[:12]} is not the one kept: made again\n")
    path.unlink(missing_ok=True)
    return {}


def _write(folder: Path, seed: int, kept: Mapping[str, torch.Tensor]) -> None:
    metadata = header_of(_told(folder, seed, kept))
    write_file(_path(folder, seed), lambda building: save_file(dict(kept), building, metadata=metadata))


def _told(folder: Path, seed: int, kept: Mapping[str, torch.Tensor]) -> dict[str, object]:
    """Return what a trajectory's file says of itself."""
    return {**owner(folder, seed), "sha256": tensors_sha256(kept)}
