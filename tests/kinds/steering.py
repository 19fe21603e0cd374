"""A kind of a lab's own, and evidence of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import builders

KIND = """\
# yaml-language-server: $schema=../schemas/kind.schema.json
schema: gatekit.kind/1
description: Does adding a latent's direction steer the model?
baselines: [none]
measures:
  success:
    description: Share of prompts whose continuation a judge calls steered.
    direction: higher
    range: [0, 1]
"""
POLICY = """\
schema: gatekit.policy/1
id: steering
gates:
  steers: {from: steering, measure: success, at_least: 0.5}
"""
VALUES = (0.71, 0.69, 0.75, 0.66, 0.72)


def summary(
    values: Sequence[float] = VALUES,
    measure: str = "success",
    changes: Mapping[str, Any] | None = None,
    sources: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """A summary of kind steering; `changes` replace fields of its one measurement."""
    producer = {"sources": list(sources)} if sources else {}
    document = builders.summary("random_model", {"dead_fraction": list(values)}, producer_changes=producer)
    document["kind"] = "steering"
    document["protocol"]["name"] = "steering/1"
    document["protocol"]["baseline"] = {"kind": "none", "subject": None}
    columns = document["measurements"].pop("dead_fraction")["columns"]
    contract = {"unit": "1", "direction": "higher", "range": [0, 1], "design": "per_seed"}
    document["measurements"] = {measure: {**contract, "columns": columns, **(changes or {})}}
    return document


def folder(place: Path, kind: str = KIND, policy: str = POLICY, evidence: Mapping[str, Any] | None = None) -> Path:
    """A folder with one kind, one policy and one summary."""
    (place / "kinds").mkdir(parents=True)
    (place / "kinds" / "steering.yaml").write_text(kind)
    (place / "policies").mkdir()
    (place / "policies" / "p.yaml").write_text(policy)
    (place / "evidence").mkdir()
    (place / "evidence" / "a.json").write_text(json.dumps(summary() if evidence is None else evidence))
    return place
