"""Keys, key files and attestations for tests: deterministic, and made with `cryptography` rather than our own code.

sealing.key("gpu")                                    # a private key that depends on the name only
sealing.ring(sealing.entry("gpu"))                    # a parsed key file
sealing.envelope(sealing.statement(SUBJECTS), "gpu")  # bytes of a DSSE envelope
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gatekit.signing import KeyRing, SignedFile, parse_keys

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TYPE = "application/vnd.in-toto+json"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SVR = "https://in-toto.io/attestation/svr/v0.2"

EVIDENCE = b'{"some": "evidence"}\n'
DIGEST = sha256(EVIDENCE).hexdigest()
FILE = SignedFile("evidence/a.json", DIGEST)
NAME = "evidence/a.measure.dsse.json"


def key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())


def public(name: str) -> bytes:
    return key(name).public_key().public_bytes_raw()


def entry(name: str, **changes: Any) -> dict[str, Any]:
    """An entry of trust/keys.yaml, valid in 2026; `changes` replace its fields."""
    times = {"valid_from": "2026-01-01", "valid_until": "2026-12-31"}
    return {"id": name, "public": public(name).hex(), "roles": ["measure"], **times, **changes}


def keys_yaml(*entries: Mapping[str, Any], **top: Any) -> bytes:
    """A key file; JSON is YAML, and quotes what needs quotes."""
    return json.dumps({"schema": "gatekit.keys/1", "keys": list(entries), **top}, indent=1).encode()


def ring(*entries: Mapping[str, Any], **top: Any) -> KeyRing:
    return parse_keys(keys_yaml(*entries, **top), "trust/keys.yaml")


def statement(
    digest: str = DIGEST, name: str = "evidence/a.json", ours: Mapping[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """A statement that measures one file; `ours` are fields of gatekit's extension, `changes` replace members."""
    predicate = {"result": "PASSED", "configuration": [], "gatekit": {"role": "measure", **(ours or {})}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}}],
        "predicateType": TEST_RESULT,
        "predicate": predicate,
        **changes,
    }


def payload(document: Mapping[str, Any] | bytes) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def pae(payload_type: str, body: bytes) -> bytes:
    """PAE as the specification writes it."""
    return b" ".join([b"DSSEv1", str(len(payload_type)).encode(), payload_type.encode(), str(len(body)).encode(), body])


def signature(body: bytes, name: str, keyid: str | None = None, payload_type: str = TYPE) -> dict[str, str]:
    value = key(name).sign(pae(payload_type, body))
    return {"keyid": keyid or sha256(public(name)).hexdigest(), "sig": base64.b64encode(value).decode()}


def sealed(document: Mapping[str, Any] | bytes, *signers: str, payload_type: str = TYPE) -> dict[str, Any]:
    """An envelope as a dict, signed by each of the named keys."""
    body = payload(document)
    return {
        "payload": base64.b64encode(body).decode(),
        "payloadType": payload_type,
        "signatures": [signature(body, name, payload_type=payload_type) for name in signers],
    }


def envelope(document: Mapping[str, Any] | bytes, *signers: str, **options: Any) -> bytes:
    return json.dumps(sealed(document, *signers, **options)).encode()


def files(*contents: bytes) -> Sequence[SignedFile]:
    return [SignedFile(f"evidence/{index}.json", sha256(data).hexdigest()) for index, data in enumerate(contents)]
