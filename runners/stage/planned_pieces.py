"""What a stage will need, as far as its configuration says it before anything is measured; no torch.

These are the parts of a run that other processes can make ahead of it in the shared cache. What a stage does not name,
it computes itself; what it names for nothing is work for nothing. Neither changes a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runners.places import derived
from runners.saes.architecture_plan import ArchitecturePlan, TrainableShape
from runners.saes.plan import TrainingPlan

OWN_HOOK = "subject.hook"


@dataclass(frozen=True)
class PlannedRows:
    """Activations of one model over the configuration's texts, at one hook or at several side by side."""

    hooks: tuple[str, ...]
    keys: tuple[str, ...] = (OWN_HOOK,)
    """Of the configuration, that name the hooks."""
    random_model_seed: int | None = None
    """Of the weights of a re-initialised model; None is the model itself."""
    trains: bool = True
    """Whether the texts to train on are read, beside those held out."""


@dataclass(frozen=True)
class PlannedArm:
    """SAEs of one making, one per seed."""

    name: str
    shape: TrainableShape
    training: TrainingPlan
    seeds: tuple[int, ...]
    """All of them, in order: they are trained in groups."""
    inputs: PlannedRows
    targets: PlannedRows | None = None
    """What transcoders reconstruct."""
    watched_at: tuple[int, ...] = ()
    """Steps after which the decoders are kept beside the SAEs; none where training is not watched."""


@dataclass(frozen=True)
class PlannedProbes:
    """Probes of one dataset on every SAE of a stage."""

    dataset: str


@dataclass(frozen=True)
class PlannedStep:
    """A part of what one stage computes on its SAEs, by that stage's own function (`runners.stage.step_making`)."""

    step: str
    """Which function."""
    name: str
    """For people, and for the steps that come after; different within a stage."""
    recipe: str
    """What decides its result beside the activations and SAEs that it waits for, as JSON."""
    rows: tuple[PlannedRows, ...]
    """What it reads."""
    of: tuple[str | int, ...] = ()
    """Which of several: a dataset, a seed's place."""
    group: tuple[int, ...] = ()
    """Seeds that it trains together."""
    after: tuple[str, ...] = ()
    """Names of the steps that it waits for, beside all SAEs of the stage that wait for no step."""


Planned = PlannedRows | PlannedArm | PlannedProbes | PlannedStep


def own_rows(config: Any, random_model_seed: int | None = None) -> PlannedRows:
    """Return the activations at the configuration's own hook."""
    return PlannedRows((config.subject.hook,), (OWN_HOOK,), random_model_seed, config.training is not None)


def own_arm(config: Any, name: str = "model", **changes: Any) -> PlannedArm:
    """Return the SAEs that a configuration is about, or such that differ from them as `changes` say.

    Args:
        config: of a stage, whose `training` is given.
        name: of the arm.
        changes: fields of the shape.
    """
    shape = derived(config.sae, **changes) if changes else config.sae
    return PlannedArm(name, shape, config.training, tuple(config.seeds), own_rows(config))


def own_pieces(config: Any) -> Sequence[Planned]:
    """Return the activations at the configuration's hook, and its own SAEs where it trains them."""
    trains = config.training is not None and isinstance(config.sae, ArchitecturePlan)
    return [own_arm(config)] if trains else [own_rows(config)]


def nothing_ahead(config: Any) -> Sequence[Planned]:  # noqa: ARG001 (a stage's function)
    """Return nothing: the summary itself is the piece."""
    return []
