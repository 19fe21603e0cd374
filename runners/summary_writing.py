"""Summaries from measurements: the only module of the runners that touches the gate's evidence."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence import divergence, summary_parts
from gatekit.evidence.canonical import sha256_of
from gatekit.evidence.divergence import in_words as in_words
from gatekit.evidence.strict_json import read_json
from gatekit.evidence.summary import MEASURED
from gatekit.evidence.writing import write_summary
from gatekit.kinds import INSTALLED

Json = dict[str, Any]


@dataclass(frozen=True)
class RunResult:
    """What a stage hands over when it is done: the parts of a summary that only measuring can fill."""

    subject: Json
    protocol: Json
    measurements: Json
    inputs: list[Json]
    artifacts: list[Json] = field(default_factory=list)
    diverged: str | None = None
    """By what the SAEs are known to have diverged, where no measurement shows it."""


def config_digest(config: Mapping[str, Any]) -> str:
    """Return the digest of a configuration's plain form, as the gate recomputes it."""
    return sha256_of(config)


def measurement(
    kind: str,
    name: str,
    keys: Mapping[str, Sequence[int | str]],
    candidate: Sequence[float],
    baseline: Sequence[float] | None = None,
) -> Json:
    """Return one measurement; unit, direction, range and design are those of the kind's schema.

    Args:
        kind: of the summary.
        name: one that the schema knows.
        keys: key column name -> one entry per observation.
        candidate: one value per observation.
        baseline: the control's value for the same key, exactly where the measure compares.
    """
    contract = INSTALLED.measures(kind)[name]
    if contract.compares != (baseline is not None):
        raise ValueError(f"{name} {'needs' if contract.compares else 'takes no'} baseline")
    columns: Json = {**keys, "candidate": [float(value) for value in candidate]}
    if baseline is not None:
        columns["baseline"] = [float(value) for value in baseline]
    return summary_parts.observed(contract, columns)


def why_diverged(kind: str, measurements: Json) -> str | None:
    """Return which seeds diverged and by what sign, as the gate reads the measurements; None where none shows it."""
    table = INSTALLED.get(kind)
    return None if table is None else divergence.why_diverged(table, measurements)


def check_kind(kind: str) -> None:
    """Refuse a kind that nobody defines before hours are spent on a summary that the gate could not read.

    Raises:
        GatekitError: `runner.kind`.
    """
    if INSTALLED.get(kind) is None:
        message = f"nobody defines '{kind}', the kind of this runner's summaries"
        raise GatekitError("runner.kind", message, remedy=INSTALLED.remedy(kind))


def check_place(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse to start where an `ok` summary of another configuration stands; it may be evidence that is in use.

    A failed or skipped summary, and one of the same configuration, is replaced when the run is done.

    Raises:
        GatekitError: as said, the file there is no summary, or its folder cannot be written; better now than after
        hours.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GatekitError(
            "runner.out", f"the folder cannot be made: {error.strerror}", Location(str(path.parent))
        ) from None
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise GatekitError("runner.out", "the folder cannot be written", Location(str(path.parent)))
    if not path.exists():
        return
    value = read_json(str(path)).value
    if not isinstance(value, dict) or value.get("schema") != "gatekit.summary/1":
        raise GatekitError("runner.out", "a file that is no summary stands where the summary goes", Location(str(path)))
    if value.get("status") in MEASURED and value["producer"]["config_sha256"] != config_digest(config):
        raise GatekitError(
            "runner.out",
            "a summary of another configuration stands here",
            Location(str(path)),
            "give another --out, or move it away",
        )


def write_measured(path: Path, kind: str, producer: Json, measured: RunResult) -> str:
    """Write the summary of a completed run whole and return the digest of its bytes."""
    document = summary_parts.summary(
        kind,
        subject=measured.subject,
        producer={**producer, "inputs": measured.inputs},
        protocol=measured.protocol,
        measurements=measured.measurements,
        artifacts=measured.artifacts,
        status="ok" if measured.diverged is None else "diverged",
        reason=measured.diverged,
    )
    return write_summary(document, str(path))


def write_failed(path: Path, kind: str, producer: Json, subject: Json, protocol: Json, reason: str) -> bool:
    """Write a `failed` summary and say whether it was written: an `ok` one of the same configuration is left alone."""
    if path.exists() and read_json(str(path)).value.get("status") in MEASURED:
        return False
    document = summary_parts.summary(
        kind,
        subject=subject,
        producer={"inputs": [], **producer},
        protocol=protocol,
        status="failed",
        reason=reason[:2000],
    )
    write_summary(document, str(path))
    return True
