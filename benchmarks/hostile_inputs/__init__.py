"""The inputs of benchmarks/hostile.py: each builds files in a folder and returns the command that reads them."""

from hostile_inputs import (
    commits,
    documents,
    followed,
    github,
    histories,
    imported,
    many_gates,
    notebooks,
    other_files,
    plain_files,
    policies,
    registered,
    registries,
    selections,
    signed,
    summaries,
    unread,
)
from hostile_inputs.at_limits import AT_LIMIT
from hostile_inputs.cases import CASES, Case

__all__ = [
    "AT_LIMIT",
    "CASES",
    "Case",
    "commits",
    "documents",
    "followed",
    "github",
    "histories",
    "imported",
    "many_gates",
    "notebooks",
    "other_files",
    "plain_files",
    "policies",
    "registered",
    "registries",
    "selections",
    "signed",
    "summaries",
    "unread",
]
