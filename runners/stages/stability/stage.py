"""Runner `stability`: how does agreement across seeds come about, and do latents that look alike do alike?"""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stages.stability.plan import KIND, StabilityConfig, check, pieces, protocol_of
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: StabilityConfig, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.stability.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "agreement of SAEs across seeds along their training, and of what their latents do",
    StabilityConfig,
    lambda config: protocol_of(config, ()),
    _measure,
    check=check,
    pieces=pieces,
)
