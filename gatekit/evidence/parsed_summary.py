"""A Summary made from JSON that passed the schema and every check of `checks.py`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from sys import intern
from typing import Any, get_args

from gatekit.evidence.canonical import sha256_of_parsed, sha256_of_shared
from gatekit.evidence.divergence import why_diverged
from gatekit.evidence.families import Families, families_of, families_of_column, others_than
from gatekit.evidence.ratios import with_ratios
from gatekit.evidence.summary import (
    KEY_COLUMNS,
    Checkpoints,
    Design,
    Measurement,
    Protocol,
    Reported,
    SourceFile,
    Subject,
    SubjectSelection,
    Summary,
)
from gatekit.evidence.times import parse_time
from gatekit.kinds import Kind, MeasureSpec

_DESIGNS: Mapping[str, Design] = {design: design for design in get_args(Design)}

Kept = dict[object, Any]
"""What many summaries have in common (keys of observations, protocols, configurations), so that each is held once."""


def subject_from(document: Mapping[str, Any], kept: Kept | None = None) -> Subject:
    """Build a Subject from its schema-valid JSON form; `kept` as for `summary_from`."""
    seeds = tuple([int(checkpoint["seed"]) for checkpoint in document["checkpoints"]])
    seeds = seeds if kept is None else kept.setdefault(seeds, seeds)
    digest = document["model"]["digest"]
    identity = {**document, "model": document["model"]["name"] if digest is None else {"digest": digest}}
    return Subject(
        model_name=document["model"]["name"],
        model_digest=document["model"]["digest"],
        hook=intern(document["hook"]),
        d_model=int(document["d_model"]),
        architecture=intern(document["architecture"]),
        d_sae=int(document["d_sae"]),
        k=None if document["k"] is None else int(document["k"]),
        checkpoints=Checkpoints(seeds, [checkpoint["sha256"] for checkpoint in document["checkpoints"]]),
        digest=sha256_of_parsed(identity),
    )


def _protocol_from(document: Mapping[str, Any], kept: Kept) -> Protocol:
    digest = sha256_of_shared(document)
    known: Protocol | None = kept.get(("protocol", digest))
    if known is not None:
        return known
    baseline, selection = document["baseline"], document["selection"]
    # Families say how far the numbers generalise, and change none of them.
    measured = {k: v for k, v in document.items() if k not in ("seeds", "selection", "baseline", "families")}
    measured["baseline"] = baseline["kind"]
    without_settings = {k: v for k, v in measured.items() if k != "settings"}
    protocol = Protocol(
        name=document["name"],
        seeds=tuple(map(int, document["seeds"])),
        rows=int(document["rows"]),
        datasets=tuple(dataset["name"] for dataset in document["datasets"]),
        ks=tuple(map(int, document["ks"])),
        baseline_kind=baseline["kind"],
        baseline_subject=None if baseline["subject"] is None else subject_from(baseline["subject"]),
        control_subjects={
            int(model["random_model_seed"]): subject_from(model["subject"]) for model in baseline.get("models", ())
        },
        selection=SubjectSelection(
            candidates=int(selection["candidates"]),
            seeds=tuple(map(int, selection["seeds"])),
            other_datasets=others_than(selection.get("datasets", ()), document["datasets"]),
        ),
        settings=document["settings"],
        digest=digest,
        comparable=sha256_of_parsed(measured),
        alike=sha256_of_parsed(without_settings),
    )
    kept["protocol", digest] = protocol
    return protocol


def _measurement_from(spec: MeasureSpec, document: Mapping[str, Any], families: Families, kept: Kept) -> Measurement:
    design = _DESIGNS[document["design"]]
    columns = document.get("columns")
    group = document.get("baseline_columns")
    models = document.get("baseline_models")
    # Two runs may list one set of models in any order.
    drawn = (
        None if models is None else sorted(zip(map(int, models["random_model_seed"]), models["values"], strict=True))
    )
    reported = document.get("reported")
    keys: tuple[tuple[int | str, ...], ...] = ()
    candidate: tuple[float, ...] = ()
    baseline: tuple[float, ...] | None = None
    group_keys: tuple[tuple[int, ...], ...] | None = None
    group_values: tuple[float, ...] | None = None
    if columns is not None:
        # A number such as 3.0 is an integer to JSON Schema; keys are compared as the integers they are.
        parts = [columns[key] if key == "dataset" else map(int, columns[key]) for key in KEY_COLUMNS[design]]
        keys = tuple(zip(*parts, strict=True))
        keys = kept.setdefault(keys, keys)
        candidate = _column(columns["candidate"])
        if "baseline" in columns:
            baseline = _column(columns["baseline"])
    if group is not None:
        group_keys = tuple(zip(*(map(int, group[key]) for key in KEY_COLUMNS[design]), strict=True))
        group_values = tuple(map(float, group["value"]))
    return Measurement(
        name=spec.name,
        unit=intern(document["unit"]),
        direction=spec.direction,
        low=spec.low,
        high=spec.high,
        design=design,
        keys=keys,
        candidate=candidate,
        baseline=baseline,
        baseline_keys=group_keys,
        baseline_values=group_values,
        reported=None if reported is None else _reported_from(reported),
        families=families_of_column(families, design, [key[-1] for key in keys]),
        control_models=None if drawn is None else tuple(math.fsum(own) / len(own) for _, own in drawn),
        control_model_seeds=None if drawn is None else tuple(seed for seed, _ in drawn),
        trials=_trials(spec),
    )


def _column(values: Sequence[float]) -> tuple[float, ...]:
    column = tuple(map(float, values))
    # What is the same for every seed, as the active latents of a TopK SAE, is held once; 0.0 also equals -0.0.
    first = column[0] if column else 0.0
    return (first,) * len(column) if first and column.count(first) == len(column) else column


def _reported_from(document: Mapping[str, Any]) -> Reported:
    def number(key: str) -> float | None:
        return None if document[key] is None else float(document[key])

    return Reported(
        estimate=float(document["estimate"]),
        lower=number("lower"),
        upper=number("upper"),
        confidence=number("confidence"),
        n_seeds=None if document["n_seeds"] is None else int(document["n_seeds"]),
        source=document["source"],
    )


def _trials(spec: MeasureSpec) -> int | None:
    """Return of how many trials a value is a fraction; a share of latents is no share of independent trials."""
    return spec.lattice if isinstance(spec.lattice, int) and spec.range == (0, 1) else None


def _by_name(kind: Kind, measurements: Mapping[str, Any]) -> list[tuple[MeasureSpec, Mapping[str, Any]]]:
    return [(kind.by_name[name], measurements[name]) for name in sorted(measurements)]


def summary_from(document: Mapping[str, Any], path: str, sha256: str, kind: Kind, kept: Kept | None = None) -> Summary:
    """Build a Summary from JSON that passed the schema and `checks.check_document`.

    Args:
        document: the JSON.
        path: of its file.
        sha256: of the file's bytes.
        kind: whose table it follows.
        kept: filled, and looked in for what an earlier summary already holds.
    """
    kept = {} if kept is None else kept
    protocol = _protocol_from(document["protocol"], kept)
    families: Families | None = kept.get(("families", protocol.digest))
    if families is None:
        families = kept["families", protocol.digest] = families_of(document["protocol"])
    producer = document["producer"]
    commit = producer["git"]["commit"]
    status, reason = document["status"], document.get("reason")
    if status == "ok":
        reason = why_diverged(kind, document["measurements"])
        status = "ok" if reason is None else "diverged"
    sources: dict[str, SourceFile] | None = None
    if producer.get("sources") is not None:
        listed = tuple([(one["path"], one["sha256"], one.get("by")) for one in producer["sources"]])
        sources = kept.get(("sources", listed))
        if sources is None:
            sources = {path: SourceFile(sha256, by) for path, sha256, by in listed}
            kept["sources", listed] = sources
    return Summary(
        path=path,
        sha256=sha256,
        kind=kind.name,
        table=kind,
        status=intern(status),  # type: ignore[arg-type]  # mypy: intern returns a str
        reason=reason,
        subject=subject_from(document["subject"], kept),
        protocol=protocol,
        measurements=with_ratios(
            kind,
            {
                spec.name: _measurement_from(spec, measured, families, kept)
                for spec, measured in _by_name(kind, document["measurements"])
            },
        ),
        started=parse_time(producer["started"]),
        finished=parse_time(producer["finished"]),
        git_commit=None if commit is None else intern(commit),
        git_dirty=producer["git"]["dirty"],
        device=intern(producer["device"]),
        config=kept.setdefault(("config", producer["config_sha256"]), producer["config"]),
        sources=sources,
    )
