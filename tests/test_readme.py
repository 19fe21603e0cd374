"""The README prints what the tools print, and its picture is of what they print."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from acceptance.console_script import gatekit

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("script", ["readme.py", "picture.py"])
def test_what_the_readme_shows_is_what_the_tools_print(script: str) -> None:
    done = subprocess.run([sys.executable, str(ROOT / "docs" / script), "--check"], capture_output=True)
    assert done.returncode == 0, f"run `python docs/{script}` and read the difference"


LIBRARIES = [sys.executable, "-c", "import click, jsonschema, numpy, yaml"]


def processor_seconds(do: Callable[[], object]) -> float:
    """Return what the processes that `do` starts and waits for take."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    do()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ended(code: int, *arguments: str) -> None:
    """Run gatekit here and expect that exit code."""
    assert gatekit(*arguments, cwd=ROOT).returncode == code


@pytest.mark.parametrize(("policy", "code"), [("agreement", 0), ("probing", 2)])
def test_the_verdicts_of_the_readme_take_a_few_times_what_their_libraries_take_to_start(policy: str, code: int) -> None:
    # About a second of the processor; machines differ, so that the libraries' start on the same one is the measure.
    libraries = min(processor_seconds(lambda: subprocess.run(LIBRARIES, check=True)) for _ in range(2))
    # Ten years on the evidence still says the same: these two policies set no age.
    command = ("check", f"examples/{policy}.yaml", "--now", "2036-11-27T12:00:00Z")
    assert processor_seconds(lambda: ended(code, *command)) < 5 * libraries


def test_the_readme_starts_with_the_picture_then_install_verdicts_saes_a_pull_request_and_the_demo() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    order = ["<picture>", "## Install", "## Two verdicts", "## Your own SAEs", "## A pull request", "## The demo"]
    assert [line for line in lines if line in order] == order
