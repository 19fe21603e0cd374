"""What an adapter is: a function from another tool's result files to summaries, found by name.

An adapter writes nothing and reads no clock: the same files and options give the same bytes. Other packages add
adapters through the entry point group `gatekit.adapters`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.sources import source_entries
from gatekit.evidence.writing import summary_bytes
from gatekit.kinds import INSTALLED, Kinds
from gatekit.plugins import find, load, registered

GROUP = "gatekit.adapters"
WHAT = "adapter"

OBSERVED_WITH_SUBJECT = frozenset({"cebench", "saebench"})
"""Adapters that import observations only when the user says what was measured, and reported numbers otherwise."""

SEVERAL_SUBJECTS = frozenset({"cebench", "saebench"})
"""Adapters that find out which subject a file is about, by what it records of its SAE."""

_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,180}\.json", re.ASCII)


@dataclass(frozen=True)
class ImportOptions:
    """What the result files do not say and the user adds; an adapter refuses an option that it cannot use."""

    subject: str | None = None
    """Path to a JSON file with a summary's `subject` object, checkpoints per seed included."""
    more_subjects: tuple[str, ...] = ()
    """Paths of further subjects, where the files are about several SAEs; see `SEVERAL_SUBJECTS`."""
    context: tuple[str, ...] = ()
    """Result files that are read for what they say about the imported ones, and not imported themselves."""
    finished: str | None = None
    """UTC time (2026-02-16T01:48:20Z) of results whose files state none; never the time of the import."""
    k: int | None = None
    """Probe size, where a result holds several."""
    datasets: str | None = None
    """Path to a JSON file with the datasets' `{name, sha256, rows}`, the digest over their content."""
    families: str | None = None
    """Path to a CSV file that says which datasets, or rows, are near copies; `import_summaries` puts it in."""
    sources: tuple[str, ...] = ()
    """Files below the current folder that the measurement depends on. `import_summaries` puts their digests into every
    summary as `producer.sources`; an adapter need not look at them."""
    kind: str | None = None
    """What a table measures: the name of a kind. Only `table` takes it; other results say themselves what they are."""
    measure: str | None = None
    """The measure of a table that has only one and does not name it, or the metric of a log that has several."""
    kinds: Kinds = INSTALLED
    """Where tables of measures are looked up."""


@dataclass(frozen=True)
class ImportedSummary:
    """One summary that an adapter made."""

    name: str
    """Proposed file name, lower case, ending in .json; it depends on the input alone, not on what lies beside it."""
    document: Mapping[str, Any]
    """The summary, as `gatekit.evidence.summary_bytes` takes it."""


class Adapter(Protocol):
    """The signature behind every entry point of the group."""

    def __call__(self, paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
        """Return the summaries that the files hold; raise GatekitError rather than guess."""


def refuse_kind(name: str, options: ImportOptions) -> None:
    """Refuse a kind or a measure that the user names, for an adapter whose files say what was measured.

    Raises:
        UsageError: one is named.
    """
    if (options.kind, options.measure) != (None, None):
        raise UsageError(f"{name} results say themselves what was measured", "leave --kind and --measure out")


def adapter_names() -> tuple[str, ...]:
    """Return the names that `load_adapter` takes, sorted."""
    return tuple(registered(GROUP, WHAT))


def load_adapter(name: str) -> Adapter:
    """Return the adapter of that name. No package can take over another's name, ours included.

    Raises:
        UsageError: there is none of that name, or it needs a package that is not installed.
        GatekitError: `adapter.ambiguous`, `adapter.unusable`: several packages register it, or it cannot be loaded.
    """
    plugin = find(GROUP, WHAT, name)
    loaded = load(plugin)
    if not callable(loaded):
        raise GatekitError("adapter.unusable", f"{plugin.shown} is not a function")
    adapter: Adapter = loaded
    return adapter


def import_summaries(name: str, paths: Sequence[str], options: ImportOptions) -> dict[str, bytes]:
    """Run an adapter and return file name -> file content, every summary checked as the gate will check it.

    Raises:
        UsageError: no files were named, there is no such adapter, or a source cannot be recorded.
        GatekitError: a file or an option cannot be used, or the adapter (a third party's, perhaps) made a summary
            that the gate would refuse, or two of one name.
    """
    if not paths:
        raise UsageError("no result files to import")
    if options.more_subjects and name not in SEVERAL_SUBJECTS:
        raise UsageError(f"{name} results are imported for one subject at a time", "name one --subject")
    sources = source_entries(options.sources)
    files: dict[str, bytes] = {}
    found = load_adapter(name)(paths, options)
    if options.families is not None and found:
        # Imported here: it reads tables, whose adapter follows this contract.
        from gatekit.evidence.adapters.stated_families import read_families, with_families

        documents = with_families([imported.document for imported in found], read_families(options.families))
        found = [replace(old, document=document) for old, document in zip(found, documents, strict=True)]
    for imported in found:
        if not _FILE_NAME.fullmatch(imported.name):
            raise GatekitError("adapter.name", f"the adapter '{name}' proposes {imported.name!r} as a file name")
        data = summary_bytes(_with_sources(imported.document, sources), imported.name, options.kinds)
        if files.setdefault(imported.name, data) != data:
            raise GatekitError(
                "adapter.name", "two different summaries have this name", Location(imported.name), "import them apart"
            )
    if not files:
        others = f" and in {len(paths) - 1} more" if len(paths) > 1 else ""
        raise GatekitError(
            "adapter.nothing", f"the adapter '{name}' found no measurement here{others}", Location(paths[0])
        )
    return dict(sorted(files.items()))


def _with_sources(document: Mapping[str, Any], sources: Sequence[Mapping[str, str]]) -> Mapping[str, Any]:
    """Return the document with these beside the sources that it names itself; a path that is there twice is refused."""
    producer = document.get("producer")
    if not sources or not isinstance(producer, Mapping):
        return document
    own = producer.get("sources", ())
    return {**document, "producer": {**producer, "sources": [*own, *sources]}}
