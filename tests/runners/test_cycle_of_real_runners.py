"""A cycle of real runners: killed at random, and over a damaged cache, it gives the evidence of an undisturbed run."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.killed_cycle import Left, differences, kill_at_random, left_by, run_to_the_end, took

pytestmark = pytest.mark.slow

PLAN = """\
schema: gatekit.cycle/1
id: real
description: Two widths by two runners on one cache
seeds: {pilot: [0, 1], full: [0, 1, 2]}
stages:
  agreement:
    run: random_model
    config: runners/configs/random_model/smoke.yaml
    phases: [pilot, full]
    vary: {sae.k: [8, 16]}
  circuit: {run: known_circuit, config: runners/configs/known_circuit/smoke.yaml}
"""


def finished(folder: Path) -> Left:
    """Run a cycle to its end, on a cache of its own, and return what it left."""
    plan = planned(folder)
    said = run_to_the_end(plan, folder, folder / "cache", 2)
    left = left_by(folder / "real")
    assert left.code == 3, said  # all is measured, and nothing judged
    assert len(left.summaries) == 5
    return left


def planned(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "real.yaml").write_text(PLAN, encoding="utf-8")
    return folder / "real.yaml"


def test_killed_at_random_it_gives_the_evidence_of_an_undisturbed_run(tmp_path: Path) -> None:
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    undisturbed = finished(calm)
    seconds = 0.9 * took(calm / "real")
    killed = kill_at_random(planned(rough), rough, rough / "cache", 2, 10, seconds, random.Random(7))
    assert len(killed) == 10
    assert differences(undisturbed, finished(rough)) == []


def test_every_damaged_file_of_the_cache_is_found_and_made_again(tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    undisturbed = finished(first)
    damaged = 0
    for path in sorted((first / "cache").rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0xFF
            path.unlink()
            path.write_bytes(bytes(data))
            damaged += 1
    assert damaged > 10
    again.mkdir()
    (first / "cache").rename(again / "cache")
    assert differences(undisturbed, finished(again)) == []
