"""Untrusted text does nothing where it is printed, judged by the rule of the runner, Markdown, HTML and XML."""

from __future__ import annotations

import html.parser
import random
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gatekit.report import inert

FRAGMENTS = [
    "::", ":", "#", "##", "##[", "[", "]", "::error::", "::set-output name=verdict::pass", "::stop-commands::t",
    "::add-mask::pass", "##[set-output name=verdict]pass", "##[error]", "##vso[task.complete]",
    "\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", " ", "\t", "\u00a0", "\u3000",
    "\x1b[2J", "\x9b31m", "\x07", "\x00",
    "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u00ad", "\U000e0041",
    "\ufe0f", "\ud800", "\uffff", "`", "``", "|", "\\", "\\|", "\\\\", "</td>", "<img src=x onerror=alert(1)>",
    "<!--", "-->", "]]>", "&", "&amp;", "&#10;", '"', "'", "@org/team", "fixes #1", "[x](javascript:1)",
    "![x](http://h/)", "http://h.example", "www.h.example", "a@b.example", "*b*", "_b_", "~~s~~", "---", "===",
    "1. ", "- ", "> ", "    ", ":tada:", "$x$", "%0A", "%", ";", ",", "name", "é", "😀", "",
]  # fmt: skip

WRITERS: dict[str, Callable[..., str]] = {
    "terminal": inert.terminal,
    "markdown_code": inert.markdown_code,
    "markdown_text": inert.markdown_text,
    "html": inert.html,
    "xml": inert.xml,
}

hostile = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=12).map("".join)


def seeded(count: int) -> list[str]:
    draw = random.Random(20260101)
    return ["".join(draw.choices(FRAGMENTS, k=draw.randint(1, 9))) for _ in range(count)]


def command_lines(printed: str) -> list[str]:
    """The lines that a runner could take for a command; a line may end wherever any reader sees its end."""
    return [line for line in printed.splitlines() if line.lstrip().startswith("::") or "##[" in line]


# --- workflow commands ---


def embeddings(first: str, second: str) -> list[str]:
    return [
        first, f"  {first}", f":{first}", f"#{first}", f"{first}:", f"{first}#", f"{first}{second}",
        f"{first}:{second}",
        f"{first}[{second}]", f"{first} {second}", f"ok\n{first}\n{second}",
    ]  # fmt: skip


def assert_no_command(one: str, two: str) -> None:
    for write in WRITERS.values():
        for printed in embeddings(write(one), write(two)):
            assert command_lines(printed) == [], (one, two, printed)


@given(hostile, hostile)
@settings(deadline=None, max_examples=300)
def test_no_printed_line_is_a_workflow_command(one: str, two: str) -> None:
    assert_no_command(one, two)


def test_no_printed_line_of_thousands_is_a_workflow_command() -> None:
    texts = seeded(4000)
    for one, two in zip(texts, reversed(texts), strict=True):
        for write in (inert.terminal, inert.markdown_code):
            assert command_lines(write(one) + write(two)) == []
            assert command_lines(f":{write(one)}") == []
            assert command_lines(f"#{write(one)}") == []


def test_the_rule_of_the_test_finds_the_commands_that_the_runner_finds() -> None:
    assert command_lines("a\n  ::set-output name=a::b\nb ##[error]x\n: :\na::b") == [
        "  ::set-output name=a::b",
        "b ##[error]x",
    ]


# --- the terminal ---


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pw_mcc_above_control", "pw_mcc_above_control"),
        ("policies/release.yaml:14:9", "policies/release.yaml:14:9"),
        ("größer 😀", "größer 😀"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("a\x85b\u2028c\u2029", "a\\x85b\\u2028c\\u2029"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("x\n::set-output name=verdict::pass", "x\\n:\\x3aset-output name=verdict:\\x3apass"),
        ("::stop-commands::t", "\\x3a\\x3astop-commands:\\x3at"),
        ("a ##[error]b", "a #\\x23[error]b"),
        ("#1", "\\x231"),
        ("", ""),
    ],
)
def test_a_terminal_line_shows_what_it_will_not_do(text: str, shown: str) -> None:
    assert inert.terminal(text) == shown


