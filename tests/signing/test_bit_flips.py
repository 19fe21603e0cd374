"""One flipped bit, in the evidence or in its attestation, and nobody vouches for the evidence any more."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st
from signing import sealing

from gatekit.signing import SignedFile, judge
from gatekit.signing.dsse import Signature, envelope_bytes

KEYS = sealing.ring(sealing.entry("gpu"))
BODY = sealing.payload(sealing.statement())
# As `gatekit attest` writes it.
ENVELOPE = envelope_bytes(
    BODY,
    [Signature(sha256(sealing.public("gpu")).hexdigest(), sealing.key("gpu").sign(sealing.pae(sealing.TYPE, BODY)))],
)


def signers(evidence: bytes, envelope: bytes) -> dict[str, object]:
    file = SignedFile("evidence/a.json", sha256(evidence).hexdigest())
    return dict(judge([(sealing.NAME, envelope)], KEYS, [file], sealing.NOW).signers)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_without_a_flip_the_evidence_is_vouched_for() -> None:
    assert set(signers(sealing.EVIDENCE, ENVELOPE)) == {sealing.DIGEST}


def test_every_flip_in_the_evidence_is_refused() -> None:
    for bit in range(len(sealing.EVIDENCE) * 8):
        assert signers(flipped(sealing.EVIDENCE, bit), ENVELOPE) == {}


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(ENVELOPE) * 8 - 1))
def test_any_flip_in_the_envelope_is_refused(bit: int) -> None:
    assert signers(sealing.EVIDENCE, flipped(ENVELOPE, bit)) == {}


def test_every_single_flip_in_the_envelope_is_refused() -> None:
    for bit in range(len(ENVELOPE) * 8):
        assert signers(sealing.EVIDENCE, flipped(ENVELOPE, bit)) == {}, bit


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(ENVELOPE)), st.binary(min_size=1, max_size=3))
def test_cutting_the_envelope_or_putting_bytes_in_never_adds_a_signer(place: int, junk: bytes) -> None:
    for changed in (ENVELOPE[:place], ENVELOPE[:place] + junk + ENVELOPE[place:]):
        assert set(signers(sealing.EVIDENCE, changed)) <= {sealing.DIGEST}
        assert signers(sealing.EVIDENCE + b" ", changed) == {}
