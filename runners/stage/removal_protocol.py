"""What must be equal before two numbers of SCR or TPP are compared."""

from __future__ import annotations

from typing import Any

from gatekit.evidence.dataset_families import dataset_families
from runners.benchmarks.removal_plan import RemovalPlan, removal_settings
from runners.stage.sae_subject import (
    training_settings,
)
from runners.stage.selection import selection_json
from runners.subjects.attributed_plan import Removal
from runners.summary_writing import Json


def removal_protocol(
    config: Any, plan: RemovalPlan, kind: Removal, datasets: tuple[Json, ...], more: Json | None = None
) -> Json:
    """Return a summary's protocol.

    Args:
        config: of the stage.
        plan: its block.
        kind: of evaluation.
        datasets: those measured, by digest.
        more: settings that show only in the texts.
    """
    return {
        "name": f"saebench.{kind}/1",
        "seeds": list(config.seeds),
        "rows": plan.test_rows,
        "datasets": list(datasets),
        **dataset_families([each["name"] for each in datasets]),
        "ks": [plan.latents],
        "baseline": {"kind": "none", "subject": None},
        "selection": selection_json(config.selection),
        "settings": {**removal_settings(plan), **(more or {}), **training_settings(config)},
    }
