"""Runner `saebench_absorption`: how often does a letter's latent stay silent because a word's latent took its place?"""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stages.saebench_absorption.plan import KIND, AbsorptionConfig, check, protocol_of, recorded, shrink
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: AbsorptionConfig, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.saebench_absorption.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "SAEBench's absorption of first letters, on the model's vocabulary or a list of words",
    AbsorptionConfig,
    lambda config: protocol_of(config, ()),
    _measure,
    check=check,
    shrink=shrink,
    recorded=recorded,
)
