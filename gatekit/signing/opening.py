"""From the bytes of an attestation to a statement and the keys that stand behind it.

The order is fixed: size and strict JSON, payload type, signatures over the raw payload by known keys, only then the
payload itself, and last whether those keys may say this, at this time. What is parsed is what was verified.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatekit.errors import GatekitError
from gatekit.gates.evaluate import Signer
from gatekit.signing import ed25519
from gatekit.signing.dsse import fault, parse_envelope
from gatekit.signing.keys import KeyRing, Trust, TrustedKey
from gatekit.signing.statement import PREDICATE_ROLES, Statement, parse_statement

CLOCK_SKEW = timedelta(minutes=10)
"""A stated time of signing may be this far in the future."""


@dataclass(frozen=True)
class OpenedAttestation:
    """An attestation whose signatures, statement and signers are right; its subjects are still to be compared."""

    path: str
    statement: Statement
    signers: frozenset[Signer]
    """One per distinct key, with the roles that it may and does sign in here."""
    names: tuple[str, ...]
    """The signers' ids in the key file, sorted."""


def open_envelope(name: str, data: bytes, keys: KeyRing, now: datetime) -> OpenedAttestation:
    """Verify a DSSE envelope signed with ed25519 keys.

    A signature by a key that is not known is passed over; one that names a known key and does not hold is an error.

    Args:
        name: what errors call the attestation, its path.
        data: the bytes of the file.
        keys: who is believed.
        now: aware UTC time. What an expired or revoked key signed earlier is refused too, because nothing but the
            signer's own word says when it was signed.

    Raises:
        GatekitError: `signature.*`.
        UsageError: `cryptography` is not installed.
    """
    envelope = parse_envelope(data, name)
    accepted: dict[bytes, TrustedKey] = {}
    for index, signature in enumerate(envelope.signatures):
        key = keys.named(signature.keyid)
        if key is None:
            continue
        if not ed25519.verify(key.public, signature.value, envelope.signed_bytes):
            message = f"the signature is not by key '{key.trust.id}' over this payload"
            raise fault(name, f"/signatures/{index}/sig", "invalid", message)
        accepted[key.public] = key
    if not accepted:
        message = f"no signature names a key of {keys.path}"
        raise fault(name, "/signatures", "unknown_key", message, "add the signer's key there if you trust it")
    statement = parse_statement(envelope.payload, name)
    if statement.signed_at is not None and statement.signed_at - now > CLOCK_SKEW:
        raise fault(name, "", "time", f"signed at {statement.signed_at:%Y-%m-%dT%H:%M:%SZ}, which is in the future")
    for key in accepted.values():
        check_validity(key.trust, [now, *filter(None, [statement.signed_at])], now, name)
    return opened(name, statement, [(key.digest, key.trust) for key in accepted.values()])


def opened(name: str, statement: Statement, signers: Iterable[tuple[str, Trust]]) -> OpenedAttestation:
    """Return the statement with its signers in the roles that this statement needs.

    Raises:
        GatekitError: `signature.role`: a signer may not say this.
    """
    found = set()
    names = set()
    for digest, trust in signers:
        roles = trust.roles & PREDICATE_ROLES[statement.predicate_type]
        if statement.role is not None:
            roles &= {statement.role}
        if not roles:
            wanted = statement.role or " or ".join(sorted(PREDICATE_ROLES[statement.predicate_type]))
            message = f"'{trust.id}' has the role {', '.join(sorted(trust.roles))}, and this needs {wanted}"
            raise fault(name, "", "role", message)
        found.add(Signer(digest, roles))
        names.add(trust.id)
    return OpenedAttestation(name, statement, frozenset(found), tuple(sorted(names)))


def check_validity(trust: Trust, moments: Iterable[datetime], revoked_by: datetime, name: str) -> None:
    """Refuse a signer outside its time.

    Args:
        trust: the signer.
        moments: times at which it must have been valid.
        revoked_by: a revocation up to this time counts.
        name: what errors call the attestation.

    Raises:
        GatekitError: `signature.revoked`, `signature.not_yet_valid`, `signature.expired`.
    """
    if trust.revoked_at is not None and trust.revoked_at <= revoked_by:
        raise fault(name, "", "revoked", f"'{trust.id}' was revoked ({trust.revoked_reason})")
    for moment in moments:
        if moment < trust.valid_from:
            message = f"'{trust.id}' is valid only from {trust.valid_from:%Y-%m-%dT%H:%M:%SZ}"
            raise fault(name, "", "not_yet_valid", message)
        if moment > trust.valid_until:
            message = f"'{trust.id}' was valid until {trust.valid_until:%Y-%m-%dT%H:%M:%SZ}"
            raise fault(name, "", "expired", message, "sign again with a valid key")


def is_about(error: GatekitError, *error_ids: str) -> bool:
    """Whether an error has one of these ids of the family `signature`."""
    return error.error_id in {f"signature.{error_id}" for error_id in error_ids}
