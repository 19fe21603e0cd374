"""What `gatekit.evidence.strict_yaml` refuses and where, what it accepts, and how it maps values back to places."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from evidence.reading_apart import loops_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatekit.errors import GatekitError
from gatekit.evidence.strict_yaml import Mapping, Scalar, YamlDocument, YamlLimits, parse_yaml, read_yaml

POLICY = """\
# a policy
schema: gatekit.policy/1
gates:
  ood:
    all_of:
      - {from: ood, measure: auc_drop, at_most: 0.10}
      - from: "ood"
        at_most: 5e-1
waivers: []
"""


def parse(text: str) -> YamlDocument:
    return parse_yaml(text.encode(), "p.yaml")


def refusal(data: bytes | str, limits: YamlLimits | None = None) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        parse_yaml(data.encode() if isinstance(data, str) else data, "p.yaml", limits or YamlLimits())
    assert caught.value.exit_code == 4
    return caught.value


# --- what is refused ---


@pytest.mark.parametrize(
    ("text", "error_id", "place"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate_key", "3:1"),
        ("{a: 1, 'a': 2}", "duplicate_key", "1:8"),
        ('a: 1\n"\\x61": 2', "duplicate_key", "2:1"),
        ("x:\n  - a: 1\n    b:\n      c: 1\n      c: 1", "duplicate_key", "5:7"),
        ("'1': a\n1: b\n", "duplicate_key", "2:1"),
        ("1: a\n'1': b\n", "key_not_string", "1:1"),
        ("no: a", "key_not_string", "1:1"),
        ("a:\n  on: b", "key_not_string", "2:3"),
        ("{true: 1}", "key_not_string", "1:2"),
        ("~: 1", "key_not_string", "1:1"),
        ("2026-01-01: 1", "key_not_string", "1:1"),
        ("? [a]\n: b", "key_not_string", "1:3"),
        ("{{a: 1}: 2}", "key_not_string", "1:2"),
        (": b", "missing_key", "1:1"),
        ("a: &x 1", "anchor", "1:4"),
        ("&x a: 1", "anchor", "1:1"),
        ("a: &a [*a]", "anchor", "1:4"),
        ("a: *x", "alias", "1:4"),
        ("<<: {a: 1}", "merge_key", "1:1"),
        ("a: !!str x", "tag", "1:4"),
        ("a: ! x", "tag", "1:4"),
        ("a: !<tag:yaml.org,2002:int> '1'", "tag", "1:4"),
        ("!!map {a: 1}", "tag", "1:1"),
        ("a: !!python/object/apply:os.system ['true']", "tag", "1:4"),
        ("a: !!binary aGk=", "tag", "1:4"),
        ("a: 1\n---\nb: 2", "multiple_documents", "2:1"),
        ("a: 1\n...\nb: 2", "multiple_documents", "3:1"),
        ("%YAML 1.1\n---\na: 1", "directive", "1:1"),
        ("# x\n%TAG ! tag:x,2000:\n---\na: 1", "directive", "2:1"),
        ("%FOO bar\n---\na: 1", "directive", "1:1"),
        ("%YAML 1.2\n%YAML 1.1\n---\na: 1", "directive", "2:1"),
        ("a:\n", "missing_value", "1:1"),
        ("a: {b: }", "missing_value", "1:5"),
        ("- x\n-\n", "missing_value", "2:2"),
        ("{a}", "missing_value", "1:2"),
        ("a: # soon\nb: 1", "missing_value", "1:1"),
        ("a: null", "null", "1:4"),
        ("a: [~]", "null", "1:5"),
        ("a: NULL", "null", "1:4"),
        ("a: 9007199254740992", "integer_range", "1:4"),
        ("a: " + "1" * 33, "number_length", "1:4"),
        ("a: 1e400", "nonfinite", "1:4"),
        ("a: -1e400", "nonfinite", "1:4"),
        ("a: 1e-400", "underflow", "1:4"),
        ('a: "\\ud800"', "lone_surrogate", "1:4"),
        ('"\\udfff": 1', "lone_surrogate", "1:1"),
        ("a: 1 # \u202e", "control_character", "1:8"),
        ("a: x\n# \x85b: 1", "control_character", "2:3"),
        ("a: x # \u2028b: 1", "control_character", "1:8"),
        ("a: 'x\x1b[2J'", "control_character", "1:6"),
        ("a: \ufeffb", "control_character", "1:4"),
        ("a: \0", "encoding", None),
        ("long: \0", "control_character", "1:7"),
        ("a: 1\n\tb: 2", "syntax", "2:1"),
        ("a: b: c", "syntax", "1:5"),
        ("a: [1,", "syntax", "1:4"),
        ("a: 'x", "syntax", "1:4"),
        ("a: @x", "syntax", "1:4"),
        ('a: "\\q"', "syntax", "1:6"),
        ("é: ]", "syntax", "1:4"),
        ("", "empty", None),
        ("# nothing\n", "empty", None),
        ("---\n...\n", "empty", None),
    ],
)
def test_each_refusal_names_line_and_column_and_quotes_the_line(text: str, error_id: str, place: str | None) -> None:
    error = refusal(text)
    assert error.error_id == f"yaml.{error_id}"
    assert error.location is not None
    assert str(error.location) == (f"p.yaml:{place}" if place else "p.yaml")
    if place:
        assert error.location.source_line == text.split("\n")[int(place.split(":")[0]) - 1]


@pytest.mark.parametrize(
    "text",
    [
        "no", "No", "NO", "yes", "YES", "on", "On", "off", "OFF", "y", "Y", "n", "N", "True", "TRUE", "False", "FALSE",
        "012", "-007", "0o7", "0x1F", "0b101", "1_000", "1_0.5", "+1", "+1.5", ".5", "-.5", "1.", "1.e3", ".5e3",
        "12:30:00", "12:30", "190:20:30.15", ".nan", ".NaN", ".inf", "-.Inf", "+.INF", "nan", "NaN", "inf", "Infinity",
        "2026-01-01", "2026-1-1", "2026-01-01T00:00:00Z", "2026-01-01 10:00:00 +1", "=", "00", "-0x1", "01e1",
    ],
)  # fmt: skip
def test_plain_words_that_yaml_readers_disagree_on_must_be_quoted(text: str) -> None:
    error = refusal(f"a: {text}")
    assert (error.error_id, str(error.location)) == ("yaml.ambiguous", "p.yaml:1:4")
    assert error.remedy is not None
    assert error.remedy.startswith("quote it")
    assert parse(f"a: '{text}'").plain() == {"a": text}


@pytest.mark.parametrize(
    ("data", "error_id", "place"),
    [
        (b"\xef\xbb\xbfa: 1", "bom", "p.yaml"),
        ("a: 1".encode("utf-16"), "encoding", "p.yaml"),
        ("a: 1".encode("utf-16-be"), "encoding", "p.yaml"),
        (b"a: 1\r\nb: \xc3\xa9\xe9", "encoding", "p.yaml:2:5"),
        (b"a" * (256 * 1024 + 1), "size", "p.yaml"),
    ],
)
def test_bytes_that_are_not_plain_utf8_of_modest_size_are_refused(data: bytes, error_id: str, place: str) -> None:
    error = refusal(data)
    assert (error.error_id, str(error.location)) == (f"yaml.{error_id}", place)


def test_a_tab_in_the_indentation_and_a_colon_in_a_text_come_with_advice() -> None:
    assert refusal("a:\n\tb: 1").remedy == "indent with spaces, not tabs"
    assert refusal("a: see: this").remedy == "quote text that contains ': '"


def test_a_key_without_a_blank_and_a_line_that_is_indented_otherwise_come_with_advice() -> None:
    assert refusal("a: 1\nb:{c: 1, d: 2}").remedy == "write a blank behind the ':' of a key"
    assert (
        refusal("a: 1\n b: 1").remedy == "indent it as the lines that it belongs to, or quote text that contains ': '"
    )


def test_what_is_left_open_is_named_where_it_begins_and_not_where_the_file_ends() -> None:
    for text in ("a: 1\nb: {c: 1,\n", "a: 1\nb: {c: 1\n", "a: 1\nb: [", "a: 1\nb: {\n  c: [1]\n"):
        assert str(refusal(text)).startswith("p.yaml:2:4: not YAML: this bracket is not closed")
    assert str(refusal('a: 1\nb: "c\n\nd: 1\n')).startswith("p.yaml:2:4: not YAML: this quote is not closed")


def test_a_decimal_comma_between_braces_is_told_apart_from_a_key() -> None:
    assert refusal("a: {b: 0,5}").remedy == "quote it, or write a number with a point, not a comma"


def test_no_tag_is_ever_executed(tmp_path: Path) -> None:
    target = tmp_path / "PWN"
    refusal(f'!!python/object/apply:os.system ["touch {target}"]')
    assert not target.exists()


def test_the_deepest_accepted_nesting_is_the_limit() -> None:
    assert parse("[" * 32 + "]" * 32).plain()
    assert parse("- " * 32 + "a").plain()
    assert str(refusal("[" * 33 + "]" * 33).location) == "p.yaml:1:33"
    assert refusal("- " * 33 + "a").error_id == "yaml.depth"
    assert refusal("".join(" " * i + "a:\n" for i in range(33)) + " " * 33 + "a: 1").error_id == "yaml.depth"


def test_keys_and_values_are_counted_against_the_limit() -> None:
    # {a: [1, 2]} is 5 nodes: the mapping, its key, the list and two numbers.
    assert parse_yaml(b"a: [1, 2]", "p.yaml", YamlLimits(nodes=5)).plain() == {"a": [1, 2]}
    assert refusal(b"a: [1, 2]", YamlLimits(nodes=4)).error_id == "yaml.too_many_nodes"


# --- what is accepted ---


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("false", False), ("0", 0), ("-0", 0), ("-12", -12), ("0.10", 0.1),
        ("1e-3", 0.001), ("1E+3", 1000.0), ("-1.5e2", -150.0), ("9007199254740991", 2**53 - 1), ("30d", "30d"),
        ("1.2.3", "1.2.3"),
        ("12h", "12h"), ("a:b", "a:b"), ("'x: y'", "x: y"), ('"\\u00e9\\n"', "é\n"), ("no way", "no way"),
        ("north", "north"), ("|\n  x\n  y\n", "x\ny\n"), (">-\n  x\n  y\n", "x y"), ("'<<'", "<<"), ("''", ""),
        ("[]", []), ("{}", {}), ("[a, 1, [true]]", ["a", 1, [True]]), ('"null"', "null"), ("nullable", "nullable"),
        ("\u00e9\U0001f600", "\u00e9\U0001f600"), ("-", None),
    ],
)  # fmt: skip
def test_a_value_means_what_json_would_say_it_means(text: str, value: object) -> None:
    if value is None:
        assert refusal(f"a: {text}").error_id == "yaml.syntax"
        return
    read = parse(f"a: {text}").plain()["a"]
    assert read == value
    assert type(read) is type(value)


def test_negative_zero_stays_negative() -> None:
    assert str(parse("a: -0.0").plain()["a"]) == "-0.0"


def test_quoted_keys_may_be_any_text_and_the_version_directive_is_allowed() -> None:
    assert parse("%YAML 1.2\n---\n'no': 1\n\"1\": 2\n'<<': 3\n...\n").plain() == {"no": 1, "1": 2, "<<": 3}


values = st.recursive(
    st.booleans()
    | st.integers(1 - 2**53, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdefgh-_ :#'\"\\<~", min_size=1, max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(values, st.sampled_from([None, 2]))
@settings(deadline=None, max_examples=120)
@example({"a": {"b": []}}, 2)
def test_json_is_yaml_and_reads_the_same(value: object, indent: int | None) -> None:
    assert repr(parse(json.dumps(value, indent=indent)).plain()) == repr(value)


@given(
    st.binary(max_size=80)
    | st.text("ab01-:?[]{},&*!|>'\"%@`#~<= \n\t\r.\\xuU\u202e\ufeff", max_size=60).map(str.encode)
    | st.lists(
        st.sampled_from(
            ["a", ": ", "- ", "\n", "  ", "? ", "[", "]", "{", "}", ", ", "&x ", "*x", "!!s ", "<<", "'", '"', "\\",
             "|", ">", "#", "---\n", "...\n", "%YAML 1.2\n", "no", "1", "~", "\t", "\r", '"\\U00110000"', "|9\n", "!<"]
        ),
        max_size=25,
    ).map(lambda parts: "".join(parts).encode())
)  # fmt: skip
@settings(deadline=None, max_examples=600)
@example(b'"\\U00110000"')
@example(b"!<%ff> a")
@example(b"|99\n a")
@example(b"%YAML 1.2 3")
@example(b"%")
@example(b"!%zz")
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    try:
        document = parse_yaml(data, "p.yaml")
    except GatekitError as error:
        assert error.error_id.startswith("yaml.")
        assert error.location is not None
        assert "\n" not in error.message
        if error.location.line is not None:
            lines = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
            assert 1 <= error.location.line <= len(lines)
    else:
        json.dumps(document.plain(), allow_nan=False).encode()


# --- places ---


def test_every_node_knows_the_place_of_its_first_character() -> None:
    document = parse(POLICY)
    root = document.root
    assert isinstance(root, Mapping)
    assert root.keys() == ["schema", "gates", "waivers"]
    places = {
        (): (2, 1),
        ("schema",): (2, 9),
        ("gates", "ood"): (5, 5),
        ("gates", "ood", "all_of", 0): (6, 9),
        ("gates", "ood", "all_of", 0, "at_most"): (6, 49),
        ("gates", "ood", "all_of", 1, "from"): (7, 15),
        ("gates", "ood", "all_of", "1", "at_most"): (8, 18),
        ("waivers",): (9, 10),
    }
    assert {path: (document.node_at(path).line, document.node_at(path).column) for path in places} == places


def test_a_scalar_keeps_the_text_that_was_written() -> None:
    document = parse(POLICY)
    limit = document.node_at(["gates", "ood", "all_of", 0, "at_most"])
    source = document.node_at(["gates", "ood", "all_of", 1, "from"])
    assert limit == Scalar(6, 49, value=0.1, raw="0.10", quoted=False)
    assert source == Scalar(7, 15, value="ood", raw="ood", quoted=True)


def test_a_missing_key_is_placed_at_its_mapping_and_an_unknown_key_at_the_key() -> None:
    document = parse(POLICY)
    item = document.node_at(["gates", "ood", "all_of", 1])
    assert document.node_at(["gates", "ood", "all_of", 1, "measure"]) is item
    assert document.node_at(["gates", "ood", "all_of", 9]) is document.node_at(["gates", "ood", "all_of"])
    assert document.node_at(["schema", "x"], key=True) is document.node_at(["schema"])
    key = document.node_at(["gates", "ood", "all_of", 1, "at_most"], key=True)
    assert (key.line, key.column) == (8, 9)


def test_a_location_quotes_the_line_also_with_other_line_ends() -> None:
    document = parse("a: 1\r\nb:\r  c: é\n")
    location = document.location(document.node_at(["b", "c"]))
    assert (str(location), location.source_line) == ("p.yaml:3:6", "  c: é")


def test_a_mapping_gives_value_and_key_by_name() -> None:
    root = parse("a: 1\nb: 2").root
    assert isinstance(root, Mapping)
    value, key = root.get("b"), root.key("b")
    assert (value, key) == (Scalar(2, 4, 2, "2", False), Scalar(2, 1, "b", "b", False))
    assert root.get("c") is None
    assert root.key("c") is None


# --- files and cost ---


def test_a_file_is_read_with_the_digest_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(POLICY)
    document = read_yaml(path)
    assert (document.path, document.sha256) == (str(path), hashlib.sha256(POLICY.encode()).hexdigest())


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    found = {}
    for name in ("fifo", "link", "absent", "."):
        with pytest.raises(GatekitError) as caught:
            read_yaml(tmp_path / name)
        found[name] = caught.value.error_id
    assert found == {
        "fifo": "yaml.not_regular",
        "link": "yaml.symlink",
        "absent": "yaml.missing",
        ".": "yaml.directory",
    }


ALIAS_BOMB = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'x'}]\n" for i in range(9))
MERGE_BOMB = "a0: &a0 {k: v}\n" + "".join(
    f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
)
BOMBS = {
    "aliases": ALIAS_BOMB,
    "merge keys": MERGE_BOMB,
    "anchors itself": "a: &a\n  - *a\n",
    "open lists": "[" * 200_000,
    "lists": "[" * 100_000 + "]" * 100_000,
    "open mappings": "{a: " * 50_000,
    "dashes": "- " * 100_000,
    "questions": "? " * 100_000,
    "colons": ": " * 100_000,
    "keys": "a: " * 66_000,
    "wide": "[" + "[]," * 66_000 + "[]]",
    "flat": "[" + "1," * 100_000 + "1]",
    "items": "- a\n" * 50_000,
    "one word": "a" * 200_000,
    "words": "a " * 100_000,
    "digits": "a: " + "1" * 200_000,
    "colons and digits": "a: 1" + ":1" * 100_000,
    "quotes": "'" * 200_001,
    "escapes": '"' + "\\x41" * 50_000 + '"',
    "blank lines": "a" + "\n" * 200_000 + "b",
    "comments": "#\n" * 100_000,
    "percent": "%YAML 1.2\n" * 20_000,
    "documents": "---\n" * 50_000,
    "indents": "".join(" " * i + "a:\n" for i in range(620)),
    "long key": "? " + "a" * 200_000 + "\n: b",
    "flow key": "{" + "a" * 1000 + " ?" * 100_000 + "}",
    "keys of text": "".join(f"k{i}: v\n" for i in range(25_000)),
    "block": "a: |\n" + "  b\n" * 60_000,
    "folded": "a: >\n" + "  b\n\n" * 40_000,
    "tags": "!a " * 60_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_small_document_costs_a_second_or_200_megabytes(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMBS[name])
    assert loops_of("strict_yaml", "read_yaml", path) < 5


@pytest.mark.parametrize(
    ("name", "error_id", "place"),
    [
        ("aliases", "anchor", "1:5"),
        ("merge keys", "anchor", "1:5"),
        ("anchors itself", "anchor", "1:4"),
        ("open lists", "depth", "1:33"),
        ("open mappings", "depth", "1:129"),
        ("dashes", "depth", "1:65"),
        ("flat", "too_many_nodes", "1:40000"),  # the list and 19,999 items are 20,000; item n stands in column 2 n
    ],
)
def test_a_bomb_is_refused_where_it_begins_to_be_one(name: str, error_id: str, place: str) -> None:
    error = refusal(BOMBS[name])
    assert (error.error_id, str(error.location)) == (f"yaml.{error_id}", f"p.yaml:{place}")
