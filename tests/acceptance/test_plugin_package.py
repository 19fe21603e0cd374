"""A package that brings a kind, a runner and an importer, installed beside gatekit into an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from acceptance.console_script import environment

REPO = Path(__file__).parents[2]
PACKAGE = REPO / "tests" / "plugin_package"
NOW = ("--now", "2099-01-01T00:00:00Z")
"""After whatever the runner says that its run ended."""
SUBJECT = "\n".join(
    (
        f"model: {{name: tiny, digest: {'a' * 64}}}",
        "hook: blocks.1.hook_resid_post",
        "d_model: 32",
        "architecture: topk",
        "d_sae: 64",
        "k: 8",
        "checkpoints:",
        *(f"  - {{seed: {seed}, sha256: {seed:063d}a}}" for seed in range(5)),
        "protocol: {rows: 10, baseline: none}\n",
    )
)
POLICY = """\
schema: gatekit.policy/1
id: lab
gates:
  absorbed: {from: absorption, measure: absorption_rate, at_most: 0.5}
"""
WORDS = {str(seed): [1] * (2 + seed % 2) + [0] * (8 - seed % 2) for seed in range(5)}
"""Rates of 0.2 and 0.3 in turn."""

Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with gatekit and the package; what gatekit needs is lent by ours."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=False)
    interpreter = home / "bin" / "python"
    (site,) = home.glob("lib/python*/site-packages")
    lent = [folder for folder in sys.path if os.path.basename(folder) == "site-packages"]
    # These come after its own folder on the path, so that gatekit and the package are the installed ones.
    (site / "lent.pth").write_text("".join(f"{folder}\n" for folder in lent))
    install = [str(interpreter), "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*install, "--ignore-installed", str(REPO), str(PACKAGE)], check=True, capture_output=True)
    return interpreter


@pytest.fixture
def lab(python: Path, tmp_path: Path) -> Run:
    """Run a command of the fresh environment in a git repository with a subject, words and a policy."""
    for name, text in (
        ("subject.yaml", SUBJECT),
        ("words.json", json.dumps(WORDS)),
        ("policies/lab.yaml", POLICY),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        words = [str(python.parent / command[0]), *command[1:]] if command[0] != "git" else list(command)
        return subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)

    run("git", "init", "-q", "-b", "main")
    commit(run, "start")
    return run


def commit(run: Run, message: str) -> None:
    run("git", "add", "-A")
    person = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    assert run("git", *person, "commit", "-q", "--allow-empty", "-m", message).returncode == 0


def test_the_installed_gatekit_is_used_and_knows_what_the_package_brings(lab: Run, python: Path) -> None:
    place = lab("python", "-c", "import gatekit, labprobe; print(gatekit.__file__, labprobe.__file__)").stdout
    assert place.count(str(python.parents[1])) == 2
    assert "absorption_rate  fraction of words  lower" in lab("gatekit", "schema", "absorption", "--table").stdout
    assert "\nabsorption" in lab("gatekit", "schema").stdout
    assert "absorption " in lab("gatekit", "run", "--list").stdout


@pytest.mark.parametrize("start", [["gatekit", "run"], ["python", "-m", "runners"]], ids=["run", "runners"])
def test_from_its_runner_to_a_verdict(lab: Run, start: list[str]) -> None:
    arguments = ["--words", "words.json", "--subject", "subject.yaml", "--out", "evidence"]
    done = lab(*start, "absorption", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    judged = lab("gatekit", "check", "--verbose", *NOW)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    # Rates 0.2, 0.3, 0.2, 0.3, 0.2.
    assert "absorption.absorption_rate    0.2400" in judged.stdout
    assert "1 fresh" in lab("gatekit", "stale").stdout


def test_from_its_importer_to_a_verdict(lab: Run, tmp_path: Path) -> None:
    logs = [f"log{seed}.json" for seed in range(5)]
    for seed, name in enumerate(logs):
        (tmp_path / name).write_text(json.dumps({"seed": seed, "rate": 0.1 + seed / 100}))
    options = ["--subject", "subject.yaml", "--finished", "2026-03-01T11:30:00Z", "--source", "subject.yaml"]
    done = lab("gatekit", "import", "labprobe", *logs, *options, "--out", "evidence")
    assert done.returncode == 0, done.stderr
    assert lab("gatekit", "check", "--now", "2026-03-02T00:00:00Z").returncode == 0


def test_a_pull_request_with_its_evidence_is_judged(lab: Run, tmp_path: Path) -> None:
    lab("git", "checkout", "-q", "-b", "feature")
    arguments = ["--words", "words.json", "--subject", "subject.yaml", "--out", "evidence"]
    assert lab("gatekit", "run", "absorption", *arguments).returncode == 0
    commit(lab, "evidence")
    done = lab("gatekit", "pr", "--base", "main", "--head", "feature", *NOW)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / "absorption.yaml").write_text(
        "schema: gatekit.kind/1\nmeasures:\n  absorption_rate: {direction: higher, range: [0, 1]}\n"
    )
    commit(lab, "a table of the package's name")
    done = lab("gatekit", "pr", "--base", "main", "--head", "feature", *NOW)
    assert done.returncode == 4
    assert "the name 'absorption' is the kind 'absorption' of labprobe" in done.stdout + done.stderr
