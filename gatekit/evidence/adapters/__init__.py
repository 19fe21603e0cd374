"""Adapters: other tools' result files as summaries."""

from __future__ import annotations

from gatekit.evidence.adapters.contract import (
    OBSERVED_WITH_SUBJECT,
    Adapter,
    ImportedSummary,
    ImportOptions,
    adapter_names,
    import_summaries,
    load_adapter,
)

__all__ = [
    "OBSERVED_WITH_SUBJECT",
    "Adapter",
    "ImportOptions",
    "ImportedSummary",
    "adapter_names",
    "import_summaries",
    "load_adapter",
]
