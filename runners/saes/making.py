"""What determines a training, as plain data: equal data, equal bits."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import torch

from runners.code_digest import code_sha256
from runners.determinism import device_class
from runners.saes.architecture import Architecture, describe
from runners.saes.plan import TrainingPlan


def making(architecture: Architecture, plan: TrainingPlan, device: str) -> dict[str, object]:
    """Return all but the seeds and the rows: shape, plan, class of device, threads, torch, and the code that trains."""
    return {
        "architecture": describe(architecture),
        "plan": plan.recipe(),
        "device": device_class(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "source": code_sha256(["runners.saes.training", *modules_of(architecture)]),
    }


def modules_of(architecture: Architecture) -> set[str]:
    """Return the modules of an architecture and of those that it is built around."""
    found = {type(architecture).__module__}
    for member in fields(architecture):  # type: ignore[arg-type]
        value = getattr(architecture, member.name)
        if is_dataclass(value):
            found |= modules_of(value)  # type: ignore[arg-type]
    return found
