"""One attestation: verified in order, by keys that may say this now; everything else is refused."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from signing import sealing

from gatekit.errors import GatekitError
from gatekit.signing import KeyRing, TrustedKey
from gatekit.signing.opening import OpenedAttestation, open_envelope

GPU = sealing.entry("gpu")
KEYS = sealing.ring(GPU, sealing.entry("desk"))


def opened(data: bytes, keys: KeyRing = KEYS, now: datetime = sealing.NOW) -> OpenedAttestation:
    return open_envelope(sealing.NAME, data, keys, now)


def refused(data: bytes, keys: KeyRing = KEYS, now: datetime = sealing.NOW) -> str:
    with pytest.raises(GatekitError) as caught:
        opened(data, keys, now)
    assert caught.value.exit_code == 4
    assert caught.value.location is not None
    return caught.value.error_id.removeprefix("signature.")


def test_a_good_attestation_names_its_signer_and_subjects() -> None:
    found = opened(sealing.envelope(sealing.statement(), "gpu"))
    assert found.names == ("gpu",)
    assert [(s.key, s.roles) for s in found.signers] == [(sha256(sealing.public("gpu")).hexdigest(), {"measure"})]
    assert [(s.name, s.sha256) for s in found.statement.subjects] == [("evidence/a.json", sealing.DIGEST)]


def test_two_keys_count_twice_and_one_key_once() -> None:
    assert len(opened(sealing.envelope(sealing.statement(), "gpu", "desk")).signers) == 2
    assert len(opened(sealing.envelope(sealing.statement(), "gpu", "gpu", "gpu")).signers) == 1


def test_one_key_under_two_ids_counts_once() -> None:
    """A key file refuses this; a ring built otherwise still cannot make one key count twice."""
    key = KEYS.keys[0]
    twin = TrustedKey(key.public, sealing.ring(sealing.entry("other")).keys[0].trust)
    document = sealing.sealed(sealing.statement(), "gpu", "gpu")
    document["signatures"][0]["keyid"], document["signatures"][1]["keyid"] = "gpu", "other"
    found = opened(json.dumps(document).encode(), KeyRing("k", (key, twin)))
    assert len({signer.key for signer in found.signers}) == 1


def with_signature(**changes: Any) -> bytes:
    document = sealing.sealed(sealing.statement(), "gpu")
    document["signatures"][0] |= changes
    return json.dumps(document).encode()


def with_signatures(*signatures: Any) -> bytes:
    return json.dumps(sealing.sealed(sealing.statement()) | {"signatures": signatures}).encode()


def with_payload(document: Any) -> bytes:
    """The signature of one payload over another."""
    good, other = sealing.sealed(sealing.statement(), "gpu"), sealing.sealed(document, "gpu")
    return json.dumps(good | {"payload": other["payload"]}).encode()


BODY = sealing.payload(sealing.statement())
GOOD_SIGNATURE = sealing.signature(BODY, "gpu")
GPU_DIGEST = sha256(sealing.public("gpu")).hexdigest()
UNKNOWN = sealing.sealed(sealing.statement(), "stranger")


@pytest.mark.parametrize(
    ("data", "error_id"),
    [
        # 24: signatures that are none
        (json.dumps(sealing.sealed(sealing.statement())).encode(), "unsigned"),
        (with_signature(sig="A" * 86 + "=="), "invalid"),  # 64 zero bytes
        (with_signature(sig="A" * 84), "invalid"),  # 63 bytes
        (with_signature(sig=""), "invalid"),
        (with_signature(sig="!" * 88), "base64"),
        # 25: a stranger, also under a known key's name
        (json.dumps(UNKNOWN).encode(), "unknown_key"),
        (json.dumps(UNKNOWN | {"signatures": [UNKNOWN["signatures"][0] | {"keyid": "gpu"}]}).encode(), "invalid"),
        (json.dumps(UNKNOWN | {"signatures": [UNKNOWN["signatures"][0] | {"keyid": GPU_DIGEST}]}).encode(), "invalid"),
        (with_signature(keyid="desk"), "invalid"),
        # a good signature beside a forged one
        (with_signatures(sealing.signature(b"another payload", "desk"), GOOD_SIGNATURE), "invalid"),
        # the payload or its type replaced
        (with_payload(sealing.statement(digest="0" * 64)), "invalid"),
        (sealing.envelope(sealing.statement(), "gpu", payload_type="application/json"), "payload_type"),
        (
            json.dumps(
                sealing.sealed(sealing.statement(), "gpu", payload_type="text/plain") | {"payloadType": sealing.TYPE}
            ).encode(),
            "invalid",
        ),
        # signed without the encoding that binds the type
        (with_signature(sig=b64encode(sealing.key("gpu").sign(BODY)).decode()), "invalid"),
    ],
)
def test_a_signature_that_does_not_hold_is_refused(data: bytes, error_id: str) -> None:
    assert refused(data) == error_id


def subject(**digests: Any) -> list[dict[str, Any]]:
    return [{"name": "evidence/a.json", "digest": digests}]


@pytest.mark.parametrize(
    ("document", "error_id"),
    [
        # 28: well signed, and still not a statement about evidence
        (sealing.statement(_type="https://in-toto.io/Statement/v0.1"), "statement"),
        (sealing.statement(_type=None), "statement"),
        (sealing.statement(predicateType="https://slsa.dev/provenance/v1"), "predicate_type"),
        (sealing.statement(predicateType="https://in-toto.io/attestation/test-result/v0.2"), "predicate_type"),
        (sealing.statement(predicateType=["x"]), "predicate_type"),
        (sealing.statement(predicateType=sealing.SVR), "role"),
        (sealing.statement(predicate=None), "statement"),
        (sealing.statement(predicate={"gatekit": []}), "statement"),
        (sealing.statement(subject=[]), "subject"),
        (sealing.statement(subject=None), "subject"),
        (sealing.statement(subject={}), "subject"),
        (sealing.statement(subject=["evidence/a.json"]), "subject"),
        (sealing.statement(subject=[{"name": "evidence/a.json"}]), "subject"),
        (sealing.statement(subject=subject()), "subject"),
        (sealing.statement(subject=subject(sha1="a" * 40)), "subject"),
        (sealing.statement(subject=subject(sha256=sealing.DIGEST.upper())), "subject"),
        (sealing.statement(subject=subject(sha256=sealing.DIGEST[:-1])), "subject"),
        (sealing.statement(subject=subject(sha256=sealing.DIGEST + "\n")), "subject"),
        (sealing.statement(subject=subject(sha256=7)), "subject"),
        (sealing.statement(subject=[{"name": 7, "digest": {"sha256": sealing.DIGEST}}]), "subject"),
        (sealing.statement(subject=subject(sha256=sealing.DIGEST) * 1025), "subject"),
        (sealing.statement(ours={"signed_at": "yesterday"}), "time"),
        (sealing.statement(ours={"signed_at": "2026-02-30T00:00:00Z"}), "time"),
        (sealing.statement(ours={"signed_at": "2026-03-02T12:11:00Z"}), "time"),
        (sealing.statement(ours={"challenges": {"x": "y"}}), "statement"),
        (sealing.statement(ours={"role": 1}), "statement"),
        (b"", "empty"),
        (b"not json", "syntax"),
        (b'{"_type": "https://in-toto.io/Statement/v1", "_type": "x"}', "duplicate_key"),
        (b"[" * 40 + b"]" * 40, "depth"),
        (b"[]", "statement"),
    ],
)
def test_a_well_signed_payload_that_says_something_else_is_refused(document: Any, error_id: str) -> None:
    assert refused(sealing.envelope(document, "gpu")) == error_id


def test_other_digests_beside_the_sha256_and_unknown_fields_are_ignored() -> None:
    more = sealing.statement(subject=subject(sha256=sealing.DIGEST, sha1="a" * 40), extra={"x": 1})
    assert opened(sealing.envelope(more, "gpu")).statement.subjects[0].sha256 == sealing.DIGEST


GOOD = sealing.envelope(sealing.statement(), "gpu")


# 27: expired, not yet valid, revoked, another role
@pytest.mark.parametrize(
    ("changes", "error_id"),
    [
        ({"valid_until": "2026-03-01"}, "expired"),
        ({"valid_until": "2026-03-02T11:59:59Z"}, "expired"),
        ({"valid_from": "2026-03-03"}, "not_yet_valid"),
        ({"valid_from": "2026-03-02T12:00:01Z"}, "not_yet_valid"),
        ({"revoked": {"at": "2026-03-02T12:00:00Z", "reason": "stolen"}}, "revoked"),
        ({"revoked": {"at": "2026-01-01", "reason": "stolen"}}, "revoked"),
        ({"roles": ["verdict"]}, "role"),
        ({"roles": ["review"]}, "role"),
    ],
)
def test_a_key_outside_its_time_or_role_is_refused(changes: dict[str, Any], error_id: str) -> None:
    assert refused(GOOD, sealing.ring(GPU | changes)) == error_id


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_until": "2026-03-02"},
        {"valid_until": "2026-03-02T12:00:00Z"},
        {"valid_from": "2026-03-02T12:00:00Z"},
        {"revoked": {"at": "2026-03-03", "reason": "to be retired"}},
        {"roles": ["review", "measure", "verdict"]},
    ],
)
def test_a_key_within_its_time_and_role_is_believed(changes: dict[str, Any]) -> None:
    assert opened(GOOD, sealing.ring(GPU | changes)).names == ("gpu",)


@pytest.mark.parametrize(
    ("signed_at", "error_id"), [("2025-12-31T23:59:59Z", "not_yet_valid"), ("2027-01-01T00:00:00Z", "time")]
)
def test_the_stated_time_of_signing_must_be_within_the_keys_validity_too(signed_at: str, error_id: str) -> None:
    assert refused(sealing.envelope(sealing.statement(ours={"signed_at": signed_at}), "gpu")) == error_id


def test_what_an_expired_or_revoked_key_says_it_signed_earlier_is_not_believed() -> None:
    earlier = sealing.envelope(sealing.statement(ours={"signed_at": "2026-01-15T00:00:00Z"}), "gpu")
    assert refused(earlier, now=datetime(2027, 1, 2, tzinfo=UTC)) == "expired"
    revoked = sealing.ring(GPU | {"revoked": {"at": "2026-02-01", "reason": "stolen"}})
    assert refused(earlier, revoked) == "revoked"


def test_one_key_outside_its_time_refuses_the_whole_attestation() -> None:
    keys = sealing.ring(GPU, sealing.entry("desk", valid_until="2026-02-01"))
    assert refused(sealing.envelope(sealing.statement(), "gpu", "desk"), keys) == "expired"


def test_a_signer_counts_only_in_the_role_that_it_signed_in() -> None:
    keys = sealing.ring(GPU | {"roles": ["measure", "review", "verdict"]})
    assert [s.roles for s in opened(GOOD, keys).signers] == [{"measure"}]
    unsaid = sealing.statement(predicate={"result": "PASSED", "configuration": []})
    assert [s.roles for s in opened(sealing.envelope(unsaid, "gpu"), keys).signers] == [{"measure", "review"}]
    verdict = sealing.statement(predicateType=sealing.SVR, ours={"role": "verdict"})
    assert [s.roles for s in opened(sealing.envelope(verdict, "gpu"), keys).signers] == [{"verdict"}]
    # Nor may evidence be vouched for in the role of a verdict.
    assert refused(sealing.envelope(sealing.statement(ours={"role": "verdict"}), "gpu"), keys) == "role"


def test_a_stranger_beside_a_known_key_changes_nothing() -> None:
    assert opened(sealing.envelope(sealing.statement(), "stranger", "gpu")).names == ("gpu",)
