from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gatekit.exit_codes import ExitCode
from gatekit.report import render
from gatekit.report.verdict.markdown import render as render_markdown
from tests.report.report_verdicts import FAILS, RANDOM_MODEL, VERDICTS, gate, hostile, hostile_text, policy, verdict

READER = MarkdownIt("commonmark").enable("table")

HTML = {"<details><summary>Power: these gates would have passed with probability 0.8 at a true value of</summary>\n"}
HTML |= {"</details>\n"}


def flat(text: str) -> list[Token]:
    """All tokens that an independent CommonMark reader sees, inner ones included."""
    tokens = READER.parse(text)
    return tokens + [child for token in tokens for child in token.children or []]


def table_rows(text: str) -> list[list[str]]:
    """The rendered text of every table cell."""
    rows: list[list[str]] = []
    tokens = READER.parse(text)
    for before, token in pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        if before.type in ("td_open", "th_open"):
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


@pytest.mark.parametrize("name", VERDICTS)
def test_the_markdown_report_reads_as_recorded(name: str, file_regression: Any) -> None:
    file_regression.check(render("markdown", VERDICTS[name]), extension=".md", encoding="utf-8")


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict_and_the_exit_code_of_the_process_stand_first(name: str) -> None:
    made = VERDICTS[name]
    lines = render("markdown", made).splitlines()
    assert lines[0] == f"## gatekit: {made.word}"
    assert lines[2].startswith(f"**{made.word} (exit {int(made.exit_code)}")


def test_a_reader_sees_one_row_per_rule_with_its_outcome_last() -> None:
    rows = table_rows(render("markdown", VERDICTS["blocked"]))
    outcomes = "pass FAIL FAIL pass inconclusive pass inconclusive pass pass pass pass"
    assert [row[-1] for row in rows] == ["outcome", *outcomes.split()]
    assert rows[1][1:7] == ["random_model.pw_mcc_above_control", "+0.1234", "+0.08121", "≥ 0", "+0.08121", "5"]


@settings(deadline=None, max_examples=60)
@given(text=hostile_text())
def test_no_text_of_others_adds_a_cell_a_row_a_link_or_html(text: str) -> None:
    rendered = render("markdown", hostile(text))
    rows = table_rows(rendered)
    outcomes = ["FAIL", "FAIL, warn", "FAIL", "FAIL", "FAIL, waived", "FAIL", "FAIL", "pass"]
    assert [row[-1] for row in rows] == ["outcome", *outcomes]
    assert all(row[4] == "≥ 0" for row in rows[1:] if row[4])
    tokens = flat(rendered)
    assert not {"link_open", "image", "html_inline", "fence", "code_block", "hr"} & {token.type for token in tokens}
    assert {line for token in tokens if token.type == "html_block" for line in [token.content]} <= HTML
    assert [token.content for token in tokens if token.type == "inline" and token.level == 1][:1] == [
        "gatekit: refused"
    ]
    assert sum(token.type == "heading_open" for token in tokens) == 3


@settings(deadline=None, max_examples=40)
@given(text=hostile_text())
def test_no_text_of_others_mentions_a_person(text: str) -> None:
    for token in flat(render("markdown", hostile(text))):
        if token.type == "text":
            assert "@team" not in token.content


def test_a_report_within_its_limit_is_whole() -> None:
    whole = render("markdown", VERDICTS["blocked"])
    assert render_markdown(VERDICTS["blocked"], limit=len(whole.encode())) == whole


@pytest.mark.parametrize("limit", [2000, 5000, 20_000])
def test_a_report_over_its_limit_stops_at_a_row_and_says_so(limit: int) -> None:
    many = [gate(f"gate_é_{i}", FAILS) for i in range(200)]
    made = verdict(policy(*many, code=ExitCode.BLOCKED), code=ExitCode.BLOCKED)
    whole = render("markdown", made)
    cut = render_markdown(made, limit=limit)
    assert limit // 2 < len(cut.encode("utf-8")) <= limit
    kept, note = cut.rstrip("\n").rsplit("\n\n", 1)
    assert whole.startswith(kept + "\n")
    assert kept.endswith(" |")
    assert f"lines are left out here to stay within {limit} bytes" in note
    assert all(row[-1] for row in table_rows(cut))


def test_the_default_limit_leaves_room_in_a_job_summary_of_one_mebibyte() -> None:
    many = [gate(f"g{i}", FAILS) for i in range(8000)]
    rendered = render("markdown", verdict(policy(RANDOM_MODEL, *many, code=ExitCode.BLOCKED), code=ExitCode.BLOCKED))
    assert 850 * 1024 < len(rendered.encode("utf-8")) <= 900 * 1024
