"""Canonical JSON against the examples that RFC 8785 publishes, and the digests made from it."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.errors import GatekitError
from gatekit.evidence.canonical import canonical_bytes, sha256_file, sha256_of, sha256_of_parsed, sha256_of_shared
from gatekit.evidence.strict_json import parse_json

# RFC 8785, appendix B: IEEE 754 bits and their text.
RFC_NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize(("bits", "text"), RFC_NUMBERS.items())
def test_numbers_are_written_as_the_rfc_writes_them(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_bytes(number) == text.encode()


def test_the_sample_object_of_the_rfc_has_its_published_bytes() -> None:
    # RFC 8785, sections 3.2.2 (input) and 3.2.4 (output bytes).
    sample = r"""{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    published = """
      7b 22 6c 69 74 65 72 61 6c 73 22 3a 5b 6e 75 6c 6c 2c 74 72 75 65 2c 66 61 6c 73 65 5d 2c 22 6e 75 6d 62 65 72 73
      22 3a 5b 33 33 33 33 33 33 33 33 33 2e 33 33 33 33 33 33 33 2c 31 65 2b 33 30 2c 34 2e 35 2c 30 2e 30 30 32 2c 31
      65 2d 32 37 5d 2c 22 73 74 72 69 6e 67 22 3a 22 e2 82 ac 24 5c 75 30 30 30 66 5c 6e 41 27 42 5c 22 5c 5c 5c 5c 5c
      22 2f 22 7d
    """
    assert canonical_bytes(json.loads(sample)) == bytes.fromhex(published)


def test_keys_are_sorted_by_their_utf16_units_as_in_the_rfc() -> None:
    # RFC 8785, section 3.2.3.
    sample = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(canonical_bytes(sample)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_the_digest_does_not_depend_on_how_a_document_is_written() -> None:
    # sha256sum of the 13 bytes {"a":1,"b":2}
    digest = "43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777"
    assert sha256_of(json.loads('{ "b": 2.0, "a": 1 }')) == sha256_of({"a": 1.0, "b": 2}) == digest


NOT_JSON = [
    math.nan, math.inf, [2**53], -(2**53), 10**5000, {"a": "\ud800"}, {"\ud800": 1}, {1: 2}, {"a": b"x"}, {1, 2},
]  # fmt: skip


@pytest.mark.parametrize("value", NOT_JSON, ids=lambda value: str(type(value)))
def test_what_json_cannot_hold_has_no_digest(value: object) -> None:
    with pytest.raises(GatekitError) as caught:
        sha256_of(value)
    assert caught.value.error_id == "canonical.value"


def test_a_value_that_contains_itself_has_no_digest() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(GatekitError):
        canonical_bytes(value)


finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@given(st.dictionaries(words, finite | st.booleans() | words))
@settings(deadline=None, max_examples=100)
def test_canonical_bytes_read_back_as_the_same_value(value: dict[str, object]) -> None:
    # parse_int=float, because large doubles are written without a point, as digits that only round to them.
    assert json.loads(canonical_bytes(value), parse_int=float) == value


def test_a_file_is_digested_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a" * 1_000_000 * 3)
    # head -c 3000000 /dev/zero | tr '\0' a | sha256sum
    assert sha256_file(path) == "2a152c894398719c0570f83fac34ac03a0f6e8e474b995c2403aa5434f7b9dd4"
    path.write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_that_cannot_be_read_has_no_digest(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path, Path(f"{tmp_path}/a\0b")):
        with pytest.raises(GatekitError) as caught:
            sha256_file(path)
        assert caught.value.error_id == "digest.unreadable"
        assert str(caught.value.location) == str(path)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53) + 1, 2**53 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_the_quick_way_gives_the_bytes_of_the_reference_implementation(value) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)


def test_numbers_that_python_writes_otherwise_take_the_slow_way() -> None:
    for value in (5.0, -0.0, 1e-5, 0.0001, 1e15, 1.5e15, 1e16, 1e21, 123456789012345.6, 2**53 - 1):
        assert canonical_bytes([value]) == rfc8785.dumps([value])
    with pytest.raises(GatekitError, match="canonical JSON form"):
        canonical_bytes({"a": ["\ud800"]})


@pytest.mark.parametrize(
    "text",
    [
        *("0", "-1", "1.5", "1.0", "-0.0", "0.1", "1e-7", "1e22", "1e300", "0.00001", "123456789012345.5"),
        *("9007199254740991", "-9007199254740991", "1234567890123456.5", "0.12345678901234567", "true", "null"),
        *('""', '"\\u007f"', '"\\u0001"', '"1.0"', '"a\\"1.0\\"b"', '"1e5"', '"9007199254740993"', '"\\u00e9"'),
        *('{"b": 1, "a": 2, "B": 3}', '{"\\u00e9": 1, "z": 2}', '{"\\ud83d\\ude00": 1, "\\uff5e": 2}', "[]", "{}"),
        *('{"a": [1, 1.0, "x"]}', '{"1.0": 1.25}', '["\\\\", 2.0]', '{"": [[]]}'),
    ],
)
def test_the_digest_of_a_parsed_value_is_that_of_any_value(text: str) -> None:
    value = parse_json(text.encode(), "a.json").value
    assert sha256_of_parsed(value) == hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def test_a_digest_that_is_remembered_is_that_of_the_value_and_not_of_one_that_equals_it() -> None:
    # To Python these are equal one by one; RFC 8785 writes them apart, and true is no number.
    for text in ('{"a":1}', '{"a":true}', '{"a":[1,0]}', '{"a":[true,false]}', '{"b":0,"a":1}', '{"a":1,"b":0}') * 2:
        value = parse_json(text.encode(), "x").value
        assert sha256_of_shared(value) == hashlib.sha256(rfc8785.dumps(value)).hexdigest()
    assert sha256_of_shared({"a": 1.0}) == sha256_of_shared({"a": 1})


def test_a_value_that_was_changed_after_its_digest_was_taken_has_another() -> None:
    value = {"seeds": [0, 1]}
    before = sha256_of_shared(value)
    value["seeds"].append(2)
    assert sha256_of_shared(value) == sha256_of(value) != before


def test_more_digests_than_are_remembered_are_right_too() -> None:
    assert all(sha256_of_shared([number]) == sha256_of([number]) for number in (*range(3000), *range(3000)))
