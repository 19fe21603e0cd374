"""The parts of a summary's JSON form, put together in one place for everybody who writes one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gatekit.evidence.canonical import sha256_of
from gatekit.evidence.divergence import why_diverged
from gatekit.kinds import INSTALLED, MeasureSpec

Json = dict[str, Any]


def contract(measure: MeasureSpec) -> Json:
    """Return what is fixed about every measurement of a measure, repeated in the file so that no unit is mistaken."""
    return {"unit": measure.unit, "direction": measure.direction, "range": [measure.low, measure.high]}


def observed(
    measure: MeasureSpec,
    columns: Mapping[str, Sequence[Any]],
    control: Mapping[str, Sequence[Any]] | None = None,
    *,
    with_estimate: bool = True,
) -> Json:
    """Return a measurement with its observations, in the measure's own design.

    Args:
        measure: what was measured.
        columns: the key columns, `candidate`, and `baseline` where the control has a value for the same key.
        control: the key columns and `value` of a control group that is not paired.
        with_estimate: also write the mean effect, for people; the gate computes it again.
    """
    document: Json = {
        **contract(measure),
        "design": measure.design,
        "columns": {name: list(values) for name, values in columns.items()},
    }
    if control is not None:
        document["baseline_columns"] = {name: list(values) for name, values in control.items()}
    if with_estimate:
        total = math.fsum(columns["candidate"]) - math.fsum(columns.get("baseline", ()))
        estimate = total / len(columns["candidate"])
        if control is not None:
            estimate -= math.fsum(control["value"]) / len(control["value"])
        document["aggregates"] = {"estimate": estimate}
    return document


def producer(
    *,
    command: Sequence[str],
    config: Mapping[str, Any],
    started: str,
    finished: str,
    commit: str | None = None,
    dirty: bool | None = None,
    inputs: Sequence[Mapping[str, Any]] = (),
    packages: Mapping[str, str] | None = None,
    device: str = "unrecorded",
    determinism: Mapping[str, Any] | None = None,
) -> Json:
    """Return who measured, with what, when; the digest of the configuration is computed here."""
    return {
        "command": list(command),
        "config": dict(config),
        "config_sha256": sha256_of(dict(config)),
        "git": {"commit": commit, "dirty": dirty},
        "inputs": [dict(item) for item in inputs],
        "packages": dict(packages or {}),
        "device": device,
        "determinism": dict(determinism or {}),
        "started": started,
        "finished": finished,
    }


def summary(
    kind: str,
    *,
    subject: Mapping[str, Any],
    producer: Mapping[str, Any],
    protocol: Mapping[str, Any],
    measurements: Mapping[str, Any] | None = None,
    artifacts: Sequence[Mapping[str, Any]] = (),
    status: Literal["ok", "diverged", "failed", "skipped"] = "ok",
    reason: str | None = None,
) -> Json:
    """Return the whole document, `diverged` in place of `ok` where the measurements show it.

    `reason` is why there is no measurement, or by what the SAEs are known to have diverged; only `ok` has none.
    """
    table = INSTALLED.get(kind)  # a repository's own kind says nothing of divergence
    if status == "ok" and table is not None:
        reason = why_diverged(table, measurements or {})
        status = "ok" if reason is None else "diverged"
    document: Json = {
        "schema": "gatekit.summary/1",
        "kind": kind,
        "status": status,
        "subject": dict(subject),
        "producer": dict(producer),
        "protocol": dict(protocol),
        "measurements": dict(measurements or {}),
        "artifacts": [dict(item) for item in artifacts],
    }
    if reason is not None:
        document["reason"] = reason
    return document
