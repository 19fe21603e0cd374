"""Runner `layer_routing`: is the best architecture of each layer better than one architecture everywhere?"""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stages.layer_routing.plan import KIND, LayerRoutingConfig, check, pieces, protocol_of, shrink
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: LayerRoutingConfig, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.layer_routing.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "the best architecture of each layer against one architecture everywhere, at equal parameters",
    LayerRoutingConfig,
    lambda config: protocol_of(config, (), None, {}),
    _measure,
    check=check,
    shrink=shrink,
    pieces=pieces,
)
