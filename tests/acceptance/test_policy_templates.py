"""`gatekit init --template NAME`: a first policy that lints clean and judges real evidence."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from acceptance.console_script import gatekit

from gatekit.cli.policy_templates import POLICY_TEMPLATES
from gatekit.policy import read_policy

REAL = Path(__file__).parents[2] / "evidence" / "minilm" / "topk"
NOW = ("--now", "2026-11-28T12:00:00Z")
SAID = {
    "reproducibility": (0, "verdict: pass (exit 0): 3 of 3 required gates pass"),
    "probing": (2, "verdict: blocked (exit 2): no_worse fails"),
    "transcoder": (0, "verdict: pass (exit 0): 3 of 3 required gates pass"),
    "release": (3, "verdict: inconclusive (exit 3): random_model, transcoder, ood and 2 more are inconclusive"),
    "regression": (3, "verdict: inconclusive (exit 3): reconstruction, agreement and alive are inconclusive"),
}
"""What each template says of five TopK SAEs on MiniLM: without a base nothing is a regression, and nobody had announced
them before they were measured, which a release asks for."""


def started(folder: Path, name: str) -> Path:
    done = gatekit("init", "--template", name, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"next: edit policies/{name}.yaml" in done.stdout
    return folder


@pytest.mark.parametrize("name", POLICY_TEMPLATES)
def test_a_template_lints_clean_and_its_claim_is_bound(tmp_path: Path, name: str) -> None:
    folder = started(tmp_path, name)
    assert [path.name for path in (folder / "policies").iterdir()] == [f"{name}.yaml"]
    linted = gatekit("lint", "--strict", cwd=folder)
    assert (linted.returncode, linted.stderr) == (0, "")
    claims = gatekit("claims", "check", cwd=folder)
    assert (claims.returncode, "1 claim" in claims.stdout) == (0, True), claims.stdout


@pytest.mark.parametrize("name", POLICY_TEMPLATES)
def test_the_claim_of_a_template_needs_all_of_its_gates(tmp_path: Path, name: str) -> None:
    folder = started(tmp_path, name)
    listed = re.search(r"gates: \[(.*)\]", (folder / "claims.yaml").read_text())
    assert listed is not None
    assert listed[1].split(", ") == [gate.name for gate in read_policy(str(folder / "policies" / f"{name}.yaml")).gates]


@pytest.mark.parametrize("name", POLICY_TEMPLATES)
def test_a_template_judges_committed_evidence(tmp_path: Path, name: str) -> None:
    folder = started(tmp_path, name)
    shutil.copytree(REAL, folder / "evidence" / "minilm")
    done = gatekit("check", *NOW, cwd=folder)
    assert (done.returncode, done.stdout.splitlines()[-1]) == SAID[name]


def test_the_release_template_asks_for_registered_evidence_and_init_says_to_register_first(tmp_path: Path) -> None:
    done = gatekit("init", "--template", "release", cwd=tmp_path)
    assert "Then register (`gatekit register`), measure" in done.stdout
    assert read_policy(str(tmp_path / "policies" / "release.yaml")).registered == "required"
    shutil.copytree(REAL, tmp_path / "evidence" / "minilm")
    said = gatekit("check", *NOW, cwd=tmp_path).stdout
    assert "exploratory: no registration announced evidence/minilm/random_model.json" in said
    # The same thresholds without that demand: what is not announced is judged, and called exploratory.
    policy = tmp_path / "policies" / "release.yaml"
    policy.write_text(policy.read_text("utf-8").replace("registered: required", "registered: shown"), "utf-8")
    done = gatekit("check", *NOW, cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (2, "verdict: blocked (exit 2): ood and external fail")


def test_the_regression_template_passes_what_is_as_good_as_its_base(tmp_path: Path) -> None:
    folder = started(tmp_path, "regression")
    shutil.copytree(REAL, folder / "evidence" / "minilm")
    done = gatekit("check", "--base-evidence", "evidence", *NOW, cwd=folder)
    assert done.returncode == 0, done.stdout


def test_an_unknown_template_is_a_usage_error_that_names_them(tmp_path: Path) -> None:
    done = gatekit("init", "--template", "reproducable", cwd=tmp_path)
    assert done.returncode == 64
    assert all(name in done.stderr for name in POLICY_TEMPLATES)
    assert not list(tmp_path.iterdir())


def test_a_template_and_saes_exclude_each_other(tmp_path: Path) -> None:
    done = gatekit("init", "--saes", "sae", "--template", "probing", cwd=tmp_path)
    assert done.returncode == 64
    assert "--template with --saes" in done.stderr
