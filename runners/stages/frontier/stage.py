"""Runner `frontier`: what does each architecture reach at equal data, equal steps and equal sparsity?"""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stages.frontier.plan import KIND, FrontierConfig, cells, check, pieces, protocol_of, shrink
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: FrontierConfig, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.frontier.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "architectures at equal data, steps and L0: reconstruction, agreement across seeds, sparse probes",
    FrontierConfig,
    lambda config: protocol_of(config, ()),
    _measure,
    check=check,
    shrink=shrink,
    cells=cells,
    pieces=pieces,
)
