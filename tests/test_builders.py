"""What other tests stand on: the built summaries are ones that the gate accepts, and pass when they are said to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import builders
import pytest

from gatekit.cli.inputs import the_time
from gatekit.evidence import find_summaries, read_summaries, summary_bytes
from gatekit.exit_codes import ExitCode
from gatekit.gates.evaluate import evaluate
from gatekit.kinds import BUILT_IN, INSTALLED
from gatekit.policy import read_policy

RELEASE = Path(__file__).parents[1] / "policies" / "exploratory.yaml"


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in BUILT_IN for name in INSTALLED.measures(kind)])
def test_a_built_summary_of_every_measure_is_accepted(kind: str, name: str) -> None:
    measure = INSTALLED.measures(kind)[name]
    count = {"per_seed": 5, "per_seed_pair": 10, "per_seed_dataset": 10, "per_seed_row": 20}[measure.design]
    values = [0.5] * count
    built = builders.summary(kind, {name: (values, values) if measure.compares else values})
    assert summary_bytes(built, "built.json")


def test_a_built_summary_of_a_failed_run_and_one_of_reported_numbers_are_accepted() -> None:
    assert summary_bytes(builders.summary("ood", {}, status="failed", reason="out of memory"), "built.json")
    assert summary_bytes(builders.summary("saebench", {"auc": builders.reported(0.7)}), "built.json")


def test_the_release_evidence_passes_what_the_release_policy_asks(tmp_path: Path) -> None:
    paths = find_summaries([str(builders.write(tmp_path, builders.release_evidence()))])
    summaries, errors = read_summaries(paths)
    # The policy names the evidence of this repository; what is judged here lies elsewhere.
    policy = replace(read_policy(str(RELEASE)), evidence=())
    verdict = evaluate([policy], summaries, the_time(builders.NOW), errors)
    assert (verdict.errors, verdict.code) == ((), ExitCode.PASS)
