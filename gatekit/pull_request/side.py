"""One side of a pull request: what its tree says about policies, claims and evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from gatekit.candidates.finding_files import NAME as CANDIDATE
from gatekit.candidates.finding_files import parse_candidates
from gatekit.claims.document_formats import FormatLookup, suffix_of
from gatekit.claims.documents import ClaimsDocument, parse_document
from gatekit.claims.finding_documents import (
    divided,
    misplaced_documents,
    registered_documents,
    unmatched_patterns,
    unread_formats,
)
from gatekit.claims.model import Registry
from gatekit.claims.registry import parse_registry
from gatekit.claims.written import ValuesFiles, with_written
from gatekit.errors import GatekitError, Location, without_frames
from gatekit.evidence import Summary, contradictions
from gatekit.evidence.folder_limits import (
    ATTESTATION_FILES,
    CANDIDATE_FILES,
    KIND_FILES,
    PLAN_FILES,
    POLICY_FILES,
    REGISTRATION_FILES,
    SUMMARY_FILES,
    FolderLimits,
    beyond,
)
from gatekit.evidence.kind_files import is_kind_name, parse_kind, together
from gatekit.evidence.reading import (
    MOST_OBSERVATIONS,
    is_summary_name,
    observations,
    parse_summary,
    too_many_observations,
)
from gatekit.evidence.source_digest import LARGEST, By, source_sha256, tokens
from gatekit.evidence.staleness import NO_DIGEST, why_stale
from gatekit.evidence.strict_json import Document
from gatekit.kinds import FOLDER, Kind, Kinds
from gatekit.kinds.changes import judging
from gatekit.policy import Policy, duplicate_ids, is_policy_name, parse_policy
from gatekit.policy.loading import too_many_rules
from gatekit.registration.model import FOLDER as REGISTRATIONS
from gatekit.registration.model import PLANS, Registration
from gatekit.registration.plans import is_plan_name, parse_plan
from gatekit.registration.reading import conflicts, is_registration_name, parse_registration
from gatekit.repo import Entry, Repository, Tree
from gatekit.repo.tree import FILE_MODES

POLICIES = "policies"
EVIDENCE = "evidence"
CLAIMS = "claims.yaml"
KEYS = "trust/keys.yaml"

LARGEST_SOURCES = 32 << 20
"""Bytes of Python that are read for one side. What evidence names is the author's choice."""
MOST_TOKENS = 400_000
"""Words and signs of it that are parsed for one side: some four seconds. 4 MB of code have as many."""

LARGEST_HASHED = 512 << 20
"""Bytes of other sources that are hashed for one side."""

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class BranchContents:
    """Everything that one tree says; what could not be read is in `errors`."""

    tree: Tree
    tables: Mapping[str, Kind]
    """Name -> kind of every sound file in this tree's own kinds/."""
    kinds: Kinds
    """What its policies and evidence are read by: the base's tables, and what only this tree brings."""
    policies: tuple[Policy, ...]
    registry: Registry | None
    documents: tuple[ClaimsDocument, ...]
    registrations: tuple[Registration, ...]
    """What this tree announces; those of the base judge."""
    written: ValuesFiles | None
    """The files that its documents show values from; None where it has no registry."""
    summaries: tuple[Summary, ...]
    candidates: tuple[Document, ...]
    """The candidate files of this tree, wherever they lie."""
    attestations: Mapping[str, bytes]
    """Path -> bytes of the signatures that lie beside the evidence."""
    stale: Mapping[str, str]
    """Path of a summary -> why it is out of date with this tree."""
    unread: frozenset[str]
    """Paths of kinds, of policies, of registrations and of the registry that are there but could not be read."""
    errors: tuple[GatekitError, ...]

    @property
    def judging(self) -> tuple[Policy, ...]:
        """Its policies without the stop policies, which judge branches of a cycle and nothing that is released."""
        return tuple(policy for policy in self.policies if not policy.stops)


