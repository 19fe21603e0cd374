"""The HTML report: what it says, that it needs nothing else, and that no text of others does anything in it."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest
from hypothesis import given, settings

from gatekit.exit_codes import ExitCode
from gatekit.report import render, render_pull_request
from gatekit.report.html_page import STYLE, page
from gatekit.report.palette import DARK, LIGHT
from tests.pull_request.verdicts import CHANGES
from tests.pull_request.verdicts import hostile as hostile_pull_request
from tests.pull_request.verdicts import verdict as pull_request
from tests.report.reading_html import Page, read
from tests.report.report_verdicts import FAILS, VERDICTS, gate, hostile, hostile_text, policy, verdict
from tests.report.test_inert import command_lines, seeded

ACTIVE = {
    *("script", "iframe", "object", "embed", "link", "base", "form", "input", "button", "a", "img", "image", "video"),
    *("audio", "source", "foreignobject", "animate", "set", "use", "frame", "svg:script", "template", "slot"),
}
"""Elements that run, load, send or lead elsewhere."""


def recorded(text: str) -> str:
    """The page without its style sheet, whose looks are no behaviour."""
    return re.sub("'sha256-[^']*'", "'sha256-STYLE'", text.replace(STYLE, "STYLE"))


def check_inert(text: str, plain: str) -> Page:
    """The page has the elements and attributes that it has with plain text, and none of them can do anything."""
    seen, expected = read(text), read(plain)
    assert seen.tags == expected.tags
    assert seen.others == []
    for tag, attributes in seen.tags:
        assert tag not in ACTIVE
        assert not [name for name in attributes if name.startswith("on") or name in ("href", "src", "style", "action")]
    assert command_lines(text) == []
    for character in "".join(seen.text) + "".join(value for _, value in seen.values):
        assert character == "\n" or character >= " "
        assert character not in "\u202e\u2066\u200b\u200d\ufeff\u2028\x7f\x85\x9b"
    return seen


@pytest.mark.parametrize("name", VERDICTS)
def test_the_html_report_reads_as_recorded(name: str, file_regression: Any) -> None:
    file_regression.check(recorded(render("html", VERDICTS[name])), extension=".html", encoding="utf-8")


@pytest.mark.parametrize("name", ["loosened", "refused"])
def test_the_html_report_of_a_pull_request_reads_as_recorded(name: str, file_regression: Any) -> None:
    text = recorded(render_pull_request("html", pull_request(name)))
    file_regression.check(text, extension=".html", encoding="utf-8")


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict_and_the_exit_code_of_the_process_stand_first(name: str) -> None:
    made = VERDICTS[name]
    said = [text for text in read(render("html", made)).text if text.strip()]
    assert said[0] == said[1] == f"gatekit: {made.word}", "the title, then the heading"
    assert said[2].startswith(f"{made.word} (exit {int(made.exit_code)}")


@pytest.mark.parametrize("name", CHANGES)
def test_the_verdict_on_a_pull_request_stands_first(name: str) -> None:
    made = pull_request(name)
    said = [text for text in read(render_pull_request("html", made)).text if text.strip()]
    assert said[0] == said[1] == f"gatekit: {made.word}"
    assert said[2] == f"{made.word} (exit {int(made.code)}): {made.because}"


def test_a_row_holds_every_number_of_its_threshold() -> None:
    rows = read(render("html", VERDICTS["blocked"])).rows
    assert rows[1] == [
        *("pw_mcc_above_control", "+0.1234", "+0.08121at 0.9500", "≥ 0", "+0.08121", "at least +0.06333"),
        *("5t over seeds", f"evidence/minilm/random_model.jsonrandom_model-v1, sha256 {'ab' * 6}", "pass"),
    ]


def test_a_reader_sees_one_row_per_rule_with_its_outcome_last() -> None:
    rows = [row for row in read(render("html", VERDICTS["blocked"])).rows if row[0] not in ("rule", "file")]
    outcomes = "pass FAIL FAIL pass inconclusive pass inconclusive pass pass pass pass"
    assert [row[-1] for row in rows[: len(outcomes.split())]] == outcomes.split()


def test_every_table_names_its_columns_and_rows_to_a_screen_reader() -> None:
    text = render("html", VERDICTS["blocked"])
    assert text.count("<table ") == text.count("<thead ") == 5
    for tag, attributes in read(text).tags:
        if tag in ("th", "td", "tr", "table", "svg"):
            assert "role" in attributes
        if tag == "th":
            assert "scope" in attributes


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_of_text_has_the_contrast_of_wcag_aa(palette: dict[str, str]) -> None:
    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for ink in ("text", "quiet", "pass", "fail", "inconclusive"):
        for ground in ("page", "panel"):
            one, other = sorted((luminance(palette[ink]), luminance(palette[ground])))
            assert (other + 0.05) / (one + 0.05) >= 4.5, (ink, ground)


def test_the_page_may_load_and_run_nothing_but_its_own_style_sheet() -> None:
    text = page("x", ["<p>y</p>"])
    (policy_of_page,) = re.findall('http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy_of_page == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in STYLE and "@import" not in STYLE


@settings(deadline=None, max_examples=60)
@given(text=hostile_text())
def test_no_text_of_others_adds_an_element_or_an_attribute(text: str) -> None:
    check_inert(render("html", hostile(text)), render("html", hostile("x")))


@settings(deadline=None, max_examples=40)
@given(text=hostile_text().filter(bool))  # nothing is named by the empty string
def test_no_text_of_a_pull_request_adds_an_element_or_an_attribute(text: str) -> None:
    plain = render_pull_request("html", hostile_pull_request("x"))
    check_inert(render_pull_request("html", hostile_pull_request(text)), plain)


SCRIPTS = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onload='alert(1)", "</style><script>", "]]><x>",
    "</svg><script>1</script>", "</title><script>", "javascript:alert(1)", "&#60;script&#62;", "<!--", "--><b>",
    "\u202egnp.exe", "\u2066x\u2069", "a\x00b", "\x1b[2J", "\ud800", "\ufeff", "<svg/onload=alert(1)>", "{{7*7}}",
    "expression(alert(1))", "url(http://h/)", "@import 'x'", "%3Cscript%3E", "x" * 100_000, "\u0301" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("text", SCRIPTS, ids=range(len(SCRIPTS)))
def test_an_attack_on_pages_stays_text(text: str) -> None:
    seen = check_inert(render("html", hostile(text)), render("html", hostile("x")))
    if text.isascii() and text.isprintable() and len(text) < 100:
        assert text in "".join(seen.text), "and people can read it"


def test_a_hundred_strings_stay_text() -> None:
    plain = render("html", hostile("x"))
    for text in seeded(100):
        check_inert(render("html", hostile(text)), plain)


@pytest.mark.slow
def test_ten_thousand_strings_stay_text() -> None:
    plain = render("html", hostile("x"))
    for text in seeded(10_000):
        check_inert(render("html", hostile(text)), plain)


def test_a_policy_of_a_thousand_gates_is_shown_whole() -> None:
    many = [gate(f"gate_{i}", FAILS) for i in range(1000)]
    text = render("html", verdict(policy(*many, code=ExitCode.BLOCKED), code=ExitCode.BLOCKED))
    assert text.count("<h3>") == 1000
