"""Runner `saebench_scr`: SAEBench's spurious correlation removal, on texts with two attributes."""

from __future__ import annotations

from collections.abc import Sequence

from runners.stage.lifecycle import run_stage
from runners.stage.removal_stage import removal_stage
from runners.stages.saebench_scr.plan import ScrConfig


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


STAGE = removal_stage("scr", "SAEBench's spurious correlation removal, on texts with two attributes", ScrConfig)
