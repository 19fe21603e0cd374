"""A table of observations, one a row, as a summary: CSV, JSON lines or parquet, with a subject file beside it.

A table holds numbers and their keys. What they are about (subject, protocol, when they were measured) is in the subject
file, and what they mean (unit, direction, range, design) in the kind's table. Nothing is guessed and nothing is left
out: an empty cell, a text for a number, a column that nobody knows or a seed without a value stops the import.
"""

from __future__ import annotations

from gatekit.evidence.adapters.table.importing import import_files

__all__ = ["import_files"]
