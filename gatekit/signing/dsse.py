"""The DSSE envelope: one payload, its type and signatures over both (DSSE 1.0).

What is signed is PAE(type, payload), so the payload needs no canonical form: it is verified as bytes, and those same
bytes are parsed afterwards. A `keyid` is not signed. It narrows which known key is tried and nothing else; a signature
without one is refused, because trying every key is work that an attacker would choose the amount of.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence.strict_json import JsonLimits, parse_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_SIGNATURES = 32
LIMITS = JsonLimits(size=1 << 20, depth=16, string=1 << 20)
"""A statement about 1,000 files is 150 KB; its payload is one string."""

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}", re.ASCII)


@dataclass(frozen=True)
class Signature:
    """One signature of an envelope."""

    keyid: str
    """Unauthenticated: which key the signer says it is."""
    value: bytes


@dataclass(frozen=True)
class Envelope:
    """An envelope whose form is right; nothing about it is verified yet."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def signed_bytes(self) -> bytes:
        """What every signature is over."""
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding of DSSE 1.0."""
    name = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def envelope_bytes(payload: bytes, signatures: Sequence[Signature]) -> bytes:
    """Return the file form of an envelope over an in-toto statement: equal input, equal bytes."""
    document = {
        "payload": _encode(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": signature.keyid, "sig": _encode(signature.value)} for signature in signatures],
    }
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode("ascii")


def parse_envelope(data: bytes, name: str) -> Envelope:
    """Read an envelope strictly: size, JSON, fields, payload type, base64. Unknown fields are ignored, as DSSE asks.

    Args:
        data: the raw bytes of the file.
        name: what errors call it.

    Raises:
        GatekitError: `signature.*` with the JSON pointer of the fault.
    """
    document = strict_json(data, name, LIMITS)
    if not isinstance(document, dict):
        raise fault(name, "", "envelope", "this is not a DSSE envelope")
    payload_type = _text(document, "payloadType", name, "")
    if payload_type != PAYLOAD_TYPE:
        raise fault(name, "/payloadType", "payload_type", f"the payload's type is {payload_type!r}, not {PAYLOAD_TYPE}")
    items = document.get("signatures")
    if not isinstance(items, list) or not items:
        raise fault(name, "/signatures", "unsigned", "the envelope has no signature")
    if len(items) > MAX_SIGNATURES:
        raise fault(name, "/signatures", "envelope", f"the envelope has more than {MAX_SIGNATURES} signatures")
    signatures = []
    for index, item in enumerate(items):
        pointer = f"/signatures/{index}"
        if not isinstance(item, dict):
            raise fault(name, pointer, "envelope", "a signature must be an object")
        keyid = _text(item, "keyid", name, pointer)
        if not keyid:
            raise fault(name, f"{pointer}/keyid", "envelope", "the signature does not say which key it is by")
        value = decode_base64(_text(item, "sig", name, pointer), name, f"{pointer}/sig")
        signatures.append(Signature(keyid, value))
    payload = decode_base64(_text(document, "payload", name, ""), name, "/payload")
    return Envelope(payload_type, payload, tuple(signatures))


def claimed_keys(data: bytes, name: str) -> set[str]:
    """Return every keyid in a file that may be no proper envelope: whom a fault in it concerns."""
    try:
        document = strict_json(data, name, LIMITS)
    except GatekitError:
        return set()
    items = document.get("signatures") if isinstance(document, dict) else None
    found = [item.get("keyid") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return {keyid for keyid in found if isinstance(keyid, str)}


def decode_base64(text: str, name: str, pointer: str) -> bytes:
    """Decode padded standard or URL-safe base64 that has exactly one spelling in its alphabet.

    Raises:
        GatekitError: `signature.base64` for other characters, mixed alphabets, missing padding or stray trailing bits.
    """
    if _BASE64.fullmatch(text) is not None:
        standard = text.replace("-", "+").replace("_", "/")
        try:
            data = base64.b64decode(standard, validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if _encode(data) == standard:
            return data
    raise fault(name, pointer, "base64", "this is not base64")


def strict_json(data: bytes, name: str, limits: JsonLimits) -> Any:
    """Parse JSON strictly; a fault has the id `signature.*`."""
    try:
        return parse_json(data, name, limits).value
    except GatekitError as error:
        error.error_id = f"signature.{error.error_id.partition('.')[2]}"
        raise


def fault(name: str, pointer: str, error_id: str, message: str, remedy: str | None = None) -> GatekitError:
    """Return (not raise) the error `signature.ERROR_ID` at a JSON pointer of the attestation."""
    return GatekitError(f"signature.{error_id}", message, Location(name, pointer=pointer), remedy)


def _text(document: dict[str, Any], key: str, name: str, pointer: str) -> str:
    value = document.get(key)
    if not isinstance(value, str):
        raise fault(name, f"{pointer}/{key}", "envelope", f"'{key}' must be there and be text")
    return value


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
