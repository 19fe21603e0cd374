"""The scripts of gpu-evidence.yml, run as the runner does; stand-ins for what only GitHub or the GPU machine has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import builders
import pytest
import repositories
from acceptance.console_script import gatekit
from workflows.composite import clean_environment, parse_file_command
from workflows.invariants import FOLDER, parse

JOBS: dict[str, Any] = parse((FOLDER / "gpu-evidence.yml").read_text("utf-8"))["jobs"]
SHA, NONCE = "0123456789abcdef" * 2 + "01234567", "00ff" * 8


def step(job: str, name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (script,) = [step["run"] for step in JOBS[job]["steps"] if step["name"] == name]
    for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        (folder / variable).touch()
        environment.setdefault(variable, str(folder / variable))
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=environment.get("GITHUB_WORKSPACE", folder),
        env=clean_environment(folder, **environment),
        capture_output=True,
        text=True,
        timeout=60,
    )


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return folder / name


def request(folder: Path, sha: str, nonce: str, ref: str = "refs/heads/main") -> subprocess.CompletedProcess[str]:
    return step("request", "refuse what is no request", folder, HEAD_SHA=sha, NONCE=nonce, GITHUB_REF=ref)


def test_a_request_is_handed_on(tmp_path: Path) -> None:
    assert request(tmp_path, SHA, NONCE).returncode == 0
    assert parse_file_command((tmp_path / "GITHUB_OUTPUT").read_text()) == {"head_sha": SHA, "nonce": NONCE}


@pytest.mark.parametrize(
    ("sha", "nonce", "ref"),
    [
        ("main", NONCE, "refs/heads/main"),
        (SHA.upper(), NONCE, "refs/heads/main"),
        (SHA + "\nnonce=x", NONCE, "refs/heads/main"),
        (SHA[:39], NONCE, "refs/heads/main"),
        ("$(touch PWN)" + SHA[12:], NONCE, "refs/heads/main"),
        ("--upload-pack=touch PWN", NONCE, "refs/heads/main"),
        (SHA, "", "refs/heads/main"),
        (SHA, "../../main", "refs/heads/main"),
        (SHA, "0" * 65, "refs/heads/main"),
        (SHA, NONCE, "refs/heads/dev"),
        (SHA, NONCE, "refs/tags/main"),
    ],
)
def test_what_is_no_request_is_refused_and_handed_nowhere(tmp_path: Path, sha: str, nonce: str, ref: str) -> None:
    assert request(tmp_path, sha, nonce, ref).returncode == 64
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == ""
    assert not list(tmp_path.rglob("PWN"))


ECHO = '#!/bin/sh\npwd > "$RUNNER_TEMP/where"\necho "$@"\n'


def measure(folder: Path, script: str = ECHO) -> subprocess.CompletedProcess[str]:
    runner = program(folder / "bin", "runners-python", script)
    (folder / "harness").mkdir(exist_ok=True)
    (folder / "temp").mkdir(exist_ok=True)
    return step(
        "measure",
        "measure",
        folder,
        STAGE="random_model",
        CONFIG="full",
        RUNNERS_PYTHON=str(runner),
        RUNNER_TEMP=str(folder / "temp"),
        GITHUB_WORKSPACE=str(folder),
    )


def test_the_harness_runs_in_its_own_folder_on_the_configuration_of_the_other(tmp_path: Path) -> None:
    config = tmp_path / "subject" / "runners" / "configs" / "random_model" / "full.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("seeds: [0]\n")
    done = measure(tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "temp" / "where").read_text().strip() == str(tmp_path / "harness")
    checked, measured = done.stdout.splitlines()
    assert checked == f"-E -s -m runners.request {config} {tmp_path}/subject"
    assert measured.startswith(
        f"-E -s -m runners random_model --config {config} --out {tmp_path}/temp/out/random_model "
    )


def test_a_configuration_that_the_check_refuses_is_not_measured(tmp_path: Path) -> None:
    config = tmp_path / "subject" / "runners" / "configs" / "random_model" / "full.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("seeds: [0]\n")
    refusing = '#!/bin/sh\ncase "$*" in *runners.request*) exit 4;; esac\necho measured\n'
    done = measure(tmp_path, refusing)
    assert (done.returncode, done.stdout) == (4, "")


@pytest.mark.parametrize("kind", ["missing", "link", "folder"])
def test_a_configuration_that_is_no_file_is_not_measured(tmp_path: Path, kind: str) -> None:
    config = tmp_path / "subject" / "runners" / "configs" / "random_model" / "full.yaml"
    config.parent.mkdir(parents=True)
    if kind == "link":
        config.symlink_to("/etc/hostname")
    elif kind == "folder":
        config.mkdir()
    assert measure(tmp_path).returncode == 4
    assert not (tmp_path / "temp" / "where").exists()


@pytest.mark.parametrize(
    ("answer", "code", "written"),
    [("7\n", 0, "7"), ("7\n8\n", 0, "7,8"), ("", 3, None), ("7 8\n", 3, None), ("x\n", 3, None)],
)
def test_only_numbers_of_artifacts_are_handed_on(tmp_path: Path, answer: str, code: int, written: str | None) -> None:
    program(tmp_path / "bin", "gh", f"#!/bin/sh\nprintf '{answer}'\n")
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    names = {"GITHUB_REPOSITORY": "octo/cat", "GITHUB_RUN_ID": "1", "PATH": path}
    done = step("attest", "list what was measured", tmp_path, **names)
    assert done.returncode == code
    assert parse_file_command((tmp_path / "GITHUB_OUTPUT").read_text()).get("ids") == written


def sign(folder: Path, key: str) -> subprocess.CompletedProcess[str]:
    temp = folder / "temp"
    if not (temp / "gatekit-environment").exists():
        (temp / "gatekit-environment").symlink_to(sys.prefix)
    (folder / "gate" / "policies").mkdir(parents=True, exist_ok=True)
    (folder / "gate" / "policies" / "p.yaml").write_text(
        "schema: gatekit.policy/1\nid: p\ngates:\n  r2: {from: random_model, measure: r2, at_least: 0.5}\n"
    )
    return step(
        "attest",
        "validate and sign",
        folder,
        GATEKIT_SIGNING_KEY=key,
        GITHUB_REPOSITORY_ID="42",
        RUNNER_TEMP=str(temp),
        GITHUB_WORKSPACE=str(folder),
    )


@pytest.fixture
def key(tmp_path: Path) -> str:
    pytest.importorskip("cryptography")
    assert gatekit("attest", "--new-key", "key.pem", cwd=tmp_path).returncode == 0
    return (tmp_path / "key.pem").read_text()


def test_summaries_are_signed_and_nothing_else_goes_on(tmp_path: Path, key: str) -> None:
    measured = tmp_path / "temp" / "measured"
    builders.write(measured / "random_model", {"random_model.json": builders.release_evidence()["random_model.json"]})
    for stray in ("random_model/run.sh", "random_model/-rf.json", "top.json", "a/b/deep.json", "random_model/x.py"):
        (measured / stray).parent.mkdir(parents=True, exist_ok=True)
        (measured / stray).write_text("{}")
    (measured / "random_model" / "linked.json").symlink_to("/etc/hostname")
    done = sign(tmp_path, key)
    assert done.returncode == 0, done.stderr
    found = sorted(
        p.relative_to(tmp_path / "temp" / "signed").as_posix() for p in (tmp_path / "temp" / "signed").rglob("*.*")
    )
    assert found[0] == "evidence/random_model/random_model.json"
    assert len(found) == 2
    assert found[1].startswith("evidence/random_model/random_model.measure-")
    assert key not in done.stdout + done.stderr


def test_evidence_that_the_gate_would_refuse_is_not_signed(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "temp" / "measured" / "random_model"
    folder.mkdir(parents=True)
    (folder / "random_model.json").write_text('{"schema": "gatekit.summary/1"}')
    assert sign(tmp_path, key).returncode == 4
    assert not list((tmp_path / "temp").rglob("*.dsse.json"))


def test_nothing_measured_is_not_signed(tmp_path: Path, key: str) -> None:
    (tmp_path / "temp" / "measured").mkdir(parents=True)
    assert sign(tmp_path, key).returncode == 3


def propose(folder: Path, gh: str = "exit 0") -> subprocess.CompletedProcess[str]:
    program(folder / "bin", "gh", f'#!/bin/sh\necho "$@" >> "{folder}/gh"\ntest "$1" = pr || exit 0\n{gh}\n')
    return step(
        "propose",
        "open the pull request",
        folder,
        HEAD_SHA=SHA,
        NONCE=NONCE,
        RUNNER_TEMP=str(folder / "temp"),
        GITHUB_WORKSPACE=str(folder / "main"),
        GITHUB_SERVER_URL="https://github.example",
        GITHUB_REPOSITORY="octo/cat",
        GITHUB_RUN_ID="9",
        PATH=f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
    )


@pytest.fixture
def proposing(tmp_path: Path) -> Path:
    """A clone of a bare repository, and signed evidence beside it."""
    origin = repositories.Builder(tmp_path / "origin", bare=True)
    origin.commit("main", {"evidence/README.md": "evidence\n"})
    origin.save()
    repositories.git(tmp_path, "clone", "-q", str(tmp_path / "origin"), "main")
    folder = tmp_path / "temp" / "signed" / "evidence" / "random_model"
    folder.mkdir(parents=True)
    (folder / "random_model.json").write_text("{}\n")
    return tmp_path


def test_the_evidence_is_pushed_on_a_branch_of_its_own_and_proposed(proposing: Path) -> None:
    done = propose(proposing)
    assert done.returncode == 0, done.stderr
    files = repositories.git(proposing / "origin", "diff", "--name-status", "main", f"evidence/{NONCE}").decode()
    assert files == "A\tevidence/random_model/random_model.json\n"
    assert f"pr create --base main --head evidence/{NONCE} --title Evidence of {SHA}" in (proposing / "gh").read_text()


def test_a_token_that_may_not_open_pull_requests_leaves_a_link(proposing: Path) -> None:
    assert propose(proposing, gh="exit 1").returncode == 0
    link = f"https://github.example/octo/cat/compare/main...evidence/{NONCE}"
    assert f"[open it yourself]({link})" in (proposing / "GITHUB_STEP_SUMMARY").read_text()


def test_a_nonce_that_was_used_before_fails_instead_of_replacing_evidence(proposing: Path) -> None:
    bare = proposing / "origin"
    other = repositories.git(bare, "commit-tree", "-m", "x", repositories.git(bare, "write-tree").decode().strip())
    repositories.git(bare, "update-ref", f"refs/heads/evidence/{NONCE}", other.decode().strip())
    assert propose(proposing).returncode != 0
    assert repositories.git(bare, "rev-parse", f"evidence/{NONCE}") == other


def test_evidence_that_is_there_already_is_no_new_pull_request(proposing: Path) -> None:
    (proposing / "temp" / "signed" / "evidence" / "random_model" / "random_model.json").unlink()
    assert propose(proposing).returncode != 0
    assert not (proposing / "gh").exists()
