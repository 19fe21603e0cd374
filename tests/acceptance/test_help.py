"""`--help` and `--version` of every command, as a process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from acceptance.console_script import gatekit

import gatekit as package
from gatekit.cli.commands import COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_help(tmp_path: Path, command: str, option: str) -> None:
    done = gatekit(command, option, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: gatekit {command}" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_listed_with_what_it_does(tmp_path: Path, command: str) -> None:
    done = gatekit("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line.startswith(f"│ {command} ")]


GROUPS = ("claims", "policy", "new", "cache", "cycle")
"""Commands that have commands of their own."""


@pytest.mark.parametrize("command", [*(name for name in COMMANDS if name not in GROUPS), "claims check", "policy diff"])
def test_every_command_takes_the_projects_root(tmp_path: Path, command: str) -> None:
    assert "--root" in gatekit(*command.split(), "--help", cwd=tmp_path).stdout
    done = gatekit(*command.split(), "--root", "missing", cwd=tmp_path)
    assert done.returncode == 64 and "Traceback" not in done.stderr


def test_the_help_names_every_exit_code(tmp_path: Path) -> None:
    text = " ".join(gatekit("--help", cwd=tmp_path).stdout.split())
    for code in ("0 pass", "2 blocked", "3 inconclusive", "4 refused", "5 approval needed", "64 usage", "70 internal"):
        assert code in text


def test_the_version_is_the_packages_and_names_the_commit_of_the_checkout(tmp_path: Path) -> None:
    done = gatekit("--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    source = r"\(checkout of [0-9a-f]{40,64}\)|\(commit unknown\)"  # unknown where the tests lie without git
    assert re.fullmatch(rf"gatekit, version {re.escape(package.__version__)} ({source})\n", done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_of_any_command_exits_64(tmp_path: Path, command: str) -> None:
    done = gatekit(command, "--no-such-option", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert "Traceback" not in done.stderr


def test_help_on_a_closed_stdout_is_not_a_success(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        assert gatekit("--help", cwd=tmp_path, stdout=full).returncode == 70
