"""What people read, as recorded: run with --force-regen after a deliberate change, and read the difference."""

from __future__ import annotations

import re
from pathlib import Path

import builders
import pytest
from acceptance.console_script import check, gatekit, workspace
from pytest_regressions.file_regression import FileRegressionFixture

import gatekit as package

POLICY = """\
schema: gatekit.policy/1
id: golden
description: One gate of every kind of outcome.
defaults: {confidence: 0.95, min_seeds: 5, max_age: 30d}
gates:
  random_model:
    description: Training on the real model makes the SAEs agree.
    all_of:
      - {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}
      - {from: random_model, measure: pw_mcc_above_untrained, at_least: 0.45}
  weak: {from: transcoder, measure: sae_minus_transcoder, at_least: 0.0}
  wrong: {from: random_model, measure: r2, between: [0.9, 0.99]}
  missing: {from: cebench, measure: interpretability_delta, at_least: 0.0}
  waived: {from: random_model, measure: dead_fraction, at_most: 0.01}
  warned: {from: ood, measure: auc_drop, at_most: 0.01, level: warn}
  reported: {from: saebench, measure: auc, at_least: 0.6, allow_reported: true, bound: point, min_seeds: 1}
waivers:
  - {gate: waived, owner: ada, reason: the auxiliary loss is being added, expires: "2026-12-31"}
"""


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """A folder whose evidence passes, fails, is too weak, missing, waived, of level warn and self-reported."""
    weak = (builders.around(0.61, 0.05, 10), builders.around(0.60, 0.02, 10)[::-1])
    evidence = builders.release_evidence(
        transcoder={"sae_minus_transcoder": weak}, saebench={"auc": builders.reported(0.71, 0.69, 0.73, 0.975, 3)}
    )
    del evidence["cebench.json"]
    return workspace(tmp_path, POLICY, evidence)


def steady(text: str) -> str:
    """The text without what changes with every release."""
    return re.sub(rf"\b{re.escape(package.__version__)}\b", "VERSION", text)


def test_the_terminal_report_reads_as_recorded(golden: Path, file_regression: FileRegressionFixture) -> None:
    done = check(cwd=golden)
    assert done.returncode == 2
    file_regression.check(steady(done.stdout), extension=".txt", encoding="utf-8", newline="")


def test_the_markdown_report_reads_as_recorded(golden: Path, file_regression: FileRegressionFixture) -> None:
    done = check("--output", "markdown=-", cwd=golden)
    assert done.returncode == 2
    file_regression.check(steady(done.stdout), extension=".md", encoding="utf-8", newline="")


def test_a_refusal_reads_as_recorded(golden: Path, file_regression: FileRegressionFixture) -> None:
    (golden / "policies" / "typo.yaml").write_text(POLICY.replace("id: golden", "id: typo").replace("r2,", "r22,"))
    (golden / "evidence" / "broken.json").write_text('{"schema": "gatekit.summary/1", "kind": "ood"')
    done = check(cwd=golden)
    assert done.returncode == 4
    file_regression.check(steady(done.stdout), extension=".txt", encoding="utf-8", newline="")


@pytest.mark.parametrize("gate", ["random_model", "weak", "wrong", "missing", "waived", "reported"])
def test_an_explanation_reads_as_recorded(golden: Path, gate: str, file_regression: FileRegressionFixture) -> None:
    done = gatekit("explain", gate, "--now", builders.NOW, cwd=golden)
    assert done.returncode == 0
    file_regression.check(steady(done.stdout), extension=".txt", encoding="utf-8", newline="")


def test_a_plan_reads_as_recorded(tmp_path: Path, file_regression: FileRegressionFixture) -> None:
    done = gatekit("plan", "--effect", "0.05", "--sd", "0.06", "--candidates", "4", cwd=tmp_path)
    file_regression.check(done.stdout, extension=".txt", encoding="utf-8", newline="")
