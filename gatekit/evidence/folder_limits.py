"""How many files of one sort are read together, and how large they may be: checked before the first is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gatekit.errors import GatekitError, Location


@dataclass(frozen=True)
class FolderLimits:
    """Limits of all files of one sort that one run, or one side of a pull request, reads."""

    name: str
    """What error ids start with."""
    files: int
    size: int
    """Bytes of all files together."""


POLICY_FILES = FolderLimits("policy", files=200, size=512 << 10)
KIND_FILES = FolderLimits("kind", files=200, size=512 << 10)
REGISTRATION_FILES = FolderLimits("registration", files=200, size=512 << 10)
PLAN_FILES = FolderLimits("cycle", files=200, size=512 << 10)
"""Few of them name a claim, and only those are parsed."""
DOCUMENT_FILES = FolderLimits("document", files=2000, size=600 << 10)
NOTEBOOK_FILES = FolderLimits("document", files=50, size=16 << 20)
"""Documents in formats that packages bring, notebooks among them; most of one are pictures."""
CANDIDATE_FILES = FolderLimits("candidate", files=100, size=4 << 20)
SUMMARY_FILES = FolderLimits("summary", files=10_000, size=48 << 20)
"""Of one side of a pull request, which anybody may send."""
LOCAL_SUMMARY_FILES = FolderLimits("summary", files=100_000, size=320 << 20)
"""Of the folders that a command is given."""
ATTESTATION_FILES = FolderLimits("signature", files=10_000, size=32 << 20)
"""Of one side of a pull request."""
LOCAL_ATTESTATION_FILES = FolderLimits("signature", files=50_000, size=64 << 20)
"""Of the folders that a command is given."""
WORKFLOW_FILES = FolderLimits("workflow", files=100, size=512 << 10)
"""Of the folder that `gatekit doctor` reads."""


def beyond(sizes: Mapping[str, int], limits: FolderLimits) -> list[GatekitError]:
    """Return the error `NAME.too_many_files` or `NAME.total_size`, at the first file beyond a limit; nothing within.

    Args:
        sizes: bytes by path, in the order in which the files would be read.
        limits: of their sort.
    """
    total = 0
    for number, (path, size) in enumerate(sizes.items(), start=1):
        total += size
        if number > limits.files:
            message = f"there are {len(sizes)} {limits.name} files; at most {limits.files} are read, none of these"
            return [GatekitError(f"{limits.name}.too_many_files", message, Location(path))]
        if total > limits.size:
            message = f"the {limits.name} files together have more than {limits.size} bytes; none of them is read"
            return [GatekitError(f"{limits.name}.total_size", message, Location(path))]
    return []


def sizes_of(paths: Iterable[str]) -> dict[str, int]:
    """Return the size of each file; 0 for what cannot be looked at, which reading will report."""
    found = {}
    for path in paths:
        try:
            found[path] = os.lstat(path).st_size
        except (OSError, ValueError):
            found[path] = 0
    return found
