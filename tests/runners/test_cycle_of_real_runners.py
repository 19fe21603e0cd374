"""A cycle of real runners: killed at random, and over a damaged cache, it gives the evidence of an undisturbed run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow

PLAN = """\
schema: gatekit.cycle/1
id: real
description: Two widths by two runners on one cache
seeds: {pilot: [0, 1], full: [0, 1, 2]}
retries: 10
stages:
  agreement:
    run: random_model
    config: runners/configs/random_model/smoke.yaml
    phases: [pilot, full]
    vary: {sae.k: [8, 16]}
  circuit: {run: known_circuit, config: runners/configs/known_circuit/smoke.yaml}
"""


def start(folder: Path, cache: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gatekit", "cycle", "run", str(folder / "real.yaml")]
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    return subprocess.Popen(
        [*command, "--runs", str(folder), "--cache", str(folder / cache), "--slots", "2"],
        cwd=ROOT,
        env={**os.environ, **offline},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(folder: Path, cache: str = "cache") -> dict[str, Any]:
    """Run a cycle to its end and return the measurements of all its summaries."""
    folder.mkdir(exist_ok=True)
    (folder / "real.yaml").write_text(PLAN, encoding="utf-8")
    driver = start(folder, cache)
    output, _ = driver.communicate(timeout=1200)
    assert driver.returncode == 3, output  # all is measured, and nothing judged
    root = folder / "real" / "evidence"
    found = {}
    for path in sorted(root.rglob("*.json")):
        value = json.loads(path.read_text(encoding="utf-8"))
        found[path.relative_to(root).as_posix()] = (value["measurements"], value["subject"], value["protocol"])
    return found


def workers(driver: int) -> list[int]:
    """Return the processes that a driver has started and that still run."""
    return [int(child) for child in Path(f"/proc/{driver}/task/{driver}/children").read_text().split()]


def killed_at_random(folder: Path, kills: int) -> None:
    """Kill workers and drivers of a cycle in turns, each at a random moment while something is measured."""
    chance = random.Random(7)
    driver = start(folder, "cache")
    for number in range(kills):
        deadline = time.monotonic() + 300
        while not (running := workers(driver.pid)):
            assert driver.poll() is None, "it ended before all that was to be killed was"
            assert time.monotonic() < deadline, "no worker was started"
            time.sleep(0.1)
        time.sleep(chance.uniform(0, 5))
        if number % 2:
            driver.kill()
            driver.communicate()
            driver = start(folder, "cache")
        else:
            for worker in [one for one in running if one in workers(driver.pid)][:1]:
                os.kill(worker, signal.SIGKILL)  # the driver starts another one in its place
    driver.kill()
    driver.communicate()


def test_killed_at_random_it_gives_the_evidence_of_an_undisturbed_run(tmp_path: Path) -> None:
    calm = finished(tmp_path / "calm")
    assert len(calm) == 5
    rough = tmp_path / "rough"
    rough.mkdir()
    (rough / "real.yaml").write_text(PLAN, encoding="utf-8")
    killed_at_random(rough, kills=10)
    assert finished(rough) == calm


def test_every_damaged_file_of_the_cache_is_found_and_made_again(tmp_path: Path) -> None:
    calm = finished(tmp_path / "first")
    damaged = 0
    for path in sorted((tmp_path / "first" / "cache").rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0xFF
            path.unlink()
            path.write_bytes(bytes(data))
            damaged += 1
    assert damaged > 10
    (tmp_path / "first" / "cache").rename(tmp_path / "cache")
    again = tmp_path / "again"
    again.mkdir()
    (tmp_path / "cache").rename(again / "cache")
    assert finished(again) == calm
