"""What determines a training, as plain data: equal data, equal bits."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from runners.digests import file_sha256, sequence_sha256
from runners.saes.architecture import Architecture, describe
from runners.saes.plan import TrainingPlan


def making(architecture: Architecture, plan: TrainingPlan, device: str) -> dict[str, object]:
    """Return all but the seeds and the rows: shape, plan, kind of device, threads, torch, and the code that trains."""
    sources = [*sorted(Path(__file__).parent.glob("*.py")), Path(__file__).parents[1] / "seeding.py"]
    return {
        "architecture": describe(architecture),
        "plan": asdict(plan),
        "device": "cuda" if device.startswith("cuda") else "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "source": sequence_sha256(f"{path.name} {file_sha256(path)}" for path in sources),
    }
