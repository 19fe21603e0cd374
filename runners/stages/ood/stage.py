"""Runner `ood`: how much of its probing quality does an SAE lose on shifted texts?"""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stages.ood.plan import KIND, OodConfig, check, protocol_of, shrink
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: OodConfig, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.ood.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "sparse probes on shifted texts: what is lost out of distribution, beside the dense probe's loss",
    OodConfig,
    lambda config: protocol_of(config, (), (), 0),
    _measure,
    check=check,
    shrink=shrink,
)
