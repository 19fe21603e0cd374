"""Building a summary document from what a result file says: the parts that every adapter needs."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence import summary_parts
from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.schemas import part_faults
from gatekit.evidence.strict_json import Document, read_json, value_pointer
from gatekit.evidence.subject_file import read_subject_file
from gatekit.evidence.times import parse_time
from gatekit.kinds import INSTALLED

Json = dict[str, Any]


def read_subject(path: str) -> Json:
    """Read the user's subject file: a summary's `subject` object as JSON, or a subject.yaml with nothing else.

    Raises:
        GatekitError: `json.*`, `yaml.*`, or `adapter.subject` or `subject.*` with the place of the first fault.
    """
    if path.endswith((".yaml", ".yml")):
        facts = read_subject_file(path)
        if facts.missing:
            raise GatekitError("adapter.subject", f"missing {', '.join(facts.missing)}", Location(path))
        if facts.protocol or facts.sources or facts.started or facts.finished:
            message = "these results say themselves how and when they were measured"
            raise GatekitError("adapter.subject", message, Location(path), "leave only the subject here")
        return facts.subject
    document = read_json(path)
    _check_part("subject", document)
    subject: Json = document.value
    return subject


def read_datasets(path: str) -> dict[str, Json]:
    """Read the user's dataset file: an array of `{name, sha256, rows}`; returned by name.

    Raises:
        GatekitError: `json.*`, `adapter.datasets`.
    """
    document = read_json(path)
    if not isinstance(document.value, list):
        raise GatekitError("adapter.datasets", "expected an array of {name, sha256, rows}", Location(path, pointer=""))
    found: dict[str, Json] = {}
    for index, item in enumerate(document.value):
        _check_part("input", Document(path, item, document.sha256, document.size), f"/{index}", "datasets")
        if item["name"] in found:
            place = Location(path, pointer=f"/{index}/name")
            raise GatekitError("adapter.datasets", f"'{item['name']}' is there twice", place)
        found[item["name"]] = item
    return found


def _check_part(part: str, document: Document, at: str = "", error_id: str | None = None) -> None:
    """Check a value against one definition of the summary's schema."""
    for path, message, remedy in part_faults(part, document.value, with_missing=True):
        pointer = at + value_pointer(path)
        raise GatekitError(f"adapter.{error_id or part}", message, Location(document.path, pointer=pointer), remedy)


def utc_seconds(field: Field) -> str:
    """Return an ISO 8601 time with an offset as the summary's UTC form, to the second."""
    text = field.text()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise field.refuse("time", f"{text[:40]!r} is not a time") from None
    if moment.tzinfo is None:
        raise field.refuse("time", f"{text[:40]!r} does not say in which time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stated_time(finished: str | None) -> str | None:
    """Return the user's time after checking it; None stays None."""
    if finished is None:
        return None
    try:
        parse_time(finished)
    except ValueError:
        raise UsageError(
            f"'{finished}' is not a UTC time to the second", "write it like 2026-02-16T01:48:20Z"
        ) from None
    return finished


def named_datasets(names: Sequence[Field], rows: int = 0) -> list[Json]:
    """Return datasets of which only the names are known: `sha256` is that of the name, and the settings must say so.

    Raises:
        GatekitError: `adapter.duplicate`: two names are one, as they stand or as labels.
    """
    found: dict[str, Json] = {}
    for field in names:
        label = field.label()
        if label in found:
            raise field.refuse("duplicate", f"the dataset '{label}' is there twice")
        found[label] = {"name": label, "sha256": hashlib.sha256(field.text().encode("utf-8")).hexdigest(), "rows": rows}
    return list(found.values())


def reported(
    kind: str,
    name: str,
    estimate: float,
    source: Field,
    *,
    lower: float | None = None,
    upper: float | None = None,
    confidence: float | None = None,
    n_seeds: int | None = None,
    source_text: str | None = None,
) -> Json:
    """A measurement of which only another tool's own numbers are known.

    Raises:
        GatekitError: `adapter.range` at the source when a number cannot be this measure.
    """
    measure = INSTALLED.measures(kind)[name]
    low, high = measure.effect_range
    for value in (estimate, lower, upper):
        if value is not None and not low <= value <= high:
            raise source.refuse("range", f"{value} cannot be {name}, which lies in [{low:g}, {high:g}]")
    return {
        **summary_parts.contract(measure),
        "design": "reported",
        "reported": {
            "estimate": estimate,
            "lower": lower,
            "upper": upper,
            "confidence": confidence,
            "n_seeds": n_seeds,
            "source": source_text or source.source,
        },
    }


def observed(kind: str, name: str, columns: Mapping[str, Sequence[Any]]) -> Json:
    """A measurement with its observations, in the measure's own design."""
    return summary_parts.observed(INSTALLED.measures(kind)[name], columns, with_estimate=False)


def summary_document(
    *,
    adapter: str,
    kind: str,
    subject: Mapping[str, Any],
    protocol: Mapping[str, Any],
    measurements: Mapping[str, Any],
    sources: Sequence[Document],
    config: Mapping[str, Any],
    finished: str,
    started: str | None = None,
    device: str = "unrecorded",
    packages: Mapping[str, str] | None = None,
    failure: str | None = None,
) -> Json:
    """Put a summary together.

    The producer is the import, whose inputs name the result files by digest; the tool that measured stands in them.
    Its git commit and starting time are seldom recorded, so `git` is empty and `started` is `finished` unless known.

    Args:
        adapter: the adapter's name.
        kind: of the summary.
        subject: what was measured.
        protocol: how.
        measurements: by name; empty with `failure`.
        sources: the files that the numbers come from.
        config: what else the files say and a reader may want: no path, no run id.
        finished: UTC time that the files or the user state; of several files, the last.
        started: the first of several.
        device: where it ran, if recorded.
        packages: versions, if recorded.
        failure: why there is no measurement.
    """
    names = [os.path.basename(source.path) for source in sources]
    producer = summary_parts.producer(
        command=["gatekit", "import", adapter, *names],
        config=config,
        inputs=[
            {"name": _input_name(name), "sha256": source.sha256, "rows": 0}
            for name, source in zip(names, sources, strict=True)
        ],
        packages=packages,
        device=device,
        started=started or finished,
        finished=finished,
    )
    return summary_parts.summary(
        kind,
        subject=subject,
        producer=producer,
        protocol=protocol,
        measurements=measurements,
        status="ok" if failure is None else "failed",
        reason=failure,
    )


def file_name(kind: str, source: Document, part: str = "") -> str:
    """Propose a file name from the kind, the result file's name and digest, and the part of the file."""
    stem = os.path.splitext(os.path.basename(source.path))[0]
    pieces = [kind, _slug(stem)[:80], _slug(part)[:60], source.sha256[:8]]
    return "-".join(piece for piece in pieces if piece) + ".json"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", text.lower(), flags=re.ASCII).strip("-")


def _input_name(name: str) -> str:
    kept = re.sub(r"[^A-Za-z0-9_.:+@=-]", "_", name, flags=re.ASCII).lstrip("_.:+@=-")
    return kept[:128] or "file"