@given(hostile)
@settings(deadline=None, max_examples=300)
def test_a_terminal_line_has_no_hidden_character_and_can_be_encoded(text: str) -> None:
    line = inert.terminal(text)
    assert {unicodedata.category(character) for character in line}.isdisjoint({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
    assert not re.search("[\u034f\u115f\u1160\u3164\uffa0\ufe00-\ufe0f]", line)
    line.encode("utf-8")


def test_a_long_text_is_cut_to_the_limit_and_never_within_an_escape() -> None:
    assert inert.terminal("x" * 70_000) == "x" * 197 + "..."
    assert inert.terminal("x" * 200) == "x" * 200
    assert inert.terminal("x" * 300, limit=None) == "x" * 300
    assert inert.terminal("ab\x1bcd", limit=8) == "ab\\x1bcd"
    assert inert.terminal("ab\x1bcde", limit=8) == "ab..."
    assert len(inert.terminal(":" * 1000)) <= 200


# --- Markdown, judged by a CommonMark renderer with tables ---

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Shape(html.parser.HTMLParser):
    """The tags of a rendered page and the text of each table cell."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.cells: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data.strip("\n")

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.tags.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.tags.append("instruction")


def table(first: str, second: str) -> Shape:
    return Shape(MARKDOWN.render(f"| a | b |\n|---|---|\n| {first} | {second} |\n"))


TABLE_TAGS = ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]


def unescaped_bars(row: str) -> tuple[int, int]:
    """Bars that end a cell, for renderers that pair backslashes and for those that look at the last one."""
    paired = len(re.findall(r"(?<!\\)(?:\\\\)*\|", row))
    return paired, len(re.findall(r"(?<!\\)\|", row))


def assert_inert_in_tables(text: str) -> None:
    code = table(inert.markdown_code(text), "next")
    assert code.tags == [*TABLE_TAGS[:-1], "code", "td"]
    assert code.cells[1] == "next"
    written = table(inert.markdown_text(text), "next")
    assert written.tags == TABLE_TAGS
    assert written.cells[1] == "next"
    for write in (inert.markdown_code, inert.markdown_text):
        row = f"| {write(text)} | next |"
        assert unescaped_bars(row) == (3, 3)
        assert len(row.splitlines()) == 1


@given(hostile)
@settings(deadline=None, max_examples=300)
def test_no_text_ends_a_table_cell_or_becomes_markup(text: str) -> None:
    assert_inert_in_tables(text)


def test_no_text_of_thousands_ends_a_table_cell_or_becomes_markup() -> None:
    for text in seeded(1500):
        assert_inert_in_tables(text)


@given(hostile)
@settings(deadline=None, max_examples=200)
def test_running_text_is_one_paragraph_of_text(text: str) -> None:
    written = inert.markdown_text(f"x{text}")
    assert Shape(MARKDOWN.render(written)).tags == ["p"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("auc", "`auc`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("a``", "``` a`` ```"),
        (" a ", "`  a  `"),
        ("", "` `"),
        ("a|b", "`a\\|b`"),
        ("a\\|b", "`a\\\\\\|b`"),
        ("a\nb", "`a\\nb`"),
    ],
)
def test_a_code_span_has_a_longer_fence_than_anything_inside(text: str, code: str) -> None:
    assert inert.markdown_code(text) == code


@pytest.mark.parametrize("text", ["auc", "a`b", "`a", "a``", " a ", "a|b", "<b>&amp;", "\\", "a\\"])
def test_a_code_span_in_a_table_shows_the_text_itself(text: str) -> None:
    assert table(inert.markdown_code(text), "next").cells[0] == text


@pytest.mark.parametrize("text", ["auc", "*a* [b](c) | <d>", "a_b-c.d\\", "100 % & more"])
def test_running_text_shows_the_text_itself(text: str) -> None:
    assert table(inert.markdown_text(text), "next").cells[0] == text


def test_a_mention_an_issue_number_and_an_emoji_name_are_kept_apart_from_their_marks() -> None:
    cell = table(inert.markdown_text("@org/team fixes #1 :tada:"), "next").cells[0]
    assert cell == "@\u200borg/team fixes #\u200b1 :\u200btada:\u200b"


# --- HTML and XML ---

PRINTABLE = re.compile("[ -~]*")


@given(hostile)
@settings(deadline=None, max_examples=300)
def test_html_text_and_attributes_hold_only_text(text: str) -> None:
    written = inert.html(text)
    assert Shape(f"<p>{written}</p>").tags == ["p"]
    assert not set("<>\"'") & set(written)
    for quote in "\"'":
        shape = Shape(f"<p title={quote}{written}{quote}>")
        assert shape.tags == ["p"]
        assert [name for name, _ in shape.attributes] == ["title"]
    if PRINTABLE.fullmatch(text):
        assert shape.attributes == [("title", text)]


@given(hostile)
@settings(deadline=None, max_examples=300)
def test_xml_text_and_attributes_survive_a_parser(text: str) -> None:
    written = inert.xml(text, limit=None)
    element = ElementTree.fromstring(f'<a b="{written}">{written}</a>')
    assert (element.text or "") == element.get("b")
    assert list(element) == []
    if PRINTABLE.fullmatch(text):
        assert element.get("b") == text


def test_xml_keeps_line_ends_and_replaces_what_xml_cannot_hold() -> None:
    written = inert.xml("a\nb\tc <&>\"' \x00\x1b\ufffe\ud800")
    element = ElementTree.fromstring(f'<a b="{written}">{written}</a>')
    assert element.text == element.get("b") == "a\nb\tc <&>\"' \\x00\\x1b\\ufffe\\ud800"


def test_html_shows_the_text_itself() -> None:
    shape = Shape(f"<table><td>{inert.html('</td><img src=x onerror=alert(1)> :: ##[x] &amp;')}</td></table>")
    assert shape.cells == ["</td><img src=x onerror=alert(1)> :: ##[x] &amp;"]


# --- annotations ---


def parse_annotation(line: str) -> tuple[str, dict[str, str], str]:
    """The runner's reading of `::name key=value,key=value::data`, with its unescaping."""
    assert line.startswith("::")
    end = line.index("::", 2)
    name, _, properties = line[2:end].partition(" ")
    found = dict(pair.split("=", 1) for pair in properties.split(",") if pair)

    def unescape(value: str, marks: dict[str, str]) -> str:
        for escape, mark in marks.items():
            value = value.replace(escape, mark)
        return value

    data = {"%0D": "\r", "%0A": "\n", "%25": "%"}
    return (
        name,
        {k: unescape(v, {"%3A": ":", "%2C": ",", **data}) for k, v in found.items()},
        unescape(line[end + 2 :], data),
    )


@given(hostile, hostile)
@settings(deadline=None, max_examples=300)
def test_an_annotation_has_exactly_its_properties_and_its_message(path: str, message: str) -> None:
    line = f"::error file={inert.annotation_property(path)},line=3::{inert.annotation_data(message)}"
    assert len(line.splitlines()) == 1
    assert "##" not in line
    name, properties, data = parse_annotation(line)
    assert (name, sorted(properties), properties["line"]) == ("error", ["file", "line"], "3")
    if PRINTABLE.fullmatch(path + message) and "##" not in path + message:
        assert (properties["file"], data) == (path, message)


def test_an_annotation_escapes_as_the_runner_unescapes() -> None:
    # The five marks of the runner's property escapes and the three of its data escapes; `;` is none of them.
    assert inert.annotation_property("a%b\rc\nd:e,f;g") == "a%25b%0Dc%0Ad%3Ae%2Cf;g"
    assert inert.annotation_data("a%b\rc\nd:e,f;g\x1b") == "a%25b%0Dc%0Ad:e,f;g\\x1b"
    assert inert.annotation_data("x\n::warning::y ##[error]") == "x%0A::warning::y #\\x23[error]"
