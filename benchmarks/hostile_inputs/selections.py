"""Selections among as many candidates as there may be."""

from __future__ import annotations

import json
from math import comb, cos, pi, sin
from pathlib import Path

import builders

from gatekit.policy.lint import MAX_WEIGHTINGS
from hostile_inputs.cases import case, write

POLICY = """\
schema: gatekit.policy/1
id: p
gates:
  g: {from: random_model, measure: r2, at_least: %s}
selection:
  eligibility: [g]
  weight_grid: %d
  scores:
    - {from: random_model, measure: r2, worst: 0.0, best: 1.0, weight: 1}
    - {from: random_model, measure: pw_mcc, worst: 0.0, best: 1.0, weight: 1}
    - {from: random_model, measure: dead_fraction, worst: 1.0, best: 0.0, weight: 1}
    - {from: random_model, measure: l0, worst: 64.0, best: 0.0, weight: 1}
"""
MOST_GRID = next(n for n in range(100, 0, -1) if comb(n + 3, 3) <= MAX_WEIGHTINGS)


def candidates(folder: Path, count: int, grid: int, least: float = 0.0) -> list[str]:
    """So many candidates, each of which is better than every other one in one of two scores."""
    write(folder, "policies/p.yaml", POLICY % (least, grid))
    seeds = builders.SEEDS
    for index in range(count):
        angle = pi / 2 * (index + 1) / (count + 2)
        values = {
            "r2": [0.9 * cos(angle) + seed * 1e-5 for seed in range(5)],
            "pw_mcc": [0.9 * sin(angle) + pair * 1e-5 for pair in range(10)],
            "dead_fraction": [0.0] * 5,
            "l0": [32.0] * 5,
        }
        own = [{"seed": seed, "sha256": builders.digest(f"{index} {seed}")} for seed in seeds]
        document = builders.summary("random_model", values, of=builders.subject(checkpoints=own))
        write(folder, f"evidence/{index:05d}.json", json.dumps(document))
    return ["select", "--policy", "policies/p.yaml", "--now", builders.NOW, "evidence"]


@case("own folder: 10,000 candidates, of which none is better than another in all")
def _(folder: Path) -> list[str]:
    return candidates(folder, 10_000, 10)


@case("own folder: 10,000 candidates, and as many combinations of weights as there may be")
def _(folder: Path) -> list[str]:
    return candidates(folder, 10_000, MOST_GRID)


@case("own folder: 10,000 candidates that all fail, and what is written of them")
def _(folder: Path) -> list[str]:
    return [*candidates(folder, 10_000, 10, 1.0), "--out", "out"]
