"""Runner `consistency`: does training toward a reference decoder make SAEs agree, and what does the agreement cost?"""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stages.consistency.plan import KIND, ConsistencyConfig, cells_of, check, pieces, protocol_of, shrink
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: ConsistencyConfig, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.consistency.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "agreement of SAEs that were trained toward reference decoders, and its price",
    ConsistencyConfig,
    lambda config: protocol_of(config, (), None),
    _measure,
    check=check,
    shrink=shrink,
    cells=cells_of,
    pieces=pieces,
)
