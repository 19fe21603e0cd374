"""What all stages on the SAEs of a language model have in common as stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runners.places import config_error
from runners.stage.planned_pieces import Planned, own_pieces
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import (
    check_saes,
    needs_network,
    planned_subject,
    shrink_saes,
    without_paths,
)
from runners.stage.stage import Stage
from runners.summary_writing import Json, RunResult

ONE_HOOK = ("ablation", "adaptive_l0", "consistency", "stability")
"""Stages that need no more of a model than what it writes at one hook."""

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def sae_stage(
    kind: str,
    title: str,
    config: type[Any],
    protocol: Callable[[Any], Json],
    measure: Callable[[Any, RunEnvironment], RunResult],
    *,
    subject: Callable[[Any], Json] = planned_subject,
    check: Callable[[Any], None] = check_saes,
    shrink: Callable[[Any, Any], Any] = shrink_saes,
    recorded: Callable[[Any], Json] = without_paths,
    network: Callable[[Any], bool] = needs_network,
    pieces: Callable[[Any], Sequence[Planned]] = own_pieces,
    **others: Any,
) -> Stage:
    """Return the stage of this name.

    Its smoke configuration is `runners/configs/KIND/smoke.yaml`.

    Args:
        kind: of its summaries, and its name on the command line.
        title: what it measures.
        config: with the fields of `SaeConfig`.
        protocol: what a summary that measured nothing says of the protocol.
        measure: as `Stage.measure`.
        subject: the same of the subject.
        check: as `Stage.check`.
        shrink: as `Stage.shrink`.
        recorded: as `Stage.recorded`.
        network: as `Stage.needs_network`.
        pieces: as `Stage.pieces`.
        others: further fields of `Stage`.
    """

    def checked(configured: Any) -> None:
        check(configured)
        if configured.texts.source == "activations" and kind not in ONE_HOOK:
            message = f"'{kind}' needs the model itself; activations at one hook are enough for {', '.join(ONE_HOOK)}"
            raise config_error(configured, "texts.source", message, error_id="activations.stage")

    def planned(configured: Any) -> tuple[Json, Json]:
        return subject(configured), protocol(configured)

    return Stage(
        kind=kind,
        title=title,
        config=config,
        smoke_config=CONFIGS / kind / "smoke.yaml",
        shrink=shrink,
        check=checked,
        recorded=recorded,
        needs_network=network,
        planned=planned,
        measure=measure,
        pieces=pieces,
        **others,
    )
