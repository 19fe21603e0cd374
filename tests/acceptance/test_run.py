"""`gatekit run` as a process: found by entry point, loaded when called, honest about what is missing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from acceptance.console_script import gatekit
from acceptance.plugins import package

RUNNER = """
import sys
def main(argv):
    print("measured with", *argv)
    return {code}
"""


def installed(folder: Path, code: str, value: str = "labtool") -> dict[str, str]:
    return package(folder / "site", {"labtool": code}, f"[gatekit.runners]\nlab = {value}\n")


@pytest.mark.parametrize("value", ["labtool", "labtool:main"], ids=["module", "function"])
def test_another_packages_runner_gets_its_own_arguments(tmp_path: Path, value: str) -> None:
    env = installed(tmp_path, RUNNER.format(code=0), value)
    done = gatekit("run", "lab", "--config", "a.yaml", "-x", "--help", "--", "--now", cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "measured with --config a.yaml -x --help -- --now\n"


@pytest.mark.parametrize("code", [0, 4, 64, 70, 130])
def test_the_runners_exit_code_is_the_commands(tmp_path: Path, code: int) -> None:
    done = gatekit("run", "lab", cwd=tmp_path, env=installed(tmp_path, RUNNER.format(code=code)))
    assert done.returncode == code


def test_a_wrong_argument_of_an_argparse_runner_does_not_look_like_a_blocked_verdict(tmp_path: Path) -> None:
    code = "import argparse\ndef main(argv):\n    argparse.ArgumentParser(prog='lab').parse_args(argv)\n    return 0\n"
    env = installed(tmp_path, code)
    assert gatekit("run", "lab", "--bad", cwd=tmp_path, env=env).returncode == 64
    assert gatekit("run", "lab", "--help", cwd=tmp_path, env=env).returncode == 0


def test_a_runner_that_breaks_exits_70(tmp_path: Path) -> None:
    done = gatekit("run", "lab", cwd=tmp_path, env=installed(tmp_path, "def main(argv):\n    raise SystemExit(1)\n"))
    assert done.returncode == 70
    done = gatekit("run", "lab", cwd=tmp_path / "site", env={"PYTHONPATH": str(tmp_path / "site")})
    assert done.returncode == 70


def test_a_package_that_the_runner_needs_and_lacks_is_named_with_how_to_install_it(tmp_path: Path) -> None:
    done = gatekit("run", "lab", cwd=tmp_path, env=installed(tmp_path, "import no_such_package\n"))
    assert done.returncode == 64
    assert "needs no_such_package, which is not installed" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed here")
def test_our_own_runner_without_torch_says_how_to_install_it_and_leaves_no_summary(tmp_path: Path) -> None:
    done = gatekit("run", "random_model", "--config", "x.yaml", "--out", "evidence", cwd=tmp_path)
    assert done.returncode == 64
    assert "needs torch" in done.stderr
    assert "pip install '.[runners]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "evidence").exists()


def test_an_unknown_runner_exits_64_and_names_the_nearest(tmp_path: Path) -> None:
    done = gatekit("run", "randommodel", cwd=tmp_path)
    assert done.returncode == 64
    assert "did you mean 'random_model'?" in done.stderr


def test_a_runner_that_two_packages_register_is_refused(tmp_path: Path) -> None:
    package(tmp_path / "site", {"other": ""}, "[gatekit.runners]\nlab = other\n", name="other")
    done = gatekit("run", "lab", cwd=tmp_path, env=installed(tmp_path, RUNNER.format(code=0)))
    assert done.returncode == 4
    assert "labtool, other" in done.stderr


def test_no_other_command_loads_a_runner(tmp_path: Path) -> None:
    env = installed(tmp_path, "raise RuntimeError('loaded')\n")
    assert gatekit("--help", cwd=tmp_path, env=env).returncode == 0
    assert gatekit("schema", cwd=tmp_path, env=env).returncode == 0