class Reader:
    """Reads both sides of one change; a file that is the same on both is parsed once."""

    def __init__(self, repository: Repository) -> None:
        """Read from the objects of `repository`."""
        self._repository = repository
        self._summaries: dict[tuple[str, str], Summary] = {}
        self._documents: dict[tuple[str, str], ClaimsDocument] = {}
        """By path and the digest of what stands there."""
        self._trees: dict[str, str] = {}
        """Id of a blob -> digest of its syntax tree, or NO_DIGEST."""
        self._bytes: dict[str, str] = {}
        """Id of a blob -> digest of its bytes."""

    def side(self, tree: Tree, base: BranchContents | None = None) -> BranchContents:
        """Read what one tree says: kinds/, policies/, registrations/, cycles/, claims.yaml, its documents, evidence/.

        Args:
            tree: what to read.
            base: the other side, whose tables of measures judge this one too: a change does not say what the numbers
                mean that it is judged by.
        """
        errors: list[GatekitError] = []
        tables, kinds = _kinds(tree, base, errors)
        paths = _files(tree, POLICIES, is_policy_name)
        policies = _parse_all(paths, tree, lambda data, name: parse_policy(data, name, kinds), errors, POLICY_FILES)
        registries = _parse_all([CLAIMS] if _is_file(tree, CLAIMS, errors) else [], tree, parse_registry, errors)
        announced = [n for n in _files(tree, REGISTRATIONS, is_registration_name) if n.count("/") == 1]
        registrations = _parse_all(
            announced, tree, lambda data, name: parse_registration(data, name, kinds), errors, REGISTRATION_FILES
        )
        plans = [name for name in _files(tree, PLANS, is_plan_name) if name.count("/") == 1]
        found = _parse_all(plans, tree, lambda data, name: parse_plan(data, name, kinds), errors, PLAN_FILES)
        registrations += [one for one in found if one is not None]
        unread = frozenset(error.location.path for error in errors if error.location is not None)
        errors += [*duplicate_ids(policies), *too_many_rules(policies)]
        errors += conflicts(registrations)
        registry = registries[0] if registries else None
        documents: list[ClaimsDocument] = []
        if registry is not None:
            files = [entry.path for entry in tree.entries.values() if entry.mode in FILE_MODES]
            others = [entry.path for entry in tree.entries.values() if entry.mode not in FILE_MODES]
            names = registered_documents(registry, files)
            errors += [*unmatched_patterns(registry, names), *misplaced_documents(registry, files, others)]
            formats = FormatLookup()
            unread_errors, suffixes = unread_formats(registry, formats)
            errors += unread_errors
            read = [name for name in names if suffix_of(name) not in suffixes]
            for some, limits in divided(read):
                documents += _parse_all(some, tree, partial(self._document, formats), errors, limits)
        summaries = self._read_summaries(tree, kinds, errors)
        errors += contradictions(summaries)
        written = None
        if registry is not None:
            by_path = {summary.path: summary for summary in summaries}
            documents, written = with_written(
                documents, registry, by_path, lambda path: _blob(tree, path), lambda _: tree.entries
            )
        candidates, broken = parse_candidates(_contents(_candidates(tree), tree, errors, CANDIDATE_FILES).items())
        errors += broken
        signatures = _files(tree, EVIDENCE, lambda n: n.endswith((".dsse.json", ".sigstore.json")))
        attested = _contents(signatures, tree, errors, ATTESTATION_FILES)
        return BranchContents(
            tree=tree,
            tables=tables,
            kinds=kinds,
            policies=tuple(policies),
            registry=registry,
            documents=tuple(documents),
            registrations=tuple(registrations),
            written=written,
            summaries=tuple(summaries),
            candidates=tuple(candidates),
            attestations=attested,
            stale=self._stale(tree, summaries),
            unread=unread,
            errors=tuple(errors),
        )

    def evidence(self, tree: Tree, kinds: Kinds) -> tuple[list[Summary], list[GatekitError]]:
        """Read the evidence of one tree alone, and return what is wrong with it too."""
        errors: list[GatekitError] = []
        found = self._read_summaries(tree, kinds, errors)
        return found, [*errors, *contradictions(found)]

    def _document(self, formats: FormatLookup, data: bytes, name: str) -> ClaimsDocument:
        key = (name, hashlib.sha256(data).hexdigest())
        if key not in self._documents:
            self._documents[key] = parse_document(data, name, formats)
        return self._documents[key]

    def _read_summaries(self, tree: Tree, kinds: Kinds, errors: list[GatekitError]) -> list[Summary]:
        paths = _files(tree, EVIDENCE, is_summary_name)
        oids = {path: tree.file(path).oid for path in paths}
        found = beyond(_sizes(paths, tree), SUMMARY_FILES)
        errors += found
        if found:
            return []
        contents = tree.read_all([path for path in paths if (path, oids[path]) not in self._summaries])
        left = MOST_OBSERVATIONS
        for path, data in contents.items():
            if left < 0:
                errors.append(too_many_observations(path, MOST_OBSERVATIONS))
                break
            # What one side refuses is read again on the other, which may bring the kind that was missing.
            try:
                self._summaries[path, oids[path]] = summary = parse_summary(data, path, kinds)
                left -= observations(summary)
            except GatekitError as error:
                errors.append(without_frames(error))
        keys = [(path, oids[path]) for path in paths]
        return [self._summaries[key] for key in keys if key in self._summaries]

    def _stale(self, tree: Tree, summaries: list[Summary]) -> dict[str, str]:
        wanted = {
            (path, source.by)
            for summary in summaries
            for path, source in (summary.sources or {}).items()
            if source.by is not None
        }
        entries = {path: tree.entries[path] for path, _ in wanted if path in tree.entries}
        entries = {path: entry for path, entry in entries.items() if entry.mode in FILE_MODES}
        self._hash_sources([entries[path] for path, by in sorted(wanted) if by == "bytes" and path in entries])
        self._parse_sources([entries[path] for path, by in sorted(wanted) if by == "syntax_tree" and path in entries])

        def digest_of(path: str, by: By) -> str | None:
            if path not in entries:
                return None
            oid = entries[path].oid
            return (self._bytes if by == "bytes" else self._trees).get(oid, NO_DIGEST)

        reasons = {summary.path: why_stale(summary, digest_of) for summary in summaries}
        return {path: reason for path, reason in reasons.items() if reason is not None}

    def _hash_sources(self, entries: Sequence[Entry]) -> None:
        """Digest the bytes of files; evidence about those beyond the limit is stale."""
        wanted: dict[str, int] = {}
        left = LARGEST_HASHED
        for entry in entries:
            size = entry.size or 0
            if entry.oid not in self._bytes and entry.oid not in wanted and size <= left:
                wanted[entry.oid] = size
                left -= size
        self._bytes |= self._repository.sha256(wanted)

    def _parse_sources(self, entries: Sequence[Entry]) -> None:
        """Digest the syntax trees of files; evidence about those beyond the limits is stale."""
        wanted: dict[str, int] = {}
        left = LARGEST_SOURCES
        for entry in entries:
            # A blob that is not in this clone has no size; reading it says so.
            size = entry.size or 0
            if entry.oid in self._trees or entry.oid in wanted or size > min(LARGEST, left):
                continue
            wanted[entry.oid] = size
            left -= size
        tokens_left = MOST_TOKENS
        for oid, data in self._repository.blobs(wanted).items():
            tokens_left -= tokens(data, tokens_left)
            if tokens_left < 0:
                break
            self._trees[oid] = source_sha256(data, "syntax_tree") or NO_DIGEST


