"""The same envelopes through securesystemslib, an independent implementation of DSSE: ours there and theirs here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey
from signing import sealing

from gatekit.errors import GatekitError
from gatekit.signing.dsse import Signature, envelope_bytes, pae, parse_envelope
from gatekit.signing.ed25519 import key_digest
from gatekit.signing.opening import open_envelope

KEYS = sealing.ring(sealing.entry("gpu"))


def theirs(body: bytes, name: str = "gpu") -> dict[str, Any]:
    envelope = Envelope(body, sealing.TYPE, {})
    envelope.sign(CryptoSigner(sealing.key(name)))
    return envelope.to_dict()


def ours(body: bytes, name: str = "gpu") -> bytes:
    value = sealing.key(name).sign(pae(sealing.TYPE, body))
    return envelope_bytes(body, [Signature(key_digest(sealing.public(name)), value)])


def their_key(name: str, keyid: str) -> SSlibKey:
    return SSlibKey(keyid, "ed25519", "ed25519", {"public": sealing.public(name).hex()})


def test_our_envelope_verifies_there() -> None:
    data = json.loads(ours(sealing.payload(sealing.statement())))
    key = their_key("gpu", data["signatures"][0]["keyid"])
    assert list(Envelope.from_dict(data).verify([key], 1)) == [key.keyid]
    with pytest.raises(VerificationError):
        Envelope.from_dict(json.loads(ours(b"x", "desk"))).verify([key], 1)


def test_their_envelope_verifies_here() -> None:
    document = theirs(sealing.payload(sealing.statement()))
    found = open_envelope("a.dsse.json", json.dumps(document).encode(), KEYS, sealing.NOW)
    assert found.names == ("gpu",)


def test_their_envelope_by_another_key_is_refused_here() -> None:
    document = theirs(sealing.payload(sealing.statement()), "stranger")
    with pytest.raises(GatekitError, match="no signature names a key"):
        open_envelope("a.dsse.json", json.dumps(document).encode(), KEYS, sealing.NOW)


@settings(deadline=None, max_examples=50)
@given(payload_type=st.text(max_size=20), body=st.binary(max_size=100))
def test_both_sign_the_same_bytes(payload_type: str, body: bytes) -> None:
    assert pae(payload_type, body) == Envelope(body, payload_type, {}).pae()


@settings(deadline=None, max_examples=50)
@given(body=st.binary(max_size=200))
def test_both_read_each_others_files(body: bytes) -> None:
    assert parse_envelope(json.dumps(theirs(body)).encode(), "x").payload == body
    assert Envelope.from_dict(json.loads(ours(body))).payload == body


def test_a_key_pair_under_two_keyids_satisfies_a_threshold_of_two_there_and_not_here() -> None:
    """Why signers are told apart by the bytes of their keys."""
    data = json.loads(ours(sealing.payload(sealing.statement())))
    first = data["signatures"][0]
    data["signatures"] = [first | {"keyid": "gpu"}, first | {"keyid": key_digest(sealing.public("gpu"))}]
    found = open_envelope("a.dsse.json", json.dumps(data).encode(), KEYS, sealing.NOW)
    assert len(found.signers) == 1
    pair = [their_key("gpu", s["keyid"]) for s in data["signatures"]]
    assert len(Envelope.from_dict(data).verify(pair, 2)) == 2
