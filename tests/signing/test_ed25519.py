"""Ed25519 against the vectors of RFC 8032, and the public keys that no one may be given."""

from __future__ import annotations

import pytest

from gatekit.signing.ed25519 import is_sound, key_digest, verify

# RFC 8032, 7.1: tests 1, 2 and 3.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
]

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """RFC 8032, 5.1.4, in affine coordinates."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, PRIME) % PRIME,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, PRIME) % PRIME,
    )


def times(scalar: int, point: Point) -> Point:
    result: Point = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def points() -> list[Point]:
    """Some points of the whole curve, small components included."""
    found = []
    for y in range(2, 40):
        square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
        x = pow(square, (PRIME + 3) // 8, PRIME)
        if x * x % PRIME != square:
            x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
        if x * x % PRIME == square:
            found.append((x, y))
    return found


def encode(x: int, y: int) -> bytes:
    return (y | (x & 1) << 255).to_bytes(32, "little")


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc_verify(public: str, message: str, signature: str) -> None:
    assert verify(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))
    assert not verify(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message) + b"x")


def test_a_signature_of_another_length_or_of_zeros_does_not_verify() -> None:
    public, message, signature = (bytes.fromhex(part) for part in VECTORS[1])
    for other in (b"", signature[:-1], signature + b"\0", bytes(64)):
        assert not verify(public, other, message)


def test_a_signature_with_the_order_added_to_its_scalar_does_not_verify() -> None:
    public, message, signature = (bytes.fromhex(part) for part in VECTORS[1])
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    assert not verify(public, signature[:32] + scalar.to_bytes(32, "little"), message)


def test_every_key_of_small_order_is_refused() -> None:
    """The eight points are computed here as multiples by the group's order."""
    torsion = [times(ORDER, point) for point in points()[:8]]
    small = {times(k, point) for point in torsion for k in range(8)}
    assert len(small) == 8
    for x, y in small:
        assert times(8, (x, y)) == (0, 1)
        assert not is_sound(encode(x, y))
        assert not is_sound(encode(x + 1, y))  # the other sign bit
        assert not verify(encode(x, y), bytes(64), b"")


def test_ordinary_points_are_sound_and_second_spellings_are_not() -> None:
    assert all(is_sound(encode(*point)) for point in points())
    assert not any(is_sound((PRIME + small).to_bytes(32, "little")) for small in range(19))
    assert not is_sound(b"\x02" * 31)


def test_a_key_is_called_by_the_sha256_of_its_bytes() -> None:
    assert key_digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
