"""A cycle of several branches in a repository with the fake runner, and its policies that stop and choose."""

from __future__ import annotations

import json
from pathlib import Path

from cycles.workplace import cycle, workplace

BRANCHED = """\
schema: gatekit.cycle/1
id: small
description: Four variants, of which bad ones end with their pilot
seeds: {pilot: [0, 1, 2], full: [0, 1, 2, 3, 4]}
stages:
  old:
    run: fakelab
    config: config.json
    phases: [pilot, full]
    set: {k: 8, delta: 0.1}
  new:
    run: fakelab
    config: config.json
    phases: [pilot, full]
    branches:
      good: {k: 16, delta: 0.2}
      fine: {k: 32, delta: 0.15}
      poor: {k: 64, delta: 0.12}
      bad: {k: 128, delta: -0.2}
    stop:
      - RULE
finish:
  select: {policy: policies/choose.yaml, among: [new]}
  check: policies/choose.yaml
"""

STOP = """\
schema: gatekit.policy/1
id: stop
defaults: {min_seeds: 3, max_age: 30d}
gates:
  above: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}
"""

CHOOSE = """\
schema: gatekit.policy/1
id: choose
defaults: {min_seeds: 3, max_age: 30d}
gates:
  above: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}
  r2: {from: random_model, measure: r2, at_least: 0.5}
selection:
  eligibility: [r2]
  scores:
    - {from: random_model, measure: pw_mcc_above_control, worst: -1.0, best: 1.0, weight: 1}
  pareto:
    - {from: random_model, measure: pw_mcc_above_control}
"""

FEWER = "".join(line for line in BRANCHED.splitlines(keepends=True) if not line.lstrip().startswith(("fine:", "poor:")))
"""Two variants: enough where it does not matter which one is chosen."""

FILES = {"policies__stop.yaml": STOP, "policies__choose.yaml": CHOOSE}


def branched(folder: Path, rule: str, plan: str = BRANCHED) -> Path:
    """Make a folder with the plan, under this stop rule."""
    return workplace(folder, plan.replace("RULE", rule), None, **FILES)


def states(folder: Path) -> dict[str, dict[str, int]]:
    """Return stage -> state -> number of tasks."""
    done = cycle(folder, "status", "small", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, int]] = json.loads(done.stdout)["stages"]
    return found
