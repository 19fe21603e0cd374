"""The script that measures training in parts, at toy size, so that it does not rot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOY = ("16", "64", "4", "64")

pytestmark = [pytest.mark.runners, pytest.mark.slow]


def printed(*arguments: str) -> str:
    asked = [sys.executable, "-m", "benchmarks.parts", *arguments, "--shape", *TOY]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_has_each_step_whole_and_in_parts():
    rows = [line.split("|") for line in printed("--output", "-", "--rounds", "1").splitlines() if "GiB**" in line]
    steps = ("gatekit", "gatekit, dense products", "gatekit, ReLU")
    assert [(row[1].strip(), row[2].strip()) for row in rows] == [
        (name, parts) for name in steps for parts in ("whole", "4", "16")
    ]
