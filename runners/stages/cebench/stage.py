"""Runner `cebench`: does one latent stand out between contrasting stories, further than in a matched baseline?"""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stages.cebench.plan import KIND, CeBenchConfig, check, network, pieces, protocol_of, recorded, shrink
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: CeBenchConfig, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.cebench.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "CE-Bench: how far one latent stands out between contrasting stories, against a matched baseline",
    CeBenchConfig,
    lambda config: protocol_of(config, (), ()),
    _measure,
    check=check,
    shrink=shrink,
    recorded=recorded,
    network=network,
    pieces=pieces,
)
