from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
TARGETS = ["clean", "demo", "help", "lint", "release-gate-strict", "smoke", "test"]


def make(*arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    return subprocess.run(
        ["make", *arguments], cwd=REPO, capture_output=True, text=True, env=environment | more, input=stdin
    )


def judged(target: str, code: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a target without environments, with a runner that does nothing and a gate that exits with `code`."""
    gate = folder / "gatekit"
    gate.write_text(f"#!/bin/sh\necho verdict\nexit {code}\n", encoding="utf-8")
    gate.chmod(0o755)
    folders = [f"DEMO={folder}/demo", f"SMOKE={folder}/smoke"]
    return make(target, "GATE=", "RUNNERS=", "RUN=true", f"GATEKIT={gate}", *folders)


def test_make_alone_lists_every_target() -> None:
    listed = make().stdout
    assert [target for target in TARGETS if f"make {target} " not in listed] == []


@pytest.mark.parametrize("target", ["demo", "smoke"])
@pytest.mark.parametrize("code", [0, 2, 3, 5])
def test_a_verdict_is_shown_and_is_no_error_of_make(target: str, code: int, tmp_path: Path) -> None:
    done = judged(target, code, tmp_path)
    assert done.returncode == 0
    assert "verdict\n" in done.stdout
    assert f"exit code {code}\n" in done.stdout


@pytest.mark.parametrize("target", ["demo", "smoke"])
@pytest.mark.parametrize("code", [1, 4, 64, 70])
def test_a_gate_that_decided_nothing_fails_the_target(target: str, code: int, tmp_path: Path) -> None:
    done = judged(target, code, tmp_path)
    assert done.returncode != 0
    assert f"exit code {code}\n" in done.stdout


def test_the_demo_says_which_policy_to_edit_next(tmp_path: Path) -> None:
    assert "policies/exploratory.yaml" in judged("demo", 2, tmp_path).stdout.split("exit code 2")[1]


def test_a_runner_that_fails_stops_the_demo_before_the_gate(tmp_path: Path) -> None:
    done = make("demo", "GATE=", "RUNNERS=", "RUN=false", "GATEKIT=echo verdict", f"DEMO={tmp_path}/demo")
    assert done.returncode != 0
    assert "verdict" not in done.stdout.splitlines()


@pytest.mark.parametrize("code", [0, 2, 3, 4, 5, 64, 70])
def test_the_strict_release_gate_passes_only_on_a_pass_and_shows_the_code(code: int, tmp_path: Path) -> None:
    done = judged("release-gate-strict", code, tmp_path)
    assert (done.returncode == 0) == (code == 0)
    assert f"exit code {code}\n" in done.stdout


def test_an_interpreter_that_is_too_old_is_refused_in_one_line(tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    old.write_text('#!/bin/sh\ntest "$1" = -V && echo Python 3.10.13\nexit 1\n', encoding="utf-8")
    old.chmod(0o755)
    done = make("-B", ".venv/.installed", f"PYTHON={old}")
    assert done.returncode != 0
    assert f".venv needs Python 3.11 or newer, but {old} is Python 3.10.13" in done.stderr


@pytest.mark.parametrize(("gate", "runners"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_lint_fails_when_either_of_the_two_type_checks_that_go_at_once_does(
    gate: int, runners: int, tmp_path: Path
) -> None:
    recipe = make("-n", "lint-python", "GATE=", "RUNNERS=").stdout
    stub = tmp_path / ".venv" / "bin" / "mypy"
    stub.parent.mkdir(parents=True)
    stub.write_text(f'#!/bin/sh\ncase "$*" in *"--package runners") exit {runners};; esac\nexit {gate}\n', "utf-8")
    stub.chmod(0o755)
    done = subprocess.run(["sh", "-c", recipe[recipe.index(".venv/bin/mypy") :]], cwd=tmp_path)
    assert (done.returncode == 0) == (gate == runners == 0)


def test_a_caller_that_wants_no_bytecode_does_not_make_every_test_compile_the_command() -> None:
    asked = "include Makefile\nshown:\n\t@echo given=$$PYTHONDONTWRITEBYTECODE\n"
    assert make("-f", "-", "shown", stdin=asked, PYTHONDONTWRITEBYTECODE="1").stdout == "given=\n"
