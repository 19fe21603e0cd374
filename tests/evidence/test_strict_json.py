"""What `gatekit.evidence.strict_json` refuses, where it says the trouble is, and that it accepts the rest unchanged."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
import tracemalloc
from pathlib import Path

import pytest
from evidence.reading_apart import loops_of
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.errors import GatekitError
from gatekit.evidence.strict_json import JsonLimits, parse_json, read_json, value_pointer


def refusal(data: bytes, limits: JsonLimits | None = None) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        parse_json(data, "s.json", limits or JsonLimits())
    assert caught.value.exit_code == 4
    assert str(caught.value.location).startswith("s.json")
    str(caught.value).encode("utf-8")  # printable: no lone surrogate reaches a message
    return caught.value


def nested(kind: str, depth: int) -> bytes:
    return {"[": b"[" * depth + b"]" * depth, "{": b'{"a":' * depth + b"1" + b"}" * depth}[kind]


# --- each rule of refusal: error id and the place that it names ---


@pytest.mark.parametrize(
    ("data", "error_id", "pointer"),
    [
        (b'{"p99_ms": NaN}', "json.nonfinite", "/p99_ms"),
        (b'{"p99_ms": Infinity}', "json.nonfinite", "/p99_ms"),
        (b'{"p99_ms": -Infinity}', "json.nonfinite", "/p99_ms"),
        (b'{"p99_ms": 1e400}', "json.nonfinite", "/p99_ms"),
        (b'{"p99_ms": -1e400}', "json.nonfinite", "/p99_ms"),
        (b'{"p99_ms": 99.0, "p99_ms": 1.0}', "json.duplicate_key", "/p99_ms"),
        (b'{"p99_ms":99.0,"p99_m\\u0073":1.0}', "json.duplicate_key", "/p99_ms"),
        (b'{"a": 1, "\\u0061": 1}', "json.duplicate_key", "/a"),
        (b'[{}, {"x": {"a": 1, "b": 2, "b": 3}}]', "json.duplicate_key", "/1/x/b"),
        (b'{"p99_ms": 1e-400}', "json.underflow", "/p99_ms"),
        (b"[-0.0000001e-399]", "json.underflow", "/0"),
        (b'{"n": [1, 9007199254740992]}', "json.integer_range", "/n/1"),
        (b"-9007199254740992", "json.integer_range", ""),
        (b'{"a":[0.1234567890123456,-9007199254740992]}', "json.integer_range", "/a/1"),
        (b"[0.1234567890123456,\n9007199254740993]", "json.integer_range", "/1"),
        (b'{"n": ' + b"1" * 33 + b"}", "json.number_length", "/n"),
        (b'{"n": 0.' + b"1" * 31 + b"}", "json.number_length", "/n"),
        (b'{"n": ' + b"9" * 200_000 + b"}", "json.number_length", "/n"),
        (b'{"a/b~c": NaN}', "json.nonfinite", "/a~1b~0c"),
        (b'{"a": ["\\ud800"]}', "json.lone_surrogate", "/a/0"),
        (b'{"a": "\\udc00\\ud800"}', "json.lone_surrogate", "/a"),
        (b'{"a": {"\\uDfff": 1}}', "json.lone_surrogate", "/a/\\udfff"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "json.duplicate_key", "/\\ud800"),
        (b'{"a": "' + b"x" * 65537 + b'"}', "json.string_length", "/a"),
        (b'["' + b"\\n" * 65537 + b'"]', "json.string_length", "/0"),
        (b'{"' + b"x" * 65537 + b'": 1}', "json.string_length", "/" + "x" * 65537),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_refused_value_is_named_by_its_json_pointer(data: bytes, error_id: str, pointer: str) -> None:
    error = refusal(data)
    assert error.error_id == error_id
    assert error.location is not None
    assert error.location.pointer == pointer


@pytest.mark.parametrize(
    ("data", "error_id", "place"),
    [
        (b'{"a": 1}{}', "json.trailing_data", "s.json:1:9"),
        (b'{"a": 1}\n\n  x', "json.trailing_data", "s.json:3:3"),
        (b'{\n  "a" 1\n}', "json.syntax", "s.json:2:7"),
        ('{"é": ]}'.encode(), "json.syntax", "s.json:1:7"),
        (b'{"a": 01}', "json.syntax", "s.json:1:8"),
        (b"{'a': 1}", "json.syntax", "s.json:1:2"),
        (b'{"a": "x\x01"}', "json.control_character", "s.json:1:9"),
        (b'{"a": "x\ty"}', "json.control_character", "s.json:1:9"),
        (b'{"a":\n\x0c 1}', "json.control_character", "s.json:2:1"),
        (b'{"a": 1}\n{"b": "\xff"}', "json.encoding", "s.json:2:8"),
        (b'{"a": "\xc3\xa9", "b": "\xe9"}', "json.encoding", "s.json:1:18"),
        (b"\xed\xa0\x80", "json.encoding", "s.json:1:1"),
        ('{"a": 1}'.encode("utf-16"), "json.encoding", "s.json"),
        ('{"a": 1}'.encode("utf-16-le"), "json.encoding", "s.json"),
        ('{"a": 1}'.encode("utf-32-be"), "json.encoding", "s.json"),
        (b"\xef\xbb\xbf{}", "json.bom", "s.json"),
        (b"", "json.empty", "s.json"),
        (b" \r\n\t", "json.empty", "s.json"),
        (b"[\n" * 33 + b"]" * 33, "json.depth", "s.json:33:1"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_bytes_that_are_not_strict_json_are_refused_at_their_place(data: bytes, error_id: str, place: str) -> None:
    error = refusal(data)
    assert (error.error_id, str(error.location)) == (error_id, place)


@pytest.mark.parametrize(
    "data",
    [
        b"[1,]", b"[,1]", b'{"a":1,}', b"[1 2]", b'{"a"}', b'{1:2}', b"+1", b".5", b"1.", b"-", b"0x1", b"1e", b"nan",
        b"infinity", b"True", b"// c\n1", b"[", b'["a', b'"\\x41"', b'"\\u12"', b"[1]]", b'"a\\', b"\\[", b"tru",
        "[１]".encode(), "\u00a01".encode(), b"[-Infinit]", b"'a'",
    ],
)  # fmt: skip
def test_what_json_does_not_allow_is_refused(data: bytes) -> None:
    assert refusal(data).error_id in {"json.syntax", "json.trailing_data"}


def test_the_first_refused_value_in_document_order_is_named() -> None:
    assert str(refusal(b'{"b": [1, NaN, 1e400], "a": 1e400, "c": {"d": 1, "d": 2}}').location) == "s.json#/b/1"


# --- limits ---


def test_the_deepest_accepted_nesting_is_the_limit() -> None:
    for kind in "[{":
        parse_json(nested(kind, 32), "s.json")
        assert refusal(nested(kind, 33)).error_id == "json.depth"


def test_brackets_in_strings_do_not_count_as_depth() -> None:
    assert parse_json(b'{"a": "' + b"[" * 1000 + b'"}', "s.json").value == {"a": "[" * 1000}
    assert parse_json(b'["\\"' + b"{" * 1000 + b'"]', "s.json").value == ['"' + "{" * 1000]


@pytest.mark.parametrize("close", ["]", '\\"]', "\\\\]", "}"])
def test_closing_brackets_in_strings_do_not_hide_depth(close: str) -> None:
    data = b"".join(b'["' + close.encode() + b'",' for _ in range(33)) + b"1" + b"]" * 33
    assert refusal(data).error_id == "json.depth"


def test_siblings_do_not_count_as_depth() -> None:
    assert len(parse_json(b"[" + b"[[]]," * 999 + b"[]]", "s.json").value) == 1000


def test_the_number_of_values_is_counted_exactly() -> None:
    # [[1,2],{},{"k":3}] holds 7 values: the root, an array, 1, 2, two objects and 3.
    data = b'[[1,2],{ },{"k, [":3}]'
    assert parse_json(data, "s.json", JsonLimits(values=7)).value == [[1, 2], {}, {"k, [": 3}]
    assert refusal(data, JsonLimits(values=6)).error_id == "json.too_many_values"


def test_strings_and_numbers_at_their_limit_are_accepted() -> None:
    text, number = "\n" * 65536, "0." + "1" * 30
    assert parse_json(json.dumps([text]).encode() + b" " * 10, "s.json").value == [text]
    assert parse_json(number.encode(), "s.json").value == float(number)


def test_a_document_of_exactly_the_size_limit_is_accepted_and_one_byte_more_is_not() -> None:
    assert parse_json(b" " * (2**20 - 1) + b"1", "s.json").size == 2**20
    assert refusal(b" " * 2**20 + b"1").error_id == "json.size"


# --- accepted documents ---


def test_numbers_at_the_edges_are_kept() -> None:
    value = parse_json(
        b"[9007199254740991, -9007199254740991, -0.0, 0e-400, 5e-324, 1.7976931348623157e308, -0]", "s"
    ).value
    assert value == [2**53 - 1, 1 - 2**53, 0.0, 0.0, 5e-324, sys.float_info.max, 0]
    assert math.copysign(1.0, value[2]) == -1.0


def test_booleans_stay_booleans() -> None:
    assert [type(item) for item in parse_json(b"[true, 1, 1.0, null]", "s").value] == [bool, int, float, type(None)]


def test_a_surrogate_pair_and_an_escaped_backslash_before_u_are_text() -> None:
    assert parse_json(b'["\\ud83d\\ude00", "\\\\ud800"]', "s").value == ["😀", "\\ud800"]


def test_the_document_carries_the_digest_of_the_raw_bytes() -> None:
    document = parse_json(b' {"a": 1} ', "s.json")
    assert (document.path, document.size, document.sha256) == (
        "s.json", 10, hashlib.sha256(b' {"a": 1} ').hexdigest(),
    )  # fmt: skip


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=6),
    max_leaves=40,
)  # fmt: skip


@given(json_values, st.booleans(), st.sampled_from([None, 1]))
@settings(deadline=None, max_examples=150)
def test_a_valid_document_reads_as_the_standard_library_reads_it(
    value: object, ascii_: bool, indent: int | None
) -> None:
    data = json.dumps(value, ensure_ascii=ascii_, indent=indent).encode("utf-8", "surrogatepass")
    try:
        ours = parse_json(data, "s.json").value
    except GatekitError as error:  # only for what hypothesis may draw and the rules refuse
        assert error.error_id in {"json.lone_surrogate", "json.encoding"}
    else:
        assert repr(ours) == repr(json.loads(data))


@given(st.binary(max_size=60) | st.text('[]{}",:\\u0d8eE+-.1 \nNaInfity', max_size=60).map(str.encode))
@settings(deadline=None, max_examples=500)
def test_no_bytes_raise_anything_but_a_located_refusal(data: bytes) -> None:
    try:
        ours = parse_json(data, "s.json").value
    except GatekitError as error:
        assert error.error_id.startswith("json.")
        assert error.location is not None
    else:
        assert repr(ours) == repr(json.loads(data))


# --- files ---


def test_a_file_is_read_with_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(b'{"a": 1}')
    document = read_json(path)
    assert document.value == {"a": 1}
    assert document.path == str(path)
    assert document.sha256 == hashlib.sha256(b'{"a": 1}').hexdigest()


def make(kind: str, folder: Path) -> Path:
    path = folder / "x.json"
    if kind == "missing":
        return folder / "absent" / "x.json"
    if kind == "below a file":
        (folder / "f").write_text("{}")
        return folder / "f" / "x.json"
    if kind == "directory":
        path.mkdir()
    if kind == "symlink":
        (folder / "target.json").write_text("{}")
        path.symlink_to("target.json")
    if kind == "dangling symlink":
        path.symlink_to("nowhere")
    if kind == "fifo":
        os.mkfifo(path)
    return Path("/dev/zero") if kind == "device" else Path(f"{folder}/a\0b") if kind == "nul" else path


@pytest.mark.parametrize(
    ("kind", "error_id"),
    [
        ("missing", "json.missing"),
        ("below a file", "json.missing"),
        ("directory", "json.directory"),
        ("symlink", "json.symlink"),
        ("dangling symlink", "json.symlink"),
        ("fifo", "json.not_regular"),
        ("device", "json.not_regular"),
        ("nul", "json.unreadable"),
    ],
)
def test_only_a_regular_file_is_read(kind: str, error_id: str, tmp_path: Path) -> None:
    path = make(kind, tmp_path)
    with pytest.raises(GatekitError) as caught:
        read_json(path)
    assert caught.value.error_id == error_id
    assert str(caught.value.location) == str(path)


def test_a_two_gigabyte_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(GatekitError) as caught:
            read_json(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.error_id == "json.size"
    assert peak < 1 << 20


BOMBS = {
    "deep arrays": b"[" * 100_000,
    "deep closed arrays": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "mixed brackets": b"[{" * 100_000,
    "wide": b"[" + b"[]," * 66_000 + b"[]]",
    "depth behind strings": b'["]",' * 40_000,
    "open string of escaped quotes": b"[" * 5 + b'"' + b'\\"' * 500_000,
    "quotes": b"[" * 5 + b'"' * 1_000_000,
    "backslashes": b"\\" * 1_000_000,
    "duplicates": b"{" + b'"a":1,' * 170_000 + b'"a":1}',
    "nan": b"[" + b"NaN," * 250_000 + b"1]",
    "digits": b"1" * 1_000_000,
    "surrogates": b'["' + b"\\ud83d\\ude00" * 80_000 + b'"]',
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_small_document_costs_a_second_or_200_megabytes(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.json"
    path.write_bytes(BOMBS[name])
    assert loops_of("strict_json", "read_json", path) < 5


def test_pointers_escape_tilde_before_slash() -> None:
    # The examples of RFC 6901, section 5.
    assert [value_pointer(tokens) for tokens in ([], ["foo", 0], [""], ["a/b"], ["m~n"], ["~1"])] == [
        "", "/foo/0", "/", "/a~1b", "/m~0n", "/~01",
    ]  # fmt: skip
