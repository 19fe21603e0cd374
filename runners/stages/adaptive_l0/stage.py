"""Runner `adaptive_l0`: does the k that was chosen on some seeds beat a fixed k on others?"""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stages.adaptive_l0.plan import KIND, AdaptiveL0Config, check, pieces, protocol_of, shrink, subject_of
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: AdaptiveL0Config, environment: RunEnvironment) -> RunResult:
    # Imported here: it brings torch, which a plan does not need.
    from runners.stages.adaptive_l0.measuring import measure

    return measure(config, environment)


STAGE = sae_stage(
    KIND,
    "agreement of SAEs across seeds at a k chosen on other seeds, against a fixed k",
    AdaptiveL0Config,
    lambda config: protocol_of(config, (), None),
    _measure,
    subject=subject_of,
    check=check,
    shrink=shrink,
    pieces=pieces,
)
