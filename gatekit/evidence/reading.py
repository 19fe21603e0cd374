"""From paths to Summaries: discovery, strict reading, checking, contradictions."""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterable, Sequence
from glob import has_magic
from pathlib import Path

from gatekit.errors import GatekitError, Location, UsageError, without_frames
from gatekit.evidence import patterns
from gatekit.evidence.checks import check_document
from gatekit.evidence.folder_limits import LOCAL_SUMMARY_FILES, beyond, sizes_of
from gatekit.evidence.listing import nearest_beside, visible_files
from gatekit.evidence.newer_schema import REMEDY, newer_schema
from gatekit.evidence.parsed_summary import Kept, summary_from
from gatekit.evidence.schemas import check_summary
from gatekit.evidence.strict_json import SUMMARY_LIMITS, Document, parse_json, read_json
from gatekit.evidence.summary import Measurement, Summary
from gatekit.kinds import INSTALLED, Kind, Kinds
from gatekit.second_process import working_ahead

SCHEMA = "gatekit.summary/1"

ATTESTATIONS = (".dsse.json", ".sigstore.json")
"""Signatures lie beside the summaries that they sign, and are not summaries."""

MOST_OBSERVATIONS = 800_000
"""Observations of all summaries that one side of a pull request holds."""
LOCAL_OBSERVATIONS = 2_000_000
"""Observations of all summaries in the folders that a command is given."""

FEWEST_READ_AHEAD = 1000
"""Files from which on a second process reads ahead; with fewer nobody would see it."""
_READ_AHEAD = (3, 4)
"""Of so many files it reads and checks the first; the other process then makes summaries of all."""


def find_summaries(paths: Iterable[str]) -> list[str]:
    """Return the summary files under files, folders and glob patterns, sorted, each once.

    In a folder every `*.json` at any depth is a summary (hidden files and folders and attestations are left out);
    anything else there must live elsewhere, so that a misnamed summary is an error and not a gap.

    Raises:
        UsageError: a path does not exist or a pattern matches nothing.
        GatekitError: `folder.unlisted`, `folder.too_many_entries`.
    """
    found: dict[str, None] = {}
    for path in paths:
        if os.path.isdir(path):
            matches = visible_files(path, is_summary_name)
        elif os.path.lexists(path):
            matches = [path]
        elif has_magic(path):
            matches = [m for match in patterns.matches(path) for m in _expand(match)]
            if not matches:
                raise UsageError(f"no evidence matches '{path}'")
        else:
            unmeasured = "check the path; a run that left no summary is not evidence"
            raise UsageError(f"no evidence at '{path}'", nearest_beside(path) or unmeasured)
        for match in matches:
            found.setdefault(match if _is_plain(match) else Path(match).as_posix())
    return sorted(found)


def _is_plain(path: str) -> bool:
    """Whether a path reads as `Path` would write it, which takes ten times as long to do."""
    return not (path.startswith("./") or path.endswith(("/", "/.")) or "//" in path or "/./" in path or path == "")


def _expand(path: str) -> list[str]:
    return visible_files(path, is_summary_name) if os.path.isdir(path) else [path]


def is_summary_name(name: str) -> bool:
    """Whether a file of this name in an evidence folder is read as a summary."""
    return name.endswith(".json") and not name.endswith(ATTESTATIONS) and not name.startswith(".")


def read_summary(path: str, kinds: Kinds = INSTALLED, kept: Kept | None = None) -> Summary:
    """Read and check one summary, by the tables of `kinds`; `kept` as for `summary_from`.

    Raises:
        GatekitError: `json.*`, `schema.*` or `summary.*` with file and JSON pointer.
    """
    return _summary(read_json(path, SUMMARY_LIMITS), kinds, kept)


def parse_summary(data: bytes, name: str, kinds: Kinds = INSTALLED) -> Summary:
    """Read a summary from bytes, as `read_summary` does from a file."""
    return _summary(parse_json(data, name, SUMMARY_LIMITS), kinds)


def _summary(document: Document, kinds: Kinds, kept: Kept | None = None) -> Summary:
    kind = _checked(document, kinds)
    return summary_from(document.value, document.path, document.sha256, kind, kept)


def _checked(document: Document, kinds: Kinds) -> Kind:
    """Refuse what is no whole summary, and return its kind."""
    path, value = document.path, document.value
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        newer = newer_schema(value.get("schema"), SCHEMA) if isinstance(value, dict) else None
        if newer is not None:
            raise GatekitError("summary.newer_schema", newer, Location(path, pointer="/schema"), REMEDY)
        raise GatekitError(
            "summary.not_a_summary",
            f'this is not a gatekit summary (no "schema": "{SCHEMA}")',
            Location(path, pointer=""),
            "import other tools' results with `gatekit import`, and keep other JSON out of the evidence folder",
        )
    kind = check_summary(value, path, kinds)
    check_document(value, path, kind)
    return kind


