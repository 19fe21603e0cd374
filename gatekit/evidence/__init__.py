"""Evidence: strict reading, schemas, the Summary, digests and the writing side that runners use."""

from __future__ import annotations

from gatekit.evidence.canonical import sha256_file, sha256_of
from gatekit.evidence.reading import contradictions, find_summaries, read_summaries, read_summary
from gatekit.evidence.source_digest import source_entry
from gatekit.evidence.summary import Measurement, Protocol, Subject, Summary
from gatekit.evidence.writing import summary_bytes, write_summary

__all__ = [
    "Measurement",
    "Protocol",
    "Subject",
    "Summary",
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
