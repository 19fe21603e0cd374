"""Writing in-toto statements: about one summary, or about a verdict.

What an attestation of a summary says is "this key vouches for these bytes, measured under these policies". It does not
say that the measurement passed anything: `result` says that the run completed, and the gate never reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gatekit import __version__
from gatekit.errors import GatekitError, Location
from gatekit.evidence.canonical import canonical_bytes
from gatekit.evidence.summary import Summary
from gatekit.signing.statement import EXTENSION, MAX_SUBJECTS, STATEMENT, SVR, TEST_RESULT, VERDICT

VERIFIER = f"urn:gatekit:gatekit-sae:{__version__}"


@dataclass(frozen=True)
class PolicyDigest:
    """A policy that the evidence is meant for."""

    path: str
    sha256: str


def challenge(repository: str, policy: str, subject: str) -> str:
    """Return what ties a signature to one repository, one policy and one subject, so that it cannot be used elsewhere.

    It is the sha256 of four lines, each ending in a line feed: `gatekit/challenge/1`, the repository's id, the sha256
    of the policy's bytes, the digest of the subject.
    """
    return hashlib.sha256(f"gatekit/challenge/1\n{repository}\n{policy}\n{subject}\n".encode()).hexdigest()


def evidence_statement(
    summary: Summary,
    name: str,
    config: str,
    role: str,
    policies: Sequence[PolicyDigest] = (),
    repository: str | None = None,
    signed_at: datetime | None = None,
) -> bytes:
    """Return the statement about one summary in canonical JSON; equal arguments give equal bytes.

    Args:
        summary: read and checked.
        name: what the statement calls the file: its path in the repository or the evidence folder.
        config: the digest of the run's configuration that the summary states.
        role: `measure` or `review`.
        policies: what the evidence is meant to be judged by.
        repository: id of the repository that it is signed for; needs policies.
        signed_at: what to state as the time of signing.
    """
    ours: dict[str, Any] = {
        "role": role,
        "kind": summary.kind,
        "subject": summary.subject.digest,
        "config": config,
        **_time(signed_at),
    }
    if repository is not None:
        ours["repository"] = repository
        ours["challenges"] = {p.sha256: challenge(repository, p.sha256, summary.subject.digest) for p in policies}
    predicate = {
        "result": "PASSED" if summary.status == "ok" else "FAILED",
        "configuration": _descriptors([(policy.path, policy.sha256) for policy in policies]),
        EXTENSION: ours,
    }
    return _statement([(name, summary.sha256)], TEST_RESULT, predicate)


def verdict_statement(document: Mapping[str, Any], sha256: str, name: str, signed_at: datetime | None = None) -> bytes:
    """Return the statement about a verdict that gatekit wrote, which also covers the evidence that it was reached on.

    A pass becomes a Simple Verification Result, which lists what passed. That predicate has no way to say that
    something failed, so any other verdict becomes a predicate of ours.

    Args:
        document: the verdict, valid under `schemas/verdict.schema.json`.
        sha256: of the verdict file's bytes.
        name: what the statement calls the file.
        signed_at: what to state as the time of signing.

    Raises:
        GatekitError: `signature.too_many_subjects`.
    """
    subjects = [(name, sha256), *((read["path"], read["sha256"]) for read in document["evidence"])]
    if len(subjects) > MAX_SUBJECTS:
        message = f"the verdict is about more than {MAX_SUBJECTS - 1} files of evidence"
        raise GatekitError("signature.too_many_subjects", message, Location(name, pointer="/evidence"))
    policies = document["policies"]
    predicate: dict[str, Any] = {
        "verifier": {"id": VERIFIER, "policies": _descriptors([(p["path"], p["sha256"]) for p in policies])},
        "timeCreated": document["now"],
        EXTENSION: {"role": "verdict", **_time(signed_at)},
    }
    if document["code"] == 0 and document["verdict"] == "pass" and not document["errors"]:
        properties = [f"GATEKIT_POLICY_PASSED:{policy['id']}" for policy in policies]
        return _statement(subjects, SVR, predicate | {"properties": properties})
    return _statement(subjects, VERDICT, predicate | {"verdict": document["verdict"], "code": document["code"]})


def _descriptors(resources: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in resources]


def _statement(subjects: Sequence[tuple[str, str]], predicate_type: str, predicate: Mapping[str, Any]) -> bytes:
    return canonical_bytes(
        {
            "_type": STATEMENT,
            "subject": _descriptors(subjects),
            "predicateType": predicate_type,
            "predicate": dict(predicate),
        }
    )


def _time(moment: datetime | None) -> dict[str, str]:
    return {} if moment is None else {"signed_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
