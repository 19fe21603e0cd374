"""Evidence on several candidates, and a policy that selects among them.

    evidence = pools.evidence(topk={"auc": 0.90}, relu={"auc": 0.92, "l0": 300.0})

Every candidate has five seeds (or `seeds`), saebench AUC minus a dense probe's 0.95, r2, l0 and dead fraction; its
values are the ones given, spread a little over the seeds so that a bound differs from its estimate.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import builders
from scipy import stats

from gatekit.candidates import ComparedCandidate, SelectionResult, select
from gatekit.evidence import Summary, contradictions
from gatekit.evidence.reading import parse_summary
from gatekit.evidence.times import parse_time
from gatekit.policy import Policy, parse_policy
from gatekit.policy.model import Selection

POLICY = """\
schema: gatekit.policy/1
id: choose
defaults: {confidence: 0.95, min_seeds: 5, max_age: 30d}
gates:
  health:
    all_of:
      - {from: random_model, measure: r2, at_least: 0.5}
      - {from: random_model, measure: l0, at_most: 64}
  alive: {from: random_model, measure: dead_fraction, at_most: 0.2}
  external: {from: saebench, measure: auc_delta, at_least: -0.1}
selection:
  eligibility: [health, alive]
  scores:
    - {from: saebench, measure: auc_delta, worst: -0.2, best: 0.0, weight: 2}
    - {from: random_model, measure: r2, worst: 0.5, best: 1.0}
"""

DEFAULTS = {"auc": 0.90, "r2": 0.80, "l0": 32.0, "dead": 0.05, "spread": 0.004, "auc_varies": True}
PROBE = 0.95
SEEDS = builders.SEEDS


def subject(name: str, seeds: Sequence[int] = SEEDS, **changes: Any) -> dict[str, Any]:
    """A subject whose checkpoints nobody else has."""
    own = [{"seed": seed, "sha256": builders.digest(f"{name} {seed}")} for seed in sorted(seeds)]
    return builders.subject(seeds, **{"architecture": name.split("-")[0], "checkpoints": own, **changes})


def summaries(name: str, seeds: Sequence[int] = SEEDS, **given: Any) -> dict[str, Any]:
    """The two summaries of one candidate; `given` replaces DEFAULTS, and `saebench` fields of that protocol."""
    protocol = given.pop("saebench", None)
    v = {**DEFAULTS, **given}
    n, datasets = len(seeds), len(builders.DATASETS)
    wave = [v["spread"] * (i - (n - 1) / 2) for i in range(n)]
    # Datasets differ by a little, so that it is seeds that decide how wide a bound is; where nothing varies they agree.
    apart = 1e-6 if v["auc_varies"] else 0.0
    auc = [v["auc"] + w * v["auc_varies"] + apart * (d - (datasets - 1) / 2) for w in wave for d in range(datasets)]
    own = subject(name, seeds)
    health = {
        "r2": [v["r2"] + w for w in wave],
        "l0": [v["l0"]] * n,
        "dead_fraction": [v["dead"]] * n,
    }
    return {
        f"{name}-random_model.json": builders.summary("random_model", health, seeds=seeds, of=own),
        f"{name}-saebench.json": builders.summary(
            "saebench", {"auc_delta": (auc, [PROBE] * len(auc))}, seeds=seeds, of=own, protocol_changes=protocol
        ),
    }


def evidence(**candidates: Mapping[str, Any]) -> dict[str, Any]:
    """File name -> summary of every candidate, by its name."""
    return {file: document for name, given in candidates.items() for file, document in summaries(name, **given).items()}


def read(documents: Mapping[str, Any], folder: str = "evidence") -> list[Summary]:
    """The documents as the gate reads them from a folder; a contradiction among them fails the test."""
    found = [parse_summary(json.dumps(document).encode(), f"{folder}/{name}") for name, document in documents.items()]
    assert contradictions(found) == []
    return found


def policy(text: str = POLICY) -> Policy:
    """A policy as the gate reads it."""
    return parse_policy(text.encode(), "policies/choose.yaml")


def choose(documents: Mapping[str, Any], text: str = POLICY, now: str = builders.NOW) -> SelectionResult:
    """The selection among the documents."""
    chosen = policy(text)
    assert isinstance(chosen.selection, Selection)
    return select(chosen, chosen.selection, read(documents), parse_time(now))


def names(selected: SelectionResult) -> list[str]:
    """Architectures of those ranked, best first."""
    return [candidate.subject.architecture for candidate in selected.candidates if candidate.rank is not None]


def one(selected: SelectionResult, name: str) -> ComparedCandidate:
    """The candidate of an architecture."""
    (found,) = [candidate for candidate in selected.candidates if candidate.subject.architecture == name]
    return found


def student_lower(values: Sequence[float], confidence: float = 0.95) -> float:
    """Student's lower bound of a mean, by scipy."""
    n = len(values)
    mean = math.fsum(values) / n
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return mean - float(stats.t.ppf(confidence, n - 1)) * deviation / math.sqrt(n)
