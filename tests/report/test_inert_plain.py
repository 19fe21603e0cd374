"""Running text that is read as it stands and rendered: both show the source, and no renderer acts on any of it."""

from __future__ import annotations

import html
import re

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from report.test_inert import FRAGMENTS, Shape, command_lines, hostile, seeded

from gatekit.report import inert

COMMON = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TABLE = {"table", "thead", "tbody", "tr", "th", "td", "code"}
LIST = {"ul", "li", "p", "code"}


def github(text: str) -> str:
    return cmarkgfm.github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE)


RENDERERS = {"markdown-it": COMMON.render, "cmark-gfm": github}


def shown(page: str) -> str:
    """What a reader sees; spaces are one space, as a browser shows them, and a zero-width space is nothing."""
    text = html.unescape(re.sub(r"<[^>]*>", "", page)).replace("\u200b", "")
    return re.sub("[ \n\u00a0\u3000]+", " ", text).strip()


def seen(text: str) -> str:
    """What is to be shown of a text: hidden characters by their names."""
    return re.sub("[ \u00a0\u3000]+", " ", inert._visible(text, None)).strip()


def assert_inert(text: str, render: str) -> None:
    renderer = RENDERERS[render]
    for before, after in (("* standing: ", "\n* next: x\n"), ("", "\n"), ("# x\n\n", "\n\nnext\n")):
        page = renderer(f"{before}{inert.markdown_plain(text, None)}{after}")
        assert set(Shape(page).tags) <= LIST | {"h1"}, page
        assert seen(text) in shown(page), page
    row = f"| a | b |\n|---|---|\n| {inert.markdown_plain(text, None, in_table=True)} | next |\n"
    cells = Shape(renderer(row)).cells
    assert set(Shape(renderer(row)).tags) <= TABLE, row
    assert len(cells) == 2
    assert shown(html.escape(cells[0])) == seen(text), row
    assert cells[1] == "next"


@pytest.mark.parametrize("render", RENDERERS)
@given(text=hostile)
@settings(deadline=None, max_examples=300)
def test_what_is_rendered_is_the_text_and_nothing_else(render: str, text: str) -> None:
    assert_inert(text, render)


@pytest.mark.parametrize("render", RENDERERS)
@given(text=st.lists(st.sampled_from(["", *"ab12_*[]()!<>&|\\`:#@~-+.=\"'$^/ "]), max_size=14).map("".join))
@settings(deadline=None, max_examples=1000)
def test_no_mark_beside_another_is_markup(render: str, text: str) -> None:
    assert_inert(text, render)


@pytest.mark.parametrize("render", RENDERERS)
def test_no_text_of_thousands_is_markup(render: str) -> None:
    for text in [*FRAGMENTS, *seeded(1500)]:
        assert_inert(text, render)


def test_no_line_of_thousands_is_a_workflow_command() -> None:
    for text in [*FRAGMENTS, *seeded(3000)]:
        written = inert.markdown_plain(text, None)
        for printed in (written, f"  {written}", f":{written}", f"#{written}", f"{written}[x]", f"* a: {written}"):
            assert command_lines(printed) == []


@pytest.mark.parametrize(
    "text",
    [
        "halted: the budget of 12:00:00 since it was begun is spent",
        "6: 3 done, 1 running, 2 waiting",
        "2.53 tasks an hour",
        "6.34",
        "policies/stop/regress.yaml: saebench.auc_delta: at most -0.0012 < 0 (95 %), k=[42, 123]",
        "it's <= 3 & >= 2; 'quoted'! größer",
        "running: process 12 on host-a.lab.example",
        "1 of 5 runs failed, more than 20 %",
    ],
)
def test_what_a_cycle_says_is_left_as_it_is(text: str) -> None:
    assert inert.markdown_plain(text) == text
    assert inert.markdown_plain(text, in_table=True) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("see policies/a.yaml:14:9: unknown measure", "see `policies/a.yaml:14:9`: unknown measure"),
        ("@org/team fixes #1 :tada:", "`@org/team` fixes `#1` `:tada`:"),
        ("from https://h.example/a or www.h.example.", "from `https://h.example/a` or `www.h.example`."),
        ("see [x](javascript:1), ![x](y)", "see `[x](javascript:1)`, `![x](y)`"),
        ("<img src=x>", "`<img` src=x>"),
        ("see ## below, a##b and C##", "see `##` below, `a##b` and `C##`"),
        ("- a", "`-` a"),
        ("1. a", "`1.` a"),
        ("[a]: b", "`[a]:` b"),
        ("of 0123abcdef01", "of `0123abcdef01`"),
        ("a\nb", "`a\\nb`"),
        ("x" * 300, "x" * 197 + "..."),
    ],
)
def test_a_word_that_would_be_acted_on_stands_in_a_code_span(text: str, written: str) -> None:
    assert inert.markdown_plain(text) == written


def test_a_bar_ends_no_cell_and_is_no_escape_elsewhere() -> None:
    assert inert.markdown_plain("a|b") == "`a|b`"
    assert inert.markdown_plain("a|b", in_table=True) == "a&#124;b"