def read_summaries(paths: Sequence[str], kinds: Kinds = INSTALLED) -> tuple[list[Summary], list[GatekitError]]:
    """Read every file; what cannot be read is returned as errors beside what can, in the order of the paths."""
    summaries: list[Summary] = []
    errors = _too_much(paths)
    left = LOCAL_OBSERVATIONS
    kept: Kept = {}
    read = () if errors else paths
    share = _READ_AHEAD if len(read) >= FEWEST_READ_AHEAD else (0, 1)
    with working_ahead(len(read), share, lambda number: _handed_over(read[number], kinds)) as taken:
        for number, path in enumerate(read):
            try:
                summaries.append(_taken(path, taken(number), kinds, kept))
            except GatekitError as error:
                errors.append(without_frames(error))
                continue
            left -= observations(summaries[-1])
            if left < 0:
                errors.append(too_many_observations(path, LOCAL_OBSERVATIONS))
                break
    return summaries, errors + contradictions(summaries)


def _handed_over(path: str, kinds: Kinds) -> bytes:
    """Return a file's values, checked, and its digest in the form that `_taken` reads."""
    document = read_json(path, SUMMARY_LIMITS)
    _checked(document, kinds)
    return marshal.dumps((document.sha256, document.value))


def _taken(path: str, handed_over: bytes | None, kinds: Kinds, kept: Kept) -> Summary:
    """Return the summary of what was read and checked already; of a file that was not, whatever `read_summary` does."""
    if handed_over is None:
        return read_summary(path, kinds, kept)
    sha256, value = marshal.loads(handed_over)
    return summary_from(value, path, sha256, kinds.named(value["kind"]), kept)


def _too_much(paths: Sequence[str]) -> list[GatekitError]:
    # One that is too large by itself is refused unread, as that.
    sizes = {path: size for path, size in sizes_of(paths).items() if size <= SUMMARY_LIMITS.size}
    return beyond(sizes, LOCAL_SUMMARY_FILES)


def observations(summary: Summary) -> int:
    """Return how many observations a summary holds, over all of its measures."""
    return sum(len(measurement.keys) for measurement in summary.measurements.values())


def too_many_observations(path: str, most: int) -> GatekitError:
    """Return (not raise) the error for the summary that holds one observation too many."""
    message = f"the summaries hold more than {most} observations; those behind this one are not read"
    return GatekitError("summary.too_many_observations", message, Location(path, pointer="/measurements"))


def contradictions(summaries: Iterable[Summary]) -> list[GatekitError]:
    """Return an error for every two summaries of one subject and protocol whose observations differ."""
    # Nearly every summary is alone with its subject and protocol, and nothing more need be kept of it.
    alike: dict[tuple[str, str, str], list[Summary]] = {}
    for summary in summaries:
        alike.setdefault((summary.kind, summary.subject.digest, summary.protocol.digest), []).append(summary)
    several = [summary for group in alike.values() if len(group) > 1 for summary in group]
    first: dict[tuple[str, str, str, str], Summary] = {}
    errors: list[GatekitError] = []
    for summary in sorted(several, key=lambda s: s.path):
        for name, measurement in summary.measurements.items():
            key = (summary.kind, summary.subject.digest, summary.protocol.digest, name)
            other = first.setdefault(key, summary)
            if other is summary or _observations(other.measurements[name]) == _observations(measurement):
                continue
            errors.append(
                GatekitError(
                    "summary.contradiction",
                    f"{name} differs from {other.path} for the same subject and protocol",
                    Location(summary.path, pointer=f"/measurements/{name}"),
                    "remove the one that is wrong, and say why in the commit",
                )
            )
    return errors


def _observations(measurement: Measurement) -> tuple[object, ...]:
    """Return what was observed, in an order that does not depend on the file's."""
    keys = [tuple(sorted(key)) if measurement.design == "per_seed_pair" else key for key in measurement.keys]
    own = sorted(zip(keys, measurement.candidate, measurement.baseline or measurement.candidate, strict=True))
    control = sorted(zip(measurement.baseline_keys or (), measurement.baseline_values or (), strict=True))
    below = sorted(zip(keys, measurement.denominator or (), strict=False))
    return (own, measurement.baseline is None, control, measurement.reported, below)