def _kinds(tree: Tree, base: BranchContents | None, errors: list[GatekitError]) -> tuple[dict[str, Kind], Kinds]:
    """Return a tree's own tables, and the lookup that its policies and evidence are read by."""
    paths = [path for path in _files(tree, FOLDER, is_kind_name) if path.count("/") == 1]
    parsed = [(f"{FOLDER}/{kind.name}.yaml", kind) for kind in _parse_all(paths, tree, parse_kind, errors, KIND_FILES)]
    own, taken = together(parsed)
    errors += taken
    tables = dict(own.own)
    if base is None:
        return tables, own
    judge = {name: judging(kind, tables[name]) if name in tables else kind for name, kind in base.kinds.own.items()}
    return tables, Kinds({**tables, **judge}.values())


def _is_file(tree: Tree, path: str, errors: list[GatekitError]) -> bool:
    """Whether a regular file lies there; a folder of that name is an error, since nothing in it is read."""
    if path in tree.entries:
        return tree.entries[path].mode in FILE_MODES
    if tree.under(path):
        errors.append(GatekitError("claims.directory", "the registry is a folder, not a file", Location(path)))
    return False


def _blob(tree: Tree, path: str) -> bytes | None:
    """Return the bytes of a regular file; None where nothing lies there, or a folder."""
    if path not in tree.entries:
        return None
    if tree.entries[path].mode not in FILE_MODES:
        raise GatekitError("document.not_regular", "this is no regular file", Location(path), "put the file there")
    return tree.read_all([path])[path]


def _files(tree: Tree, folder: str, wanted: Callable[[str], bool]) -> list[str]:
    """Paths of the files of a folder whose names are wanted; hidden files and folders are left out, as on a laptop.

    What is no regular file is left out too: for the side that is judged it is an error of its own.
    """
    found = []
    for entry in tree.under(folder):
        parts = entry.path.split("/")
        if entry.mode in FILE_MODES and wanted(parts[-1]) and not any(part.startswith(".") for part in parts):
            found.append(entry.path)
    return found


def _candidates(tree: Tree) -> list[str]:
    """Paths of what may be candidate files; none lies in evidence/, where every JSON file is a summary."""
    named = [e for e in tree.entries.values() if e.path.rpartition("/")[2] == CANDIDATE and e.mode in FILE_MODES]
    return [e.path for e in named if not any(p.startswith(".") for p in e.path.split("/")) and not _is_evidence(e)]


def _is_evidence(entry: Entry) -> bool:
    return entry.path.startswith(f"{EVIDENCE}/")


def _parse_all(
    paths: list[str],
    tree: Tree,
    parse: Callable[[bytes, str], Parsed],
    errors: list[GatekitError],
    limits: FolderLimits | None = None,
) -> list[Parsed]:
    found = []
    for path, data in _contents(paths, tree, errors, limits).items():
        try:
            found.append(parse(data, path))
        except GatekitError as error:
            errors.append(without_frames(error))
    return found


def _contents(
    paths: list[str], tree: Tree, errors: list[GatekitError], limits: FolderLimits | None
) -> dict[str, bytes]:
    """Return the bytes of files; of none where together they are beyond their limits, which is an error."""
    too_much = beyond(_sizes(paths, tree), limits) if limits is not None else []
    errors += too_much
    return {} if too_much else tree.read_all(paths)


def _sizes(paths: list[str], tree: Tree) -> dict[str, int]:
    return {path: tree.entries[path].size or 0 for path in paths}
