"""Runner `ablation`: does agreement across seeds depend on k, on the number of latents, on the length of training?"""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stages.ablation.plan import KIND, AblationConfig, cells, check, protocol_of, shrink
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: AblationConfig, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.ablation.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "agreement of SAEs across seeds by k, number of latents and steps, beside chance at each shape",
    AblationConfig,
    lambda config: protocol_of(config, ()),
    _measure,
    check=check,
    shrink=shrink,
    cells=cells,
)
