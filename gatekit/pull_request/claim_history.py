"""Claims that stood on the base branch once and were withdrawn: what comes back later is held to their bar as well."""

from __future__ import annotations

from collections.abc import Iterator

from gatekit.claims.model import Claim, Registry
from gatekit.claims.predecessors import registered_alike
from gatekit.claims.registry import parse_registry
from gatekit.errors import GatekitError
from gatekit.pull_request.side import CLAIMS, BranchContents
from gatekit.repo import Repository, in_repository

MOST_REVISIONS = 50
"""Versions of the registry that are read, from the newest back."""
MOST_HISTORY = 8 << 20
"""Bytes of them together; a registry of 1,000 claims has about 300 KB."""


def withdrawn_claims(repository: Repository, commit: str, base: BranchContents) -> list[Claim]:
    """Return each claim that the base's registry held once and does not hold any more, as it last stood there.

    Where the history is not all there, as in a shallow clone, what there is of it is read.

    Args:
        repository: the objects.
        commit: full id of the base's commit.
        base: its tree.
    """
    if base.registry is None:
        return []
    found: dict[str, Claim] = {}
    for registry in _earlier(repository, commit, base):
        for claim in registry.claims:
            if base.registry.claim(claim.id) is None:
                found.setdefault(claim.id, claim)
    return [claim for claim in found.values() if not any(registered_alike(claim, c) for c in base.registry.claims)]


def _earlier(repository: Repository, commit: str, base: BranchContents) -> Iterator[Registry]:
    try:
        changes = repository.file_history(commit, in_repository(base.tree.root, CLAIMS))
    except GatekitError:
        return
    known = {entry.oid for entry in [base.tree.entries[CLAIMS]] if entry.oid}
    left = MOST_HISTORY
    for change in changes:
        if change.oid is None or change.oid in known:
            continue
        known.add(change.oid)
        if len(known) > MOST_REVISIONS:
            return
        try:
            data = repository.blobs([change.oid])[change.oid]
            left -= len(data)
            if left < 0:
                return
            yield parse_registry(data, CLAIMS)
        except GatekitError:
            continue  # a version that nobody could read had no claims either
