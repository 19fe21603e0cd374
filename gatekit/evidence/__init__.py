"""Evidence: strict reading, schemas, the Summary, digests and the writing side that runners use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatekit.evidence.canonical import sha256_file, sha256_of
from gatekit.evidence.reading import contradictions, find_summaries, read_summaries, read_summary
from gatekit.evidence.source_digest import source_entry
from gatekit.evidence.summary import Measurement, Protocol, Subject, Summary
from gatekit.evidence.writing import summary_bytes, write_summary

if TYPE_CHECKING:
    from gatekit.evidence.builder import SummaryBuilder

__all__ = [
    "Measurement",
    "Protocol",
    "Subject",
    "Summary",
    "SummaryBuilder",
    "contradictions",
    "find_summaries",
    "read_summaries",
    "read_summary",
    "sha256_file",
    "sha256_of",
    "source_entry",
    "summary_bytes",
    "write_summary",
]


def __getattr__(name: str) -> Any:
    """Load the builder when it is asked for: the gate itself reads summaries and never builds one."""
    if name == "SummaryBuilder":
        from gatekit.evidence.builder import SummaryBuilder

        return SummaryBuilder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
