"""SAEs from files in the runner `stability`, with the snapshots of their training that are given."""

from __future__ import annotations

from runners.arms.activations import Activations
from runners.arms.given_saes import GivenSaes, given_saes, side_by_side
from runners.places import config_error
from runners.saes.given_plan import GivenSaesPlan
from runners.stages.stability.plan import SnapshotsPlan, StabilityConfig
from runners.stages.stability.training_path import TrainingPath


def given_path(config: StabilityConfig, plan: GivenSaesPlan, activations: Activations) -> TrainingPath:
    """Return the SAEs and what is given of their way.

    Raises:
        GatekitError: the files are not what the configuration says, or a snapshot has another shape.
    """
    saes = given_saes(config, "saes", plan, "model", activations)
    snapshots = {} if config.snapshots is None else config.snapshots.by_point()
    found: dict[str, GivenSaes] = {}
    for name, snapshot in snapshots.items():
        key = SnapshotsPlan.key_of(name)
        found[name] = given_saes(config, key, snapshot, f"after_{name}", activations)
        if found[name].shape.width != saes.shape.width:
            message = f"the snapshot has {found[name].shape.width} latents, the SAEs {saes.shape.width}"
            raise config_error(config, (key, "saes"), message, error_id="runner.checkpoints")
    start = found.get("0")
    return TrainingPath(
        saes,
        {**{name: each.decoders for name, each in found.items()}, "1": saes.decoders},
        side_by_side(saes.saes),
        None if start is None else side_by_side(start.saes),
    )
