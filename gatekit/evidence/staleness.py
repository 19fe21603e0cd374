"""Is this evidence still about these files? Bound to the digests of what was measured, never to a commit.

Evidence is committed after its run, so it cannot name its own commit; it names the files it depends on and goes stale
exactly when what one of them says changes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gatekit.evidence.canonical import sha256_file
from gatekit.evidence.committed import LARGEST_TEXT, bounded_bytes, committed_bytes
from gatekit.evidence.source_digest import LARGEST, By, source_sha256
from gatekit.evidence.summary import Summary

NAMED = 3
"""So many changed files are named in one line; `gatekit stale --why` names all."""

NO_DIGEST = ""
"""What stands for the digest of a file that is there but has none, as broken Python or too much data; equal to none."""

DigestOf = Callable[[str, By], str | None]
"""(repository path, rule) -> digest of that file now, NO_DIGEST, or None where there is no file."""


def changed_sources(summary: Summary, digest_of: DigestOf) -> dict[str, str]:
    """Return each source that is no longer what it was, with what happened to it.

    Args:
        summary: evidence that may name its sources; nothing is returned for those of an older rule, which cannot be
            compared.
        digest_of: gives the digest of a file now.
    """
    found = {}
    for path, source in sorted((summary.sources or {}).items()):
        if source.by is None:
            return {}
        now = digest_of(path, source.by)
        if now is None:
            found[path] = "is gone"
        elif now == NO_DIGEST:
            found[path] = "is no longer Python that can be read" if source.by == "syntax_tree" else "is too large"
        elif now != source.sha256:
            found[path] = "has changed"
    return found


def why_stale(summary: Summary, digest_of: DigestOf) -> str | None:
    """Return why a summary is out of date with the repository, as the end of a sentence; None when it is not.

    Observations that name no source cannot be shown to be about this repository, and count as stale; so do those whose
    sources do not say how they were digested, as it was before that was recorded. Numbers that another tool reported
    have no source here; whether they are accepted at all is the policy's decision.
    """
    if not summary.is_measured or not summary.has_observations:
        return None
    if not summary.sources:
        return "does not name the files that it depends on (producer.sources)"
    if any(source.by is None for source in summary.sources.values()):
        return "was measured under an older rule (its sources do not say how they were digested): measure again"
    changed = changed_sources(summary, digest_of)
    if not changed:
        return None
    named = ", ".join(f"{path}, which {what}" for path, what in list(changed.items())[:NAMED])
    more = f", and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
    return f"measured {named}{more}"


def work_tree_digest(root: Path) -> DigestOf:
    """Return a function that digests the files below a folder, each read once by each rule."""
    known: dict[tuple[str, By], str | None] = {}

    def digest(path: str, by: By) -> str | None:
        if (path, by) not in known:
            known[path, by] = _file_digest(root / path, by)
        return known[path, by]

    return digest


def _file_digest(place: Path, by: By) -> str | None:
    if not place.is_file():
        return None
    if by == "syntax_tree" and place.stat().st_size > LARGEST:
        return NO_DIGEST
    if place.stat().st_size > LARGEST_TEXT:
        return sha256_file(place)
    # A syntax tree has no line ends.
    data = bounded_bytes(place) if by == "syntax_tree" else committed_bytes(place)
    return source_sha256(data, by) or NO_DIGEST
