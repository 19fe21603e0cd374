"""Runner `scaling`: how do measurements move with training tokens, layer and number of latents?"""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stages.scaling.plan import KIND, ScalingConfig, cells, check, protocol_of, shrink
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: ScalingConfig, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.scaling.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "measurements by training tokens, layer and number of latents, with effects and interactions",
    ScalingConfig,
    lambda config: protocol_of(config, ()),
    _measure,
    check=check,
    shrink=shrink,
    cells=cells,
)
