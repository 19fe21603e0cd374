"""Training in parts that cannot be: refused before anything runs, at the key that says it.

An architecture is trained in parts where its loss is a mean over tokens (`runners.saes.in_parts`), its parts are equal,
and the GPUs that a run sees are of one model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from runners.places import config_error
from runners.saes.architecture_options import ArchitectureOptions
from runners.saes.plan import TrainingPlan
from runners.saes.registry import ARCHITECTURES, IN_PARTS

PARTS = "parts"


def check_parts(config: Any, device: str) -> None:
    """Refuse parts that an architecture has not, that do not divide its batches, or that no GPUs here can share.

    Args:
        config: of a stage.
        device: as the command line names it.

    Raises:
        GatekitError: `config.together`, at the key of the parts; `runner.devices`.
    """
    found = [(sae, training) for sae, training in _trained(config, None) if sae.parts is not None]
    for sae, training in found:
        _refuse_unequal(sae, training)
    if found:
        _refuse_unlike_devices(device)


def _refuse_unequal(sae: ArchitectureOptions, training: TrainingPlan | None) -> None:
    assert sae.parts is not None
    if not sae.architecture.endswith(IN_PARTS):
        named = f"{sae.architecture}{IN_PARTS}"
        said = f"architecture '{sae.architecture}' has no '{PARTS}'"
        if named in ARCHITECTURES:
            raise config_error(sae, PARTS, said, f"in parts it is named '{named}'")
        known = ", ".join(name for name in ARCHITECTURES if name.endswith(IN_PARTS))
        raise config_error(sae, PARTS, said, f"{_WHY.get(sae.architecture, 'none is known')}; in parts: {known}")
    if training is not None and training.batch_tokens % sae.parts:
        message = f"batch_tokens={training.batch_tokens} are no {sae.parts} equal parts"
        raise config_error(sae, PARTS, message, "take a number of parts that divides the batch")


_WHY = {
    "batch_topk": "it chooses its latents among those of a whole batch",
    "matryoshka": "it chooses its latents among those of a whole batch",
    "route": "a step of it on several layers has no such form here",
    "transcoder": "the runner 'transcoder' trains it whole",
}


def _refuse_unlike_devices(device: str) -> None:
    if device == "cpu":
        return
    # Imported here: it brings torch, and most configurations name no parts.
    import torch

    from runners.saes.in_parts.summed import devices_beside

    if torch.cuda.is_available():
        devices_beside(torch.device("cuda", torch.cuda.current_device()))


def _trained(block: Any, training: TrainingPlan | None) -> Iterator[tuple[ArchitectureOptions, TrainingPlan | None]]:
    """Yield every shape of a configuration, with the training that stands beside it or nearest around it."""
    if isinstance(block, ArchitectureOptions):
        yield block, training
    elif isinstance(block, Mapping):
        for value in block.values():
            yield from _trained(value, training)
    elif isinstance(block, tuple):
        for value in block:
            yield from _trained(value, training)
    elif dataclasses.is_dataclass(block) and not isinstance(block, type):
        own = getattr(block, "training", None)
        beside = own if isinstance(own, TrainingPlan) else training
        for member in dataclasses.fields(block):
            yield from _trained(getattr(block, member.name), beside)
