"""Runner `candidates`: everything that a release policy asks for, measured on the same SAEs, for several architectures.

The five run one after the other; the first trains the SAEs, the others find them in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from runners.places import derived, first_repeat, refuse_first, taking
from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import architecture_key, needs_network, planned_subject, shrink_saes, without_paths
from runners.stage.stage import Stage
from runners.stages.candidates.plan import CandidatesConfig
from runners.stages.cebench import stage as cebench
from runners.stages.ood import stage as ood
from runners.stages.random_model import stage as random_model
from runners.stages.saebench import stage as saebench
from runners.stages.transcoder import stage as transcoder
from runners.summary_writing import Json, RunResult

STAGES = (random_model.STAGE, transcoder.STAGE, ood.STAGE, saebench.STAGE, cebench.STAGE)
"""In the order in which they run: the first trains, the others find the SAEs trained."""


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def parts(config: CandidatesConfig) -> Sequence[tuple[str, Stage, Any]]:
    """Return folder, stage and configuration of every summary."""
    found = []
    for plan in (config.sae, *(config.architectures or ())):
        candidate = derived(config, sae=plan)
        for stage in STAGES:
            shared = {member.name for member in fields(stage.config)} & {member.name for member in fields(config)}
            block = stage.config(**{name: getattr(candidate, name) for name in shared})
            block = taking(block, candidate, *sorted(shared))
            found.append((plan.label, stage, block))
    return found


def check(config: CandidatesConfig) -> None:
    """Refuse what any of the stages refuses, and two architectures of one name.

    Raises:
        GatekitError: `config.together`.
    """
    labels = [plan.label for plan in (config.sae, *(config.architectures or ()))]
    repeat = first_repeat(labels)
    refuse_first(
        config,
        (architecture_key(repeat), "two architectures have one name", repeat is not None),
        (
            ("architectures", "saes"),
            "'architectures' are trained; SAEs from files are one candidate",
            config.saes is not None and bool(config.architectures),
        ),
    )
    for _, stage, block in parts(config):
        stage.check(block)


def shrink(config: CandidatesConfig, small: CandidatesConfig) -> CandidatesConfig:
    """Return the configuration's model and hook at the smoke configuration's size."""
    blocks = ("controls", "transcoder", "shift", "probing", "scoring", "architectures")
    return taking(shrink_saes(config, small), small, "subject", *blocks)


def planned(config: CandidatesConfig) -> tuple[Json, Json]:
    """Return the subject that the parts share; each part has a protocol of its own."""
    return planned_subject(config), {}


def _measure(config: CandidatesConfig, environment: RunEnvironment) -> RunResult:
    raise NotImplementedError("its parts measure")


STAGE = Stage(
    kind="candidates",
    title="random_model, transcoder, ood, saebench and cebench on the same SAEs, for every architecture",
    config=CandidatesConfig,
    smoke_config=Path(__file__).resolve().parents[2] / "configs" / "candidates" / "smoke.yaml",
    shrink=shrink,
    check=check,
    recorded=without_paths,
    needs_network=needs_network,
    planned=planned,
    measure=_measure,
    parts=parts,
)
