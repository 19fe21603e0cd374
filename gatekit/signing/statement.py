"""Reading an in-toto Statement v1: which bytes it is about, what kind of claim it makes, what gatekit adds to it.

Only bytes whose signature was verified are parsed here. Unknown fields are ignored, as in-toto asks: leaving one out
can only take something away from the signer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from gatekit.evidence.strict_json import JsonLimits
from gatekit.evidence.times import parse_time
from gatekit.signing.dsse import fault, strict_json

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SVR = "https://in-toto.io/attestation/svr/v0.2"
VERDICT = "urn:gatekit:verdict:1"
"""Ours, for a verdict that is not a pass: a Simple Verification Result can only list what passed."""

Role = Literal["measure", "verdict", "review"]
ROLES: tuple[Role, ...] = ("measure", "verdict", "review")

PREDICATE_ROLES: Mapping[str, frozenset[str]] = {
    TEST_RESULT: frozenset({"measure", "review"}),
    SVR: frozenset({"verdict"}),
    VERDICT: frozenset({"verdict"}),
}
"""Who may say what: a key for verdicts cannot vouch for a measurement, nor the other way round."""

EXTENSION = "gatekit"
"""The field of a predicate that holds what gatekit adds."""

MAX_SUBJECTS = 1024
LIMITS = JsonLimits(size=1 << 20, depth=16)

_SHA256 = re.compile("[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class StatementSubject:
    """Bytes that a statement is about; the name is for people, the digest decides."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Statement:
    """What was signed, as far as gatekit reads it."""

    predicate_type: str
    subjects: tuple[StatementSubject, ...]
    role: str | None
    """The role that the signer acted in; None where another tool wrote the statement."""
    signed_at: datetime | None
    """What the signer says, which proves nothing by itself."""
    measured_subject: str | None
    """Digest of the measured subject."""
    challenges: Mapping[str, str]
    """Policy digest -> challenge; see `predicates.challenge`."""
    verdict: str | None
    """The verdict in one word, in an attestation of one."""


def parse_statement(payload: bytes, name: str) -> Statement:
    """Read the payload of an envelope whose signatures were verified.

    Args:
        payload: the verified bytes.
        name: what errors call the attestation; pointers are into the payload.

    Raises:
        GatekitError: `signature.*`.
    """
    document = strict_json(payload, name, LIMITS)
    if not isinstance(document, dict) or document.get("_type") != STATEMENT:
        raise fault(name, "/_type", "statement", f"the payload is not a statement of type {STATEMENT}")
    predicate_type = document.get("predicateType")
    if not isinstance(predicate_type, str) or predicate_type not in PREDICATE_ROLES:
        message = f"predicates of type {str(predicate_type)[:100]!r} say nothing about evidence or a verdict"
        raise fault(name, "/predicateType", "predicate_type", message)
    subjects = _subjects(document.get("subject"), name)
    predicate = document.get("predicate")
    if not isinstance(predicate, dict):
        raise fault(name, "/predicate", "statement", "the statement has no predicate")
    ours = predicate.get(EXTENSION, {})
    if not isinstance(ours, dict):
        raise fault(name, f"/predicate/{EXTENSION}", "statement", "must be an object")
    challenges = ours.get("challenges", {})
    if not isinstance(challenges, dict) or not all(_is_sha256(v) for pair in challenges.items() for v in pair):
        raise fault(name, f"/predicate/{EXTENSION}/challenges", "statement", "must map digests of policies to digests")
    verdict = predicate.get("verdict") if predicate_type == VERDICT else "pass" if predicate_type == SVR else None
    return Statement(
        predicate_type=predicate_type,
        subjects=subjects,
        role=_optional_text(ours, "role", name),
        signed_at=_time(ours, name),
        measured_subject=_optional_text(ours, "subject", name),
        challenges=challenges,
        verdict=verdict if isinstance(verdict, str) else None,
    )


def _subjects(items: Any, name: str) -> tuple[StatementSubject, ...]:
    if not isinstance(items, list) or not items:
        raise fault(name, "/subject", "subject", "the statement names no file")
    if len(items) > MAX_SUBJECTS:
        raise fault(name, "/subject", "subject", f"the statement is about more than {MAX_SUBJECTS} files")
    found = []
    for index, item in enumerate(items):
        pointer = f"/subject/{index}"
        digest = item.get("digest") if isinstance(item, dict) else None
        sha256 = digest.get("sha256") if isinstance(digest, dict) else None
        if not isinstance(sha256, str) or not _is_sha256(sha256):
            message = "a subject needs a sha256 of 64 lower-case hex digits"
            raise fault(name, f"{pointer}/digest/sha256", "subject", message)
        label = item.get("name", "")
        if not isinstance(label, str):
            raise fault(name, f"{pointer}/name", "subject", "a subject's name must be text")
        found.append(StatementSubject(label, sha256))
    return tuple(found)


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _optional_text(document: dict[str, Any], key: str, name: str) -> str | None:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise fault(name, f"/predicate/{EXTENSION}/{key}", "statement", f"'{key}' must be text")
    return value


def _time(document: dict[str, Any], name: str) -> datetime | None:
    text = _optional_text(document, "signed_at", name)
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError:
        pointer = f"/predicate/{EXTENSION}/signed_at"
        raise fault(name, pointer, "time", f"'{text[:40]}' is not a UTC time such as 2026-02-16T01:48:20Z") from None
