"""Summary documents for tests: valid, complete, of one subject, with observations that the test chooses.

    builders.summary("random_model", {"r2": [0.8, 0.81, 0.82, 0.83, 0.84]})
    builders.summary("transcoder", {"sae_minus_transcoder": (candidate, baseline)})     # one value per pair of seeds
    builders.summary("saebench", {"auc": builders.reported(0.71)})                      # another tool's number
    builders.release_evidence()                                                         # passes exploratory.yaml
    builders.write(folder, {"a.json": document})

Values stand in the order of the design's keys: seeds; pairs (0, 1), (0, 2), ...; seed 0's datasets or rows, seed 1's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any

from gatekit.evidence import sha256_of
from gatekit.kinds import INSTALLED

Json = dict[str, Any]
Values = Sequence[float]
Observations = Mapping[str, Values | tuple[Values, Values] | Json]

SEEDS = (0, 1, 2, 3, 4)
DATASETS = ("agnews", "imdb", "newsgroups")
ROWS = 4
FINISHED = "2026-03-01T12:00:00Z"
NOW = "2026-03-02T12:00:00Z"
"""A day after FINISHED: within any max_age."""

BASELINES = {
    "random_model": "random_model",
    "transcoder": "transcoder",
    "ood": "none",
    "saebench": "dense_probe",
    "cebench": "public_sae",
    "known_circuit": "random_model",
    "ablation": "untrained",
    "adaptive_l0": "matched_sae",
    "consistency": "matched_sae",
    "stability": "untrained",
    "frontier": "dense_probe",
    "scaling": "dense_probe",
    "layer_routing": "matched_sae",
    "downstream_score": "original_model",
    "saebench_absorption": "none",
    "saebench_autointerp": "none",
    "saebench_ravel": "none",
    "saebench_scr": "none",
    "saebench_tpp": "none",
    "saebench_unlearning": "none",
}


def digest(text: str) -> str:
    """A sha256 that differs for every text."""
    return sha256(text.encode()).hexdigest()


def subject(seeds: Sequence[int] = SEEDS, **changes: Any) -> Json:
    """A subject with one checkpoint per seed; `changes` replace its fields, `model` is the model's name."""
    name = changes.pop("model", "pythia-70m")
    return {
        "model": {"name": name, "digest": digest(name)},
        "hook": "blocks.3.hook_resid_post",
        "d_model": 512,
        "architecture": "topk",
        "d_sae": 4096,
        "k": 32,
        "checkpoints": [{"seed": seed, "sha256": digest(f"{name} {seed}")} for seed in sorted(seeds)],
    } | changes


def protocol(kind: str, seeds: Sequence[int] = SEEDS, datasets: Sequence[str] = (), **changes: Any) -> Json:
    """A protocol; `changes` replace its fields."""
    return {
        "name": f"{kind}/1",
        "seeds": list(seeds),
        "rows": 1000,
        "datasets": [{"name": name, "sha256": digest(name), "rows": 1000} for name in datasets],
        "ks": [],
        "baseline": {"kind": BASELINES[kind], "subject": None},
        "selection": {"candidates": 1, "seeds": []},
        "settings": {},
    } | changes


