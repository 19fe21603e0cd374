"""Is this evidence still about these files? Bound to the digests of what was measured, never to a commit.

Evidence is committed after its run, so it cannot name its own commit; it names the files it depends on and goes stale
exactly when one of them changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from gatekit.evidence.summary import Summary

NAMED = 3
"""So many changed files are named in one line; `gatekit stale --why` names all."""


def changed_sources(summary: Summary, digest_of: Callable[[str], str | None]) -> dict[str, str]:
    """Return each source that is no longer what it was, with what happened to it.

    Args:
        summary: evidence that may name its sources.
        digest_of: sha256 of the file at a repository path now, None where there is none.
    """
    found = {}
    for path, measured in sorted((summary.sources or {}).items()):
        now = digest_of(path)
        if now != measured:
            found[path] = "is gone" if now is None else "has changed"
    return found


def why_stale(summary: Summary, digest_of: Callable[[str], str | None]) -> str | None:
    """Return why a summary is out of date with the repository, as the end of a sentence; None when it is not.

    Observations that name no source cannot be shown to be about this repository, and count as stale. Numbers that
    another tool reported have no source here; whether they are accepted at all is the policy's decision.
    """
    if summary.status != "ok" or not summary.has_observations:
        return None
    if not summary.sources:
        return "does not name the files that it depends on (producer.sources)"
    changed = changed_sources(summary, digest_of)
    if not changed:
        return None
    named = ", ".join(f"{path}, which {what}" for path, what in list(changed.items())[:NAMED])
    more = f", and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
    return f"measured {named}{more}"


def stale_summaries(summaries: list[Summary], digest_of: Callable[[str], str | None]) -> Mapping[str, str]:
    """Return path -> reason for every summary that is stale."""
    found = {summary.path: why_stale(summary, digest_of) for summary in summaries}
    return {path: reason for path, reason in found.items() if reason is not None}


def work_tree_digest(root: Path) -> Callable[[str], str | None]:
    """Return a function that gives the sha256 of a file below a folder, each read once."""
    known: dict[str, str | None] = {}

    def digest(path: str) -> str | None:
        if path not in known:
            place = root / path
            known[path] = hashlib.sha256(place.read_bytes()).hexdigest() if place.is_file() else None
        return known[path]

    return digest
