"""A Sigstore instance in miniature: a certificate authority, a certificate log and a transparency log of one entry.

It issues bundles that the sigstore library verifies against `TRUSTED_ROOT`, so that believing one can be tested and not
only refusing one. Formats: RFC 6962 (timestamps, Merkle leaf), the signed note of the Go checksum database, Rekor's
`dsse` and `hashedrekord` entries of version 0.0.1, bundle v0.3.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from signing.sealing import TYPE, pae

IDENTITY = "https://github.com/o/r/.github/workflows/gpu.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
SIGNED_AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)

_ISSUER_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_SCT_OID = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_SHA256 = ec.ECDSA(hashes.SHA256())


def _new() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


AUTHORITY, CERTIFICATE_LOG, LOG = _new(), _new(), _new()


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _key_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(_spki(key)).digest()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


_ROOT = (
    x509.CertificateBuilder()
    .subject_name(_name("test authority"))
    .issuer_name(_name("test authority"))
    .public_key(AUTHORITY.public_key())
    .serial_number(1)
    .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
    .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
    .add_extension(x509.SubjectKeyIdentifier.from_public_key(AUTHORITY.public_key()), critical=False)
    .sign(AUTHORITY, hashes.SHA256())
)


def _log(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    return {
        "baseUrl": "https://log.invalid",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": _b64(_spki(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": "2020-01-01T00:00:00Z"},
        },
        "logId": {"keyId": _b64(_key_id(key))},
    }


TRUSTED_ROOT = json.dumps(
    {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [_log(LOG)],
        "certificateAuthorities": [
            {
                "subject": {"organization": "test", "commonName": "test authority"},
                "uri": "https://authority.invalid",
                "certChain": {"certificates": [{"rawBytes": _b64(_ROOT.public_bytes(forms.Encoding.DER))}]},
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            }
        ],
        "ctlogs": [_log(CERTIFICATE_LOG)],
        "timestampAuthorities": [],
    }
).encode()


def _certificate(
    key: ec.EllipticCurvePrivateKey, identity: str, issuer: str, at: datetime, authority: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    unlogged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(_name("test authority"))
        .public_key(key.public_key())
        .serial_number(2)
        .not_valid_before(at - timedelta(minutes=5))
        .not_valid_after(at + timedelta(minutes=5))
        .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(AUTHORITY.public_key()),
            critical=False,
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]),
            critical=True,
        )
        .add_extension(x509.UnrecognizedExtension(_ISSUER_OID, issuer.encode()), critical=False)
    )
    to_be_signed = unlogged.sign(authority, hashes.SHA256()).tbs_certificate_bytes
    milliseconds = int(at.timestamp() * 1000)
    entry = _key_id(AUTHORITY) + struct.pack("!I", len(to_be_signed))[1:] + to_be_signed
    promise = CERTIFICATE_LOG.sign(struct.pack("!BBQH", 0, 0, milliseconds, 1) + entry + b"\0\0", _SHA256)
    timestamp = (
        b"\0" + _key_id(CERTIFICATE_LOG) + struct.pack("!QH", milliseconds, 0) + b"\4\3"
        + struct.pack("!H", len(promise)) + promise
    )  # fmt: skip
    listed = struct.pack("!HH", len(timestamp) + 2, len(timestamp)) + timestamp
    octets = b"\4" + (bytes([len(listed)]) if len(listed) < 128 else bytes([0x81, len(listed)])) + listed
    return unlogged.add_extension(x509.UnrecognizedExtension(_SCT_OID, octets), critical=False).sign(
        authority, hashes.SHA256()
    )


def _entry(kind: str, spec: dict[str, Any], at: datetime) -> dict[str, Any]:
    """The log's only entry, with its promise, its proof and the checkpoint of a log of size one."""
    body = json.dumps(
        {"apiVersion": "0.0.1", "kind": kind, "spec": spec}, separators=(",", ":"), sort_keys=True
    ).encode()
    leaf = hashlib.sha256(b"\0" + body).digest()
    note = f"log.invalid - 1\n1\n{_b64(leaf)}\n"
    checkpoint = f"{note}\n— log.invalid {_b64(_key_id(LOG)[:4] + LOG.sign(note.encode(), _SHA256))}\n"
    seconds = int(at.timestamp())
    promised = {"body": _b64(body), "integratedTime": seconds, "logID": _key_id(LOG).hex(), "logIndex": 0}
    promise = LOG.sign(json.dumps(promised, separators=(",", ":"), sort_keys=True).encode(), _SHA256)
    return {
        "logIndex": "0",
        "logId": {"keyId": _b64(_key_id(LOG))},
        "kindVersion": {"kind": kind, "version": "0.0.1"},
        "integratedTime": str(seconds),
        "inclusionPromise": {"signedEntryTimestamp": _b64(promise)},
        "inclusionProof": {
            "logIndex": "0",
            "rootHash": _b64(leaf),
            "treeSize": "1",
            "hashes": [],
            "checkpoint": {"envelope": checkpoint},
        },
        "canonicalizedBody": _b64(body),
    }


def bundle(
    payload: bytes | None = None,
    file: bytes | None = None,
    *,
    identity: str = IDENTITY,
    issuer: str = ISSUER,
    at: datetime = SIGNED_AT,
    payload_type: str = TYPE,
    authority: ec.EllipticCurvePrivateKey = AUTHORITY,
) -> dict[str, Any]:
    """A bundle over an in-toto statement (`payload`) or over a file's bytes."""
    key = _new()
    certificate = _certificate(key, identity, issuer, at, authority)
    pem = _b64(certificate.public_bytes(forms.Encoding.PEM))
    if payload is not None:
        signature = key.sign(pae(payload_type, payload), _SHA256)
        content: dict[str, Any] = {
            "dsseEnvelope": {
                "payload": _b64(payload),
                "payloadType": payload_type,
                "signatures": [{"sig": _b64(signature), "keyid": ""}],
            }
        }
        spec: dict[str, Any] = {
            "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
            "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
            "signatures": [{"signature": _b64(signature), "verifier": pem}],
        }
        entry = _entry("dsse", spec, at)
    else:
        assert file is not None
        signature, digest = key.sign(file, _SHA256), hashlib.sha256(file)
        content = {
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": _b64(digest.digest())},
                "signature": _b64(signature),
            }
        }
        spec = {
            "data": {"hash": {"algorithm": "sha256", "value": digest.hexdigest()}},
            "signature": {"content": _b64(signature), "publicKey": {"content": pem}},
        }
        entry = _entry("hashedrekord", spec, at)
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": _b64(certificate.public_bytes(forms.Encoding.DER))},
            "tlogEntries": [entry],
        },
        **content,
    }
