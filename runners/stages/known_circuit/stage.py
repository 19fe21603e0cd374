"""Runner `known_circuit`: do SAEs find the circuit of a model whose circuit is known?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runners.stage.lifecycle import run_stage
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import without_paths
from runners.stage.stage import Stage
from runners.stages.known_circuit.plan import KIND, KnownCircuitConfig, check, planned, shrink
from runners.summary_writing import RunResult


def main(argv: Sequence[str]) -> int:
    """Run from a command line (without the runner's name) and return the exit code."""
    return run_stage(STAGE, argv)


def _measure(config: KnownCircuitConfig, environment: RunEnvironment) -> RunResult:
    from runners.stages.known_circuit.measuring import measure

    return measure(config, environment)


STAGE = Stage(
    kind=KIND,
    title="what SAEs find of the circuit of a transformer that adds modulo p",
    config=KnownCircuitConfig,
    smoke_config=Path(__file__).resolve().parents[2] / "configs" / "known_circuit" / "smoke.yaml",
    shrink=shrink,
    check=check,
    recorded=without_paths,
    needs_network=lambda _: False,
    planned=planned,
    measure=_measure,
)
