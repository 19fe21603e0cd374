"""Everything that a verdict rests on, byte for byte, under the names that it has inside a dossier.

The names follow from content alone: a dossier made elsewhere from the same inputs is the same dossier, and no path of
the machine that made it is in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence.kind_files import parse_kind
from gatekit.evidence.strict_json import SUMMARY_LIMITS, Document, read_as_committed, read_regular_file
from gatekit.evidence.strict_yaml import YAML_LIMITS
from gatekit.evidence.summary import Summary
from gatekit.gates.diverged import showing_divergence
from gatekit.kinds import FOLDER, Kind, Kinds
from gatekit.policy.evidence_folders import reads
from gatekit.policy.loading import parse_policy
from gatekit.policy.model import Policy, thresholds
from gatekit.signing.discovery import find_attestations, read_attestations

POLICIES = "policies"
EVIDENCE = "evidence"
BASE = "base-evidence"
CANDIDATE = "selection/candidate.json"

ReadOriginal = Callable[[str], tuple[bytes, list[tuple[str, bytes]]]]
"""From a summary's path to the bytes of its file, and (path, bytes) of each attestation beside it."""


@dataclass(frozen=True)
class DossierInputs:
    """The inputs of a verdict as the dossier holds them."""

    policies: tuple[Policy, ...]
    summaries: tuple[Summary, ...]
    base: tuple[Summary, ...] | None
    candidate: Document | None
    files: Mapping[str, bytes]
    """Content by path in the dossier; every summary, policy and candidate is byte-identical to what was read."""


def from_folders(path: str) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Read a summary's file and what lies beside it where it stands, as `ReadOriginal`."""
    beside, _ = read_attestations(find_attestations([path]))
    return read_as_committed(path, "dossier", SUMMARY_LIMITS.size), beside


def gather(
    policies: Sequence[Policy],
    summaries: Sequence[Summary],
    base: Sequence[Summary] | None,
    candidate: Document | None,
    kinds: Kinds,
    base_original: ReadOriginal = from_folders,
) -> DossierInputs:
    """Read again what was judged and give it the dossier's names; `base_original` reads what lies on the base's side.

    Of the evidence and of the repository's own kinds, what the policies' gates read is taken, and with a candidate what
    its selection read.

    Raises:
        GatekitError: `dossier.changed`, a file is not what it was when it was judged.
    """
    read = {rule.kind for policy in policies for gate in policy.gates for rule in thresholds(gate.rule)}
    used = [s for s in summaries if any(_is_read(policy, s) for policy in policies)]
    if candidate is not None:
        used = _of_candidate(candidate.value, used, summaries)
    # What shows that they have diverged, whatever it measures, or the copies would pass where the originals do not.
    used += showing_divergence(used, summaries)
    files: dict[str, bytes] = {}
    for kind in sorted({summary.kind for summary in used} & kinds.own.keys()):
        path = f"{FOLDER}/{kind}.yaml"
        files[path] = _same_kind(path, kinds.own[kind])
    named_policies = []
    for policy in policies:
        name = f"{POLICIES}/{policy.id}.yaml"
        files[name] = _same_bytes(policy.path, policy.sha256)
        named_policies.append(replace(parse_policy(files[name], name, kinds), evidence=policy.evidence))
    named = _copied(used, EVIDENCE, files)
    named_policies = [_of_copies(policy, used, named) for policy in named_policies]
    of_base = [s for s in base or () if s.kind in read]
    of_base += showing_divergence([*used, *of_base], base or ())
    named_base = None if base is None else tuple(_copied(of_base, BASE, files, base_original))
    if candidate is not None:
        files[CANDIDATE] = _same_bytes(candidate.path, candidate.sha256)
        candidate = replace(candidate, path=CANDIDATE)
    return DossierInputs(tuple(named_policies), tuple(named), named_base, candidate, files)


def _is_read(policy: Policy, summary: Summary) -> bool:
    kinds = {rule.kind for gate in policy.gates for rule in thresholds(gate.rule)}
    return summary.kind in kinds and reads(policy.evidence, summary.path)


def _of_copies(policy: Policy, used: Sequence[Summary], copies: Sequence[Summary]) -> Policy:
    """Return a policy that reads the copies of what it read; one that names or found nothing, as is."""
    read = {summary.sha256 for summary in used if reads(policy.evidence, summary.path)}
    paths = tuple(copy.path for copy in copies if copy.sha256 in read)
    return replace(policy, evidence=paths) if policy.evidence and paths else policy


def _same_kind(path: str, kind: Kind) -> bytes:
    data = read_regular_file(path, "yaml", YAML_LIMITS.size)
    if parse_kind(data, path) != kind:
        raise GatekitError("dossier.changed", "the kind changed while it was read", Location(path), "run it again")
    return data


def _of_candidate(stated: Any, used: Sequence[Summary], summaries: Sequence[Summary]) -> list[Summary]:
    """Return what the candidate was chosen from, and what the gates read about it."""
    compared = {entry["sha256"] for entry in stated["evidence"]}
    mine = {s.sha256 for s in used if s.subject.digest == stated["subject_digest"]}
    return [s for s in summaries if s.sha256 in compared | mine]


def _copied(
    summaries: Iterable[Summary], folder: str, files: dict[str, bytes], original: ReadOriginal = from_folders
) -> list[Summary]:
    """Add each summary and its attestations to `files`, equal ones once; return the summaries by their new names."""
    once = {summary.sha256: summary for summary in sorted(summaries, key=lambda s: s.path, reverse=True)}
    count = Counter(summary.kind for summary in once.values())
    named = []
    for digest, summary in sorted(once.items(), key=lambda item: (item[1].kind, item[0])):
        stem = summary.kind if count[summary.kind] == 1 else f"{summary.kind}-{digest[:12]}"
        name = f"{folder}/{stem}.json"
        content, beside = original(summary.path)
        files[name] = _unchanged(content, summary.path, digest)
        named.append(replace(summary, path=name))
        for path, data in beside:
            ending = "dsse" if path.endswith(".dsse.json") else "sigstore"
            files[f"{folder}/{stem}.{sha256(data).hexdigest()[:12]}.{ending}.json"] = data
    return named


def _same_bytes(path: str, digest: str) -> bytes:
    return _unchanged(read_as_committed(path, "dossier", SUMMARY_LIMITS.size), path, digest)


def _unchanged(data: bytes, path: str, digest: str) -> bytes:
    if sha256(data).hexdigest() != digest:
        raise GatekitError("dossier.changed", "it changed while it was read", Location(path), "run it again")
    return data
