"""Making one unit: the same functions as in a run, with nothing measured from what they leave in the cache."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory

from runners.arms.activations import Activations, collect, collect_layers, open_source, reinitialised
from runners.arms.trained_saes import train
from runners.cache_use import noting
from runners.determinism import device_class
from runners.stage.planned_pieces import PlannedArm, PlannedProbes, PlannedRows, PlannedStep
from runners.stage.run_environment import RunEnvironment
from runners.stage.units import Unit, say_done


def make(unit: Unit, environment: RunEnvironment) -> None:
    """Put what a unit stands for into the cache, or find it there, and say that it is done.

    Raises:
        GatekitError: as the stage would raise it.
    """
    with noting() as used, TemporaryDirectory() as folder:
        # Checkpoints become artifacts when a summary names them.
        _make(unit, dataclasses.replace(environment, artifacts=Path(folder)))
    say_done(environment.cache, unit, device_class(environment.device), used)


def _make(unit: Unit, environment: RunEnvironment) -> None:
    piece = unit.piece
    if isinstance(piece, PlannedRows):
        _rows(unit, piece, environment)
    elif isinstance(piece, PlannedArm):
        inputs = _rows(unit, piece.inputs, environment)
        targets = None if piece.targets is None else _rows(unit, piece.targets, environment)
        if piece.watched_at:
            from runners.stages.stability.trajectories import train_watched

            train_watched(inputs, piece.shape, piece.training, unit.group, environment, piece.watched_at)
            return
        train(inputs, piece.shape, piece.training, unit.group, environment, piece.name, targets)
    elif isinstance(piece, PlannedStep):
        from runners.stage.step_making import make_step

        make_step(piece, unit.config, environment)
    else:
        _probe(unit, piece, environment)


def _rows(unit: Unit, rows: PlannedRows, environment: RunEnvironment) -> Activations:
    config = unit.config
    source = open_source(config, environment.device)
    if rows.random_model_seed is not None:
        source = reinitialised(source, rows.random_model_seed)
    if len(rows.hooks) > 1:
        return collect_layers(source, config, environment, rows.hooks, rows.keys[0])
    return collect(source, config, environment, rows.hooks[0], rows.keys[0], rows.trains)


def _probe(unit: Unit, piece: PlannedProbes, environment: RunEnvironment) -> None:
    from runners.stages.saebench.measuring import probe

    probe(unit.config, environment, [piece.dataset])
