"""What a stop rule reads: the pilots of its branches, and of its base also what was measured of the base's SAEs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import builders
import pytest

from gatekit.cycles.graph import graph_of
from gatekit.cycles.reading import parse_cycle
from gatekit.cycles.state import state_of
from gatekit.cycles.stopping import StopJudge
from gatekit.kinds import INSTALLED

STOP = """\
schema: gatekit.policy/1
id: stop
purpose: stop
defaults: {min_seeds: 3, max_age: 30d}
gates:
  r2: {from: random_model, measure: r2, not_worse_than: {base: 0.0, across_subjects: true}, bound: optimistic}
"""
BASED = """\
schema: gatekit.cycle/1
id: small
description: One stage, what is measured of its SAEs, and a stage that is compared with that
seeds: {pilot: [0, 1, 2], full: [0, 1, 2, 3, 4]}
stages:
  old: {run: one, config: a.yaml, phases: [pilot]}
  old_outside: {run: other, config: b.yaml, saes_of: old, phases: [pilot]}
  new:
    run: other
    config: b.yaml
    phases: [pilot, full]
    stop:
      - {policy: stop.yaml, base: old}
"""
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def written(path: Path, r2: list[float], k: int) -> None:
    path.parent.mkdir(parents=True)
    document = builders.summary("random_model", {"r2": r2}, seeds=[0, 1, 2], of=builders.subject([0, 1, 2], k=k))
    path.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize(("r2", "stopped"), [([0.5, 0.52, 0.51], True), ([0.81, 0.8, 0.82], False)])
def test_a_branch_is_compared_with_what_was_measured_of_the_saes_of_its_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, r2: list[float], stopped: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("stop.yaml").write_text(STOP, encoding="utf-8")
    cycle = parse_cycle(BASED.encode(), "cycles/small.yaml")
    graph = graph_of(cycle)
    written(tmp_path / "pilot/old_outside/all/other/random_model.json", [0.8, 0.81, 0.82], 8)
    written(tmp_path / "pilot/new/all/other/random_model.json", r2, 16)
    (decision,) = graph.decisions.values()
    decided = StopJudge(cycle, tmp_path, INSTALLED).decide(decision, state_of(graph, [], 2), NOW)
    assert set(decided.stopped) == ({"all"} if stopped else set())
    assert decided.judged[0]["code"] == (2 if stopped else 0)
