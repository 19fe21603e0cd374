"""Runs whose pieces are made ahead: their command line in this process, and what is compared of what they leave."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tiny_stage import SAES

TWO = SAES.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]")
RANDOM_MODEL = TWO + (
    "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7, extra_controls: [frozen_decoder]}\n"
)


def run(kind: str, *arguments: str) -> int:
    code: int = import_module(f"runners.stages.{kind}").main(list(arguments))
    return code


def listed(capsys: pytest.CaptureFixture[str], kind: str, given: list[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert run(kind, *given, "--units") == 0
    (line,) = capsys.readouterr().out.splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def observed(path: Path) -> str:
    document = json.loads(path.read_text())
    parts = [document[part] for part in ("status", "measurements", "subject", "protocol")]
    return json.dumps([*parts, document["producer"]["inputs"], document["producer"]["config_sha256"]])


def computed(cache: Path) -> dict[str, bytes]:
    """Return the bytes of all that a cache keeps of computed things, by name."""
    kinds = ("activations", "saes", "probing", "shifted_probes", "snapshots")
    files = (path for kind in kinds for path in sorted((cache / kind).rglob("*")) if path.is_file())
    return {path.relative_to(cache).as_posix(): path.read_bytes() for path in files}


def all_observed(out: Path) -> dict[str, str]:
    return {path.relative_to(out).as_posix(): observed(path) for path in sorted(out.rglob("*.json"))}
