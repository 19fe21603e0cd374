"""Which SAEs have diverged, by whatever summary shows it: no gate passes on any other number of the same SAEs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gatekit.evidence.summary import Subject, Summary

DivergedSaes = Mapping[str, Summary]
"""sha256 of a checkpoint, or digest of a subject that names none -> the summary that shows that it has diverged."""


def diverged_saes(summaries: Iterable[Summary]) -> DivergedSaes:
    """Return the SAEs that diverged; of several summaries that show it the first by path is named."""
    found: dict[str, Summary] = {}
    for summary in sorted((s for s in summaries if s.status == "diverged"), key=lambda s: s.path):
        for identity in identities(summary.subject):
            found.setdefault(identity, summary)
    return found


def why_diverged(subject: Subject, diverged: DivergedSaes) -> str | None:
    """Return which run diverged that has a checkpoint of this subject, and by what sign; None where none did."""
    summary = next((diverged[identity] for identity in identities(subject) if identity in diverged), None)
    return None if summary is None else f"the run of {summary.path} diverged ({summary.reason})"


def identities(subject: Subject) -> list[str]:
    """Return what names the SAEs of a subject in a DivergedSaes."""
    return subject.checkpoints.digests or [subject.digest]


def showing_divergence(used: Iterable[Summary], read: Iterable[Summary]) -> list[Summary]:
    """Return those of the summaries read, beyond the used ones, that show that SAEs of the used ones have diverged."""
    used = list(used)
    own = {identity for summary in used for identity in identities(summary.subject)}
    there = {summary.sha256 for summary in used}
    diverged = [s for s in read if s.status == "diverged" and s.sha256 not in there]
    return [summary for summary in diverged if not own.isdisjoint(identities(summary.subject))]
