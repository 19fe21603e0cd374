"""More tokens per text than a control's own model has positions: refused before anything runs, as for the model itself.

Beyond its positions a model fails, or computes what it was never made for; then a control would be worse than it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runners.places import config_error
from runners.subjects.plan import ModelPlan


def check_control_positions(config: Any) -> None:
    """Refuse a control's own model, in a folder, that has fewer positions than the texts have tokens.

    Args:
        config: of a stage.

    Raises:
        GatekitError: `runner.positions`, at the key of the control's model.
    """
    tokens = getattr(getattr(config, "subject", None), "max_tokens_per_text", None)
    if not isinstance(tokens, int):
        return
    for key, plan in _models(config, ""):
        if plan.source != "folder" or not (Path(plan.name) / "config.json").is_file():
            continue
        # Imported here: it brings torch, and most configurations name no such model.
        from runners.subjects.model_files import positions_of

        limit = positions_of(Path(plan.name))
        if limit is not None and tokens > limit[1]:
            message = f"{tokens} tokens are more than the {limit[1]} positions of {Path(plan.name).resolve().name}"
            keys, remedy = (key, "subject.max_tokens_per_text"), f"its config.json says {limit[0]}"
            raise config_error(config, keys, message, remedy, error_id="runner.positions")


def _models(block: Any, key: str) -> Iterator[tuple[str, ModelPlan]]:
    """Yield the key and the plan of every model but the subject's own."""
    if isinstance(block, ModelPlan):
        if key != "subject.model":
            yield key, block
    elif isinstance(block, Mapping):
        for name, value in block.items():
            yield from _models(value, f"{key}[{name}]")
    elif dataclasses.is_dataclass(block) and not isinstance(block, type):
        for member in dataclasses.fields(block):
            yield from _models(getattr(block, member.name), f"{key}.{member.name}" if key else member.name)
