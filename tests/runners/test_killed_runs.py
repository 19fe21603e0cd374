from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_external import CEBENCH, OOD
from tiny_stage import arguments

pytestmark = [pytest.mark.runners, pytest.mark.slow]

STAGES = {"cebench": CEBENCH, "ood": OOD}
KILLS = 3


def command(kind: str, folder: Path, out: str, cache: str) -> list[str]:
    return [sys.executable, "-m", "runners", kind, *arguments(folder, STAGES[kind], out, cache)]


def observed(path: Path) -> str:
    document = json.loads(path.read_text())
    parts = [document[part] for part in ("status", "measurements", "subject", "protocol")]
    return json.dumps([*parts, document["producer"]["inputs"]])


@pytest.fixture(params=sorted(STAGES))
def kind(request) -> str:
    name: str = request.param
    return name


@pytest.fixture
def run(kind, tmp_path) -> Callable[..., subprocess.Popen[bytes]]:
    """Start the stage in a process of its own."""

    def go(out: str, cache: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        return subprocess.Popen(command(kind, tmp_path, out, cache), env=environment, stderr=subprocess.DEVNULL)

    return go


def test_a_run_killed_at_any_point_leaves_no_summary_and_goes_on_to_the_same_observations(kind, run, tmp_path):
    started = time.monotonic()
    assert run("undisturbed", "first").wait() == 0
    seconds = time.monotonic() - started
    points = random.Random(0)
    killed = 0
    for attempt in range(KILLS):
        process = run("killed", "second")
        try:
            process.wait(timeout=points.uniform(0.3, 0.9) * seconds / (1 + attempt / 2))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        if killed == attempt:
            break
        assert not list((tmp_path / "killed").glob("*.json")), "a killed run has nothing to say"
    assert killed, "every run came to its end before it could be killed"
    assert run("killed", "second").wait() == 0
    summaries = [tmp_path / out / f"{kind}.json" for out in ("undisturbed", "killed")]
    assert observed(summaries[0]) == observed(summaries[1])
