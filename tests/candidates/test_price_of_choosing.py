"""The best of several candidates without merit passes no more often than one of them alone may."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import builders
import pytest
from candidates import pools

from gatekit.candidates import candidate_document, confirm, select
from gatekit.evidence.strict_json import Document
from gatekit.evidence.times import parse_time
from gatekit.exit_codes import ExitCode
from gatekit.gates.evaluate import evaluate

NOW = parse_time(builders.NOW)
TRUTH = 0.7
POLICY = f"""\
schema: gatekit.policy/1
id: choose
defaults: {{confidence: 0.95, min_seeds: 5}}
gates:
  reconstruction: {{from: random_model, measure: r2, at_least: {TRUTH}}}
  alive: {{from: random_model, measure: dead_fraction, at_most: 0.2}}
selection:
  eligibility: [alive]
  scores:
    - {{from: random_model, measure: r2, worst: 0.0, best: 1.0, use: point}}
"""
SPLIT = POLICY + "  seeds: {select: [0, 1, 2, 3, 4], confirm: [5, 6, 7, 8, 9]}\n"
CANDIDATES = 5
RUNS = 600


def false_passes(text: str, seeds: int, pay: bool) -> float:
    """How often the best of CANDIDATES passes, each of whose true r2 lies exactly at the threshold."""
    policy = pools.policy(text)
    assert policy.selection is not None
    draw = random.Random(20261121)
    template = {
        f"c{i}.json": builders.summary(
            "random_model", {"r2": [TRUTH] * seeds, "dead_fraction": [0.1] * seeds}, seeds=range(seeds),
            of=pools.subject(f"c{i}", range(seeds)),
        )
        for i in range(CANDIDATES)
    }  # fmt: skip
    read = pools.read(template)
    passes = 0
    for _ in range(RUNS):
        drawn = []
        for summary in read:
            r2 = tuple(draw.gauss(TRUTH, 0.02) for _ in range(seeds))
            measurements = {**summary.measurements, "r2": replace(summary.measurements["r2"], candidate=r2)}
            drawn.append(replace(summary, measurements=measurements))
        selected = select(policy, policy.selection, drawn, NOW)
        assert selected.winner is not None
        if not pay:
            own = [s for s in drawn if s.subject.digest == selected.winner.subject.digest]
            verdict = evaluate([policy], own, NOW)
        else:
            value: Any = candidate_document(selected, selected.winner)
            found = confirm(Document("candidate.json", value, "0" * 64, 0), [policy], drawn, NOW)
            verdict = evaluate(found.policies, found.summaries, NOW)
        passes += verdict.code is ExitCode.PASS
    return passes / RUNS


# Nominal is 0.05; three standard errors of 600 runs are 0.027.


@pytest.mark.slow
def test_judged_as_if_it_were_the_only_one_the_best_of_five_passes_far_too_often() -> None:
    assert false_passes(POLICY, 5, pay=False) > 0.12


@pytest.mark.slow
def test_paying_for_the_choice_keeps_the_error_at_its_level() -> None:
    assert false_passes(POLICY, 5, pay=True) < 0.05 + 0.027


@pytest.mark.slow
def test_seeds_that_selected_nothing_keep_the_error_at_its_level_without_paying() -> None:
    assert 0.05 - 0.027 < false_passes(SPLIT, 10, pay=True) < 0.05 + 0.027