def measurement(
    kind: str, name: str, candidate: Values, baseline: Values | None = None, seeds: Sequence[int] = SEEDS
) -> Json:
    """A measurement in its measure's own design; datasets and rows are as many as the values need."""
    measure = INSTALLED.measures(kind)[name]
    columns: dict[str, list[Any]] = {}
    if measure.design == "per_seed":
        columns["seed"] = list(seeds)
    elif measure.design == "per_seed_pair":
        pairs = list(combinations(seeds, 2))
        columns |= {"seed_a": [a for a, _ in pairs], "seed_b": [b for _, b in pairs]}
    else:
        levels: Sequence[Any] = (
            datasets_for(len(candidate), seeds)
            if measure.design == "per_seed_dataset"
            else range(len(candidate) // len(seeds))
        )
        column = "dataset" if measure.design == "per_seed_dataset" else "row"
        columns["seed"] = [seed for seed in seeds for _ in levels]
        columns[column] = [level for _ in seeds for level in levels]
    columns["candidate"] = list(candidate)
    if baseline is not None:
        columns["baseline"] = list(baseline)
    return {
        "unit": measure.unit,
        "direction": measure.direction,
        "range": [measure.low, measure.high],
        "design": measure.design,
        "columns": columns,
    }


def datasets_for(values: int, seeds: Sequence[int] = SEEDS) -> tuple[str, ...]:
    """The names of as many datasets as `values` observations over these seeds have."""
    count = values // len(seeds)
    return tuple(DATASETS[i] if i < len(DATASETS) else f"dataset_{i}" for i in range(count))


def reported(
    estimate: float,
    lower: float | None = None,
    upper: float | None = None,
    confidence: float | None = None,
    n_seeds: int | None = None,
    source: str = "results.json#/auc",
) -> Json:
    """Another tool's own numbers, to be given to `summary` in place of observations."""
    bounds = {"lower": lower, "upper": upper, "confidence": confidence}
    return {"estimate": estimate, **bounds, "n_seeds": n_seeds, "source": source}


def summary(
    kind: str,
    observations: Observations,
    *,
    seeds: Sequence[int] = SEEDS,
    status: str = "ok",
    reason: str | None = None,
    finished: str = FINISHED,
    of: Mapping[str, Any] | None = None,
    protocol_changes: Mapping[str, Any] | None = None,
    producer_changes: Mapping[str, Any] | None = None,
) -> Json:
    """A summary of `kind`.

    Args:
        kind: of the summary.
        observations: per measure: values of the candidate, (candidate, baseline), or `reported(...)`.
        seeds: of the candidate.
        status: "ok", "failed" or "skipped".
        reason: for the last two.
        finished: UTC time; the run started an hour earlier at most, at midnight at the latest.
        of: the subject; by default `subject(seeds)`.
        protocol_changes: fields of the protocol to replace.
        producer_changes: fields of the producer to replace.
    """
    measurements: Json = {}
    datasets: tuple[str, ...] = ()
    for name, given in observations.items():
        if isinstance(given, Mapping):
            measure = INSTALLED.measures(kind)[name]
            contract = {"unit": measure.unit, "direction": measure.direction, "range": [measure.low, measure.high]}
            measurements[name] = {**contract, "design": "reported", "reported": dict(given)}
            continue
        candidate, baseline = given if isinstance(given, tuple) else (given, None)
        measurements[name] = measurement(kind, name, candidate, baseline, seeds)
        if measurements[name]["design"] == "per_seed_dataset":
            datasets = datasets_for(len(candidate), seeds)
    config: Json = {"kind": kind, "steps": 1000}
    document: Json = {
        "schema": "gatekit.summary/1",
        "kind": kind,
        "status": status,
        "subject": dict(of) if of is not None else subject(seeds),
        "producer": {
            "command": ["python", "-m", "runners", kind],
            "config": config,
            "config_sha256": sha256_of(config),
            "git": {"commit": "c0ffee" * 6 + "c0ff", "dirty": False},
            "inputs": [],
            "packages": {"torch": "2.13.0"},
            "device": "cpu",
            "determinism": {"threads": 2},
            "started": finished[:11] + "00:00:00Z",
            "finished": finished,
            **(producer_changes or {}),
        },
        "protocol": protocol(kind, seeds, datasets, **(protocol_changes or {})),
        "measurements": measurements,
        "artifacts": [],
    }
    if reason is not None:
        document["reason"] = reason
    return document


def around(center: float, width: float, count: int) -> list[float]:
    """`count` values with mean `center` between center - width and center + width, in a scrambled order."""
    step = 2.0 * width / (count - 1)
    values = [round(center - width + step * i, 12) for i in range(count)]
    return values[0::3] + values[1::3] + values[2::3]


def release_evidence(**kinds: Observations) -> dict[str, Json]:
    """File name -> summary, one of each kind, which pass exploratory.yaml; a keyword replaces a kind's measures.

    For instance `release_evidence(transcoder={"sae_minus_transcoder": (worse, better)})`.
    """
    pairs, cells, rows = 10, len(SEEDS) * len(DATASETS), len(SEEDS) * ROWS
    passing: dict[str, Observations] = {
        "random_model": {
            "pw_mcc_above_control": (around(0.62, 0.02, pairs), around(0.41, 0.01, pairs)),
            "pw_mcc_above_untrained": (around(0.62, 0.02, pairs), around(0.12, 0.005, pairs)),
            "pw_mcc_above_gaussian": (around(0.62, 0.02, pairs), around(0.11, 0.005, pairs)),
            "similarity_at_init": around(0.11, 0.005, pairs),
            "r2": around(0.83, 0.01, 5),
            "l0": [32.0] * 5,
            "dead_fraction": around(0.05, 0.01, 5),
        },
        "transcoder": {"sae_minus_transcoder": (around(0.62, 0.02, pairs), around(0.60, 0.01, pairs))},
        "ood": {"auc_drop": around(0.04, 0.02, cells), "id_auc": around(0.85, 0.02, cells)},
        "saebench": {"auc_delta": (around(0.91, 0.01, cells), around(0.86, 0.008, cells))},
        "cebench": {"interpretability_delta": (around(4.2, 0.2, rows), around(3.1, 0.15, rows))},
    }
    return {f"{kind}.json": summary(kind, kinds.get(kind, given)) for kind, given in passing.items()}


def write(folder: Path, documents: Mapping[str, Any]) -> Path:
    """Write documents into a folder, which is made, and return it. No check is made: a test may write what it wants."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document, indent=1), encoding="utf-8")
    return folder
