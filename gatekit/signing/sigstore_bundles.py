"""Sigstore bundles, verified without a network through the sigstore library.

A bundle carries the signer's certificate, the signature and the transparency log's promise and proof. The library
checks those against a trusted root; this module says whose certificate is believed, and for what.
"""

from __future__ import annotations

import logging
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.errors import UsageError
from gatekit.signing.dsse import LIMITS, PAYLOAD_TYPE, fault, strict_json
from gatekit.signing.ed25519 import INSTALL
from gatekit.signing.keys import KeyRing, TrustedIdentity
from gatekit.signing.opening import OpenedAttestation, check_validity, opened
from gatekit.signing.signed_file import SignedFile
from gatekit.signing.statement import TEST_RESULT, VERDICT, Statement, StatementSubject, parse_statement

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import Bundle
    from sigstore.verify import Verifier


def open_bundle(
    name: str, data: bytes, keys: KeyRing, beside: SignedFile | None, trusted_root: bytes | None
) -> OpenedAttestation:
    """Verify a Sigstore bundle: an in-toto statement in it, or its signature over the file that it lies beside.

    Unlike a bare key, the log proves when the signature was made, so a signer whose time is over stays believed for
    what was signed within it. That time is known to lie within the certificate's ten minutes, and all of them must be
    within the signer's validity.

    Args:
        name: what errors call the bundle, its path.
        data: the bytes of the file.
        keys: whose identities are believed.
        beside: for `FILE.sigstore.json`, the file of that name.
        trusted_root: bytes of the trusted root to use in place of the library's.

    Raises:
        GatekitError: `signature.bundle` where it cannot be read, `signature.unknown_key` where its certificate names
            nobody who is believed, other `signature.*` where it does not hold.
        UsageError: the library is not installed.
    """
    if not keys.identities:
        raise fault(name, "", "unknown_key", f"{keys.path} names no Sigstore identity", "add `identities` there")
    bundle = _read(name, data)
    try:
        certificate = bundle.signing_certificate
        known = next((entry for entry in keys.identities if _names(certificate, entry)), None)
    except Exception as error:  # extensions that do not parse raise what they like
        raise fault(name, "", "bundle", f"the certificate cannot be read: {_first_line(error)}") from None
    if known is None:
        raise fault(name, "", "unknown_key", f"the certificate names no identity of {keys.path}")
    try:
        statement = _verified(name, bundle, known, beside, _verifier(trusted_root))
        moments = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except UsageError:
        raise
    except Exception as error:  # the library and its dependencies raise many kinds; none of them is a pass
        if type(error).__module__.startswith("gatekit."):
            raise
        raise fault(name, "", "invalid", f"the bundle does not hold: {_first_line(error)}") from None
    check_validity(known.trust, moments, max(moments), name)
    return opened(name, statement, [(known.digest, known.trust)])


def anyone_named(identity: str, issuer: str) -> KeyRing:
    """Return a ring that believes one identity, at any time and in any role: what a command line asks for."""
    from datetime import UTC

    from gatekit.errors import Location
    from gatekit.signing.keys import Trust
    from gatekit.signing.statement import ROLES

    always = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    place = "the command line"
    trust = Trust(identity, frozenset(ROLES), *always, None, None, Location(place))
    return KeyRing(place, identities=(TrustedIdentity(identity, issuer, trust),))


def _read(name: str, data: bytes) -> Bundle:
    try:
        from sigstore.models import Bundle
    except ImportError:
        raise UsageError("Sigstore bundles need the package sigstore", INSTALL) from None
    try:
        strict_json(data, name, LIMITS)
        return Bundle.from_json(data)
    except Exception as error:  # also what certificates and log entries in it raise
        raise fault(name, "", "bundle", f"this is not a Sigstore bundle: {_first_line(error)}") from None


def _names(certificate: Certificate, entry: TrustedIdentity) -> bool:
    from sigstore.errors import VerificationError
    from sigstore.verify import policy

    try:
        policy.Identity(identity=entry.identity, issuer=entry.issuer).verify(certificate)
    except VerificationError:
        return False
    return True


def _verifier(trusted_root: bytes | None) -> Verifier:
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier

    # It warns that it is offline, which is what is asked for.
    logging.getLogger("sigstore").setLevel(logging.ERROR)
    if trusted_root is None:
        return Verifier.production(offline=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trusted_root.json")
        path.write_bytes(trusted_root)
        return Verifier(trusted_root=TrustedRoot.from_file(str(path)))


def _verified(
    name: str, bundle: Bundle, known: TrustedIdentity, beside: SignedFile | None, verifier: Verifier
) -> Statement:
    from sigstore.hashes import Hashed
    from sigstore.verify import policy
    from sigstore_models.common.v1 import HashAlgorithm

    identity: Any = policy.Identity(identity=known.identity, issuer=known.issuer)
    if bundle._inner.dsse_envelope is not None:
        payload_type, payload = verifier.verify_dsse(bundle, identity)
        if payload_type != PAYLOAD_TYPE:
            raise fault(name, "", "payload_type", f"the payload's type is not {PAYLOAD_TYPE}")
        return parse_statement(payload, name)
    if beside is None:
        raise fault(name, "", "unrelated", "it signs a file without naming it, and no such file lies beside it")
    verifier.verify_artifact(
        Hashed(digest=bytes.fromhex(beside.sha256), algorithm=HashAlgorithm.SHA2_256), bundle, identity
    )
    # A bare signature states nothing, so it counts in whatever role the signer has.
    return Statement(
        predicate_type=TEST_RESULT if beside.kind == "evidence" else VERDICT,
        subjects=(StatementSubject(beside.path, beside.sha256),),
        role=None,
        signed_at=None,
        measured_subject=None,
        challenges={},
        verdict=None,
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
