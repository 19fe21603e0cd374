"""Runner `transcoder`: is the SAE as reproducible as a transcoder of matched capacity, compute and data?"""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stages.transcoder.plan import CONFIRMED, KIND, TranscoderConfig, cells, check, pieces, protocol_of, shrink
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: TranscoderConfig, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.transcoder.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "agreement of SAEs across seeds, against transcoders of matched capacity, compute and data",
    TranscoderConfig,
    lambda config: protocol_of(config, (), None),
    _measure,
    check=check,
    shrink=shrink,
    cells=cells,
    judged=lambda name: name in ("", CONFIRMED),
    pieces=pieces,
)
