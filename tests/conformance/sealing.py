"""Keys, key files and attestations, made with `cryptography` alone: nothing of gatekit signs here."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TYPE = "application/vnd.in-toto+json"


def private(name: str) -> Ed25519PrivateKey:
    """The key of a name; equal names give equal keys."""
    return Ed25519PrivateKey.from_private_bytes(sha256(f"conformance {name}".encode()).digest())


def public(name: str) -> bytes:
    return private(name).public_key().public_bytes_raw()


def key_file(step: Mapping[str, Any]) -> bytes:
    """trust/keys.yaml, as the JSON that YAML also is.

    Args:
        step: `keys` is a list of objects, each with `key`, the name of a key, and fields that replace the defaults: id,
            public, roles, valid_from, valid_until, revoked. `top` are more fields of the file.
    """
    entries = []
    for given in step["keys"]:
        name = given["key"]
        entry = {"id": name, "public": public(name).hex(), "roles": ["measure"]}
        entry |= {"valid_from": "2026-01-01", "valid_until": "2026-12-31"}
        entries.append(entry | {field: value for field, value in given.items() if field != "key"})
    return json.dumps({"schema": "gatekit.keys/1", "keys": entries, **step.get("top", {})}, indent=1).encode()


def attestation(path: str, data: bytes, step: Mapping[str, Any]) -> bytes:
    """A DSSE envelope over an in-toto statement about a file.

    Args:
        path: of the file.
        data: its bytes when it was signed.
        step: `key` that signs (gpu); `role` that the statement says (measure); `statement` and `envelope`, fields to
            replace in either (null takes one out); `keyid` and `sig` to put into the signature; `type`, the payload's
            type that is signed and stated; `copies` of the signature under other keyids.
    """
    name = step.get("key", "gpu")
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path, "digest": {"sha256": sha256(data).hexdigest()}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {"result": "PASSED", "configuration": [], "gatekit": {"role": step.get("role", "measure")}},
    }
    payload = json.dumps(_replaced(statement, step.get("statement", {}))).encode()
    kind = step.get("type", TYPE)
    pae = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind.encode(), str(len(payload)).encode(), payload])
    value = base64.b64encode(private(name).sign(pae)).decode()
    keyid = step.get("keyid", sha256(public(name)).hexdigest())
    signatures = [{"keyid": other, "sig": step.get("sig", value)} for other in (keyid, *step.get("copies", ()))]
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": signatures}
    return json.dumps(_replaced(envelope, step.get("envelope", {}))).encode()


def _replaced(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**fields, **changes}.items() if value is not None}
