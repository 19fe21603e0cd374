"""The envelope: what it signs, and every way in which its form can be wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signing import sealing

from gatekit.errors import GatekitError
from gatekit.signing.dsse import LIMITS, Signature, decode_base64, envelope_bytes, pae, parse_envelope

GOOD = sealing.sealed(sealing.statement(), "gpu")


def parse(document: Any) -> Any:
    return parse_envelope(document if isinstance(document, bytes) else json.dumps(document).encode(), "a.dsse.json")


def refused(document: Any) -> str:
    with pytest.raises(GatekitError) as caught:
        parse(document)
    assert caught.value.exit_code == 4
    return caught.value.error_id


def test_what_is_signed_is_the_vector_of_the_specification() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_lengths_are_counted_in_bytes() -> None:
    assert pae("ü", "é".encode()) == b"DSSEv1 2 \xc3\xbc 2 \xc3\xa9"


def test_a_good_envelope_gives_its_parts() -> None:
    envelope = parse(GOOD)
    assert envelope.payload == sealing.payload(sealing.statement())
    assert [s.keyid for s in envelope.signatures] == [GOOD["signatures"][0]["keyid"]]
    assert len(envelope.signatures[0].value) == 64


def test_unknown_fields_are_ignored_as_the_specification_asks() -> None:
    more = GOOD | {"comment": "x", "signatures": [GOOD["signatures"][0] | {"cert": "y"}]}
    assert parse(more) == parse(GOOD)


@settings(deadline=None, max_examples=50)
@given(body=st.binary(max_size=300), value=st.binary(min_size=64, max_size=64))
def test_what_is_written_is_read_back(body: bytes, value: bytes) -> None:
    envelope = parse_envelope(envelope_bytes(body, [Signature("k", value)]), "x")
    assert (envelope.payload, envelope.signatures) == (body, (Signature("k", value),))


@settings(deadline=None, max_examples=100)
@given(body=st.binary(max_size=100))
def test_both_alphabets_of_base64_are_read(body: bytes) -> None:
    for encoded in (base64.b64encode(body), base64.urlsafe_b64encode(body)):
        assert decode_base64(encoded.decode(), "x", "") == body


@pytest.mark.parametrize(
    "text",
    ["YQ", "YQ=", "YQ===", "YR==", "Y Q==", "YQ==\n", " YQ==", "Y*==", "YQ==YQ==", "-+aa", "_/aa", "ÿQ==", "=YQ="],
)
def test_junk_in_base64_is_refused(text: str) -> None:
    """Missing and doubled padding, stray bits (R where Q is meant), white space, mixed alphabets."""
    assert refused(GOOD | {"payload": text}) == "signature.base64"
    assert refused(GOOD | {"signatures": [{"keyid": "k", "sig": text}]}) == "signature.base64"


SIGNATURE = GOOD["signatures"][0]


@pytest.mark.parametrize(
    ("document", "error_id"),
    [
        ([], "envelope"),
        ("text", "envelope"),
        ({}, "envelope"),
        ({k: v for k, v in GOOD.items() if k != "payload"}, "envelope"),
        ({k: v for k, v in GOOD.items() if k != "payloadType"}, "envelope"),
        ({k: v for k, v in GOOD.items() if k != "signatures"}, "unsigned"),
        (GOOD | {"signatures": []}, "unsigned"),
        (GOOD | {"signatures": {}}, "unsigned"),
        (GOOD | {"signatures": None}, "unsigned"),
        (GOOD | {"signatures": [SIGNATURE] * 33}, "envelope"),
        (GOOD | {"signatures": ["x"]}, "envelope"),
        (GOOD | {"signatures": [{"sig": SIGNATURE["sig"]}]}, "envelope"),
        (GOOD | {"signatures": [SIGNATURE | {"keyid": ""}]}, "envelope"),
        (GOOD | {"signatures": [SIGNATURE | {"keyid": 7}]}, "envelope"),
        (GOOD | {"signatures": [{"keyid": "k"}]}, "envelope"),
        (GOOD | {"payload": None}, "envelope"),
        (GOOD | {"payload": {"_type": "x"}}, "envelope"),
        (GOOD | {"payloadType": "application/json"}, "payload_type"),
        (GOOD | {"payloadType": "application/vnd.in-toto+json "}, "payload_type"),
        (GOOD | {"payloadType": "APPLICATION/VND.IN-TOTO+JSON"}, "payload_type"),
    ],
)
def test_an_envelope_of_another_form_is_refused(document: Any, error_id: str) -> None:
    assert refused(document) == f"signature.{error_id}"


@pytest.mark.parametrize(
    ("data", "error_id"),
    [
        (b"", "empty"),
        (b"\xff\xfe{\x00}\x00", "encoding"),
        (b"\xef\xbb\xbf{}", "bom"),
        (b"{", "syntax"),
        (b"{} {}", "trailing_data"),
        (b'{"payload": "YQ==", "payload": "Yg=="}', "duplicate_key"),
        (b'{"payload": "YQ==", "p\\u0061yload": "Yg=="}', "duplicate_key"),
        (b"[" * 100_000, "depth"),
        (b'{"x": NaN}', "nonfinite"),
        (b" " * (LIMITS.size + 1), "size"),
    ],
)
def test_what_is_not_strict_json_is_refused(data: bytes, error_id: str) -> None:
    assert refused(data) == f"signature.{error_id}"


def test_a_statement_about_a_thousand_files_fits() -> None:
    subjects = [{"name": f"evidence/{i:04}.json", "digest": {"sha256": "a" * 64}} for i in range(1000)]
    assert len(parse(sealing.sealed(sealing.statement() | {"subject": subjects}, "gpu")).payload) > 100_000
