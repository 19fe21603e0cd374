"""Claims that stood on the base branch once and do not any more: what comes back later is held to their bar as well.

All of the registry's history is read, along the base's first parents. Most versions differ from the next in one claim,
so each claim's own lines are parsed once, however many versions hold them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gatekit.claims.model import Claim, Registry
from gatekit.claims.predecessors import ClaimHistory, registered_alike
from gatekit.claims.registry import parse_registry
from gatekit.errors import GatekitError
from gatekit.pull_request.side import CLAIMS, BranchContents
from gatekit.repo import Repository, in_repository

MOST_REVISIONS = 20_000
"""Versions of the registry that are read, from the newest back."""
MOST_HISTORY = 256 << 20
"""Bytes of them together; a registry of 1,000 claims has about 300 KB."""
MOST_PARSED = 2 << 20
"""Bytes of claims that are parsed, each with `_OVERHEAD`: some eight seconds."""
_OVERHEAD = 500
_BATCH = 64

_CLAIMS = re.compile(r"^claims:[ \t]*(?:#[^\n]*)?\n", re.MULTILINE)
_NEXT_KEY = re.compile(r"^[^\s#-]", re.MULTILINE)
_FIRST_ITEM = re.compile(r"^( *)- ", re.MULTILINE)
_HEAD = "schema: gatekit.claims/1\nrules: {documents: [README.md]}\nclaims:\n"


def claim_history(repository: Repository, commit: str, base: BranchContents) -> ClaimHistory:
    """Return what the base's registry held once and does not hold any more.

    Args:
        repository: the objects.
        commit: full id of the base's commit.
        base: its tree.

    Raises:
        GatekitError: `repo.missing_object`: a part of the history is not in this clone.
    """
    if base.registry is None:
        return ClaimHistory((), ())
    reader = _HistoryReader(repository, base.registry)
    unread = reader.read(commit, in_repository(base.tree.root, CLAIMS))
    standing = base.registry.claims
    gone = [claim for claim in reader.last.values() if not any(registered_alike(claim, c) for c in standing)]
    reworded = [claim for claim in reader.reworded.values() if not any(registered_alike(claim, c) for c in standing)]
    return ClaimHistory(tuple(gone), tuple(reworded), tuple(reader.supported.values()), unread)


class _HistoryReader:
    """Reads versions from the newest back, as far as its limits go."""

    def __init__(self, repository: Repository, base: Registry) -> None:
        self.repository = repository
        self.base = base
        self.last: dict[str, Claim] = {}
        """Id -> the claim as it last stood; of ids that the base does not have."""
        self.reworded: dict[tuple[str, str], Claim] = {}
        """Id and sentence -> the claim as it last said that; of other words than its last, or the base's."""
        self.supported: dict[str, Claim] = {}
        """Id -> the claim as it was when it was last supported, also of ids that the base has."""
        self.parsed: dict[str, Claim | None] = {}
        """Lines of one claim -> the claim; None where they are none by themselves."""
        self.left = MOST_PARSED

    def read(self, commit: str, path: str) -> str | None:
        """Read the versions of the registry, and return why not all of them were read."""
        try:
            changes = self.repository.file_history(commit, path)
        except GatekitError as error:
            if error.error_id != "repo.output_size":
                raise
            return "its history has more changes than are read"
        oids = list(dict.fromkeys(change.oid for change in changes if change.oid is not None))
        if len(oids) > MOST_REVISIONS:
            return f"its history has more than {MOST_REVISIONS} versions"
        size = 0
        for start in range(0, len(oids), _BATCH):
            batch = oids[start : start + _BATCH]
            try:
                contents: Mapping[str, bytes] = self.repository.blobs(batch)
            except GatekitError as error:
                if error.error_id not in ("repo.blob_size", "repo.total_size"):
                    raise
                return "a version of its history is larger than any registry"
            for oid in batch:
                size += len(contents[oid])
                if size > MOST_HISTORY:
                    return f"the versions of its history have more than {MOST_HISTORY} bytes"
                for claim in self.claims(contents[oid]):
                    self.note(claim)
                if self.left < 0:
                    return f"its history holds more than {MOST_PARSED} bytes of different claims"
        return None

    def note(self, claim: Claim) -> None:
        if claim.status == "supported":
            self.supported.setdefault(claim.id, claim)
        now = self.base.claim(claim.id)
        last = now or self.last.setdefault(claim.id, claim)
        if not registered_alike(last, claim):
            self.reworded.setdefault((claim.id, claim.sentence), claim)

    def claims(self, data: bytes) -> Iterator[Claim]:
        """Yield the claims of one version; one that nobody could read has those whose own lines can be read."""
        chunks = _items(data.decode("utf-8", "replace"))
        for chunk in chunks:
            if chunk not in self.parsed:
                self.parsed[chunk] = self.parse(chunk)
        found = [self.parsed[chunk] for chunk in chunks]
        if chunks and None not in found:
            yield from (claim for claim in found if claim is not None)
            return
        whole = self.parsed_whole(data)
        yield from whole if whole is not None else (claim for claim in found if claim is not None)

    def parse(self, chunk: str) -> Claim | None:
        self.left -= len(chunk) + _OVERHEAD
        try:
            (claim,) = parse_registry((_HEAD + chunk).encode("utf-8", "replace"), CLAIMS).claims
        except (GatekitError, ValueError):
            return None
        return claim

    def parsed_whole(self, data: bytes) -> tuple[Claim, ...] | None:
        self.left -= len(data) + _OVERHEAD
        try:
            return parse_registry(data, CLAIMS).claims
        except GatekitError:
            return None


def _items(text: str) -> list[str]:
    """Return the lines of each claim, where a registry is written as they usually are: a claim a block of lines."""
    text = text.replace("\r\n", "\n")
    key = _CLAIMS.search(text)
    if key is None:
        return []
    end = _NEXT_KEY.search(text, key.end())
    body = text[key.end() : end.start() if end else len(text)]
    first = _FIRST_ITEM.search(body)
    if first is None:
        return []
    starts = [found.start() for found in re.finditer(f"^{first[1]}- ", body, re.MULTILINE)]
    return [body[start:stop] for start, stop in zip(starts, [*starts[1:], len(body)], strict=True)]
