from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.errors import GatekitError, UsageError
from gatekit.exit_codes import ExitCode
from gatekit.gates.effect import Effect
from gatekit.kinds import INSTALLED
from gatekit.policy.limits import AtMost, exact
from gatekit.report import FORMATS, render
from gatekit.report.verdict.terminal import render as render_terminal
from gatekit.report.verdict.wording import number
from tests.report.report_verdicts import FAILS, RANDOM_MODEL, VERDICTS, gate, hostile, hostile_text, policy, verdict


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", VERDICTS)
def test_the_terminal_report_reads_as_recorded(name: str, width: int, file_regression: Any) -> None:
    rendered = render_terminal(VERDICTS[name], width=width, verbose=True)
    file_regression.check(rendered, extension=".txt", encoding="utf-8")


@pytest.mark.parametrize("name", VERDICTS)
def test_the_folded_report_reads_as_recorded(name: str, file_regression: Any) -> None:
    file_regression.check(render_terminal(VERDICTS[name], width=80), extension=".txt", encoding="utf-8")


@pytest.mark.parametrize("name", VERDICTS)
def test_the_last_line_and_no_other_is_the_verdict_with_the_exit_code_of_the_process(name: str) -> None:
    lines = render("terminal", VERDICTS[name]).splitlines()
    found = [line for line in lines if line.startswith("verdict: ")]
    assert found == [lines[-1]]
    assert f"(exit {int(VERDICTS[name].exit_code)}" in lines[-1]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("pass", "verdict: pass (exit 0): 3 of 3 required gates pass"),
        ("blocked", "verdict: blocked (exit 2): ood fails; external is inconclusive"),
        ("inconclusive", "verdict: inconclusive (exit 3): external is inconclusive"),
        ("waived", "verdict: pass (exit 0): 1 of 1 required gate passes, 1 waived, 1 warning"),
        ("two_policies", "verdict: blocked (exit 2): nightly/random_model fails"),
        ("refused", "verdict: refused (exit 4): 3 errors"),
        ("advisory", "verdict: blocked (exit 0, ADVISORY: would be exit 2): ood fails"),
        ("nothing", "verdict: inconclusive (exit 3): no gate was evaluated"),
    ],
)
def test_the_verdict_line_says_what_decided(name: str, line: str) -> None:
    assert render("terminal", VERDICTS[name]).splitlines()[-1] == line


def test_a_reason_that_all_rules_of_a_gate_share_is_said_once() -> None:
    rendered = render("terminal", VERDICTS["all_missing"])
    assert rendered.count("no ood summary") == 1
    assert "2 inconclusive: no ood summary" in rendered


def test_the_verdict_line_names_three_gates_and_counts_the_rest() -> None:
    many = policy(*(gate(f"g{i}", FAILS) for i in range(5)), code=ExitCode.BLOCKED)
    line = render("terminal", verdict(many, code=ExitCode.BLOCKED)).splitlines()[-1]
    assert line == "verdict: blocked (exit 2): g0, g1, g2 and 2 more fail"


def test_a_verdict_of_waived_gates_alone_says_that_no_gate_counts() -> None:
    waived = VERDICTS["waived"].policies[0].gates[0]
    line = render("terminal", verdict(policy(waived), code=ExitCode.INCONCLUSIVE)).splitlines()[-1]
    assert line == "verdict: inconclusive (exit 3): no gate counts: each is waived, of level warn or not required"


def test_a_waived_gate_that_passes_is_not_counted_among_the_required_ones() -> None:
    waived = replace(VERDICTS["waived"].policies[0].gates[0], result=RANDOM_MODEL.result)
    line = render("terminal", verdict(policy(gate("g", RANDOM_MODEL.result), waived))).splitlines()[-1]
    assert line == "verdict: pass (exit 0): 1 of 1 required gate passes, 1 waived"


def test_the_power_of_a_comparison_with_the_base_is_about_the_difference() -> None:
    effect = Effect("random_model", INSTALLED.measures("random_model")["l0"], "difference to base", AtMost(3.0))
    measured = replace(RANDOM_MODEL.result.measured, detectable=5.0)
    compared = replace(RANDOM_MODEL.result, effect=effect, measured=measured)
    rendered = render_terminal(verdict(policy(gate("g", compared))), width=120, verbose=True)
    # 3 - 5: an l0 cannot be -2, but the difference between two can.
    assert "random_model.l0 - base at most -2.000" in rendered


@pytest.mark.parametrize("name", VERDICTS)
def test_on_a_narrow_terminal_every_number_stays_within_the_screen(name: str) -> None:
    lines = render_terminal(VERDICTS[name], width=60).splitlines()
    # Paths, names and quoted lines stay whole, and the last two lines are one line each.
    rows = [line for line in lines[:-2] if re.search("estimate|outcome|threshold|pass|FAIL|inconclusive", line)]
    assert [line for line in rows if len(line) > 60 and not line.startswith("policy ")] == []


@pytest.mark.parametrize("name", VERDICTS)
def test_no_line_is_wider_than_asked_for_except_for_names_and_extra_words(name: str) -> None:
    for line in render_terminal(VERDICTS[name], width=100).splitlines():
        assert len(line) <= 100 or line.endswith(("inconclusive, optional", "e+07"))


def test_a_name_wider_than_the_screen_is_shortened_visibly() -> None:
    long = replace(FAILS, effect=replace(FAILS.effect, spec=replace(FAILS.effect.spec, name="m" * 300)))
    rendered = render_terminal(verdict(policy(gate("g", long))), width=80)
    assert any(len(line) == 80 and line.endswith("mmm...") for line in rendered.splitlines())


@pytest.mark.parametrize("name", VERDICTS)
def test_colour_changes_nothing_but_colour(name: str) -> None:
    colored = render_terminal(VERDICTS[name], width=100, color=True)
    bare = "".join(line.rstrip(" ") + "\n" for line in re.sub(r"\x1b\[[0-9;]*m", "", colored).splitlines())
    assert bare == render("terminal", VERDICTS[name])
    assert "\x1b[" in colored


def test_plain_text_is_the_default_and_holds_no_escape() -> None:
    assert all("\x1b" not in render("terminal", made) for made in VERDICTS.values())


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (0.1234321, False, "0.1234"),
        (0.1234321, True, "+0.1234"),
        (-0.00412, True, "-0.004120"),
        (0.99996, False, "1.000"),
        (9.99996, False, "10.00"),
        (31.874, False, "31.87"),
        (1234.5, False, "1234"),
        (123456.0, False, "123456"),
        (12345678.0, False, "1.235e+07"),
        (0.0001, False, "0.0001000"),
        (0.00004, True, "+4.000e-05"),
        (0.0, True, "0"),
        (-0.0, True, "0"),
        (float("nan"), False, "nan"),
        (float("-inf"), True, "-inf"),
    ],
)
def test_numbers_have_four_significant_digits_and_no_exponent_at_ordinary_sizes(
    value: float, signed: bool, text: str
) -> None:
    assert number(value, signed) == text


def test_a_threshold_is_shown_as_the_policy_wrote_it() -> None:
    assert [exact(x) for x in (0.1, -0.02, 64.0, 0.0, 0.123456)] == ["0.1", "-0.02", "64", "0", "0.123456"]


def test_the_judging_time_is_shown_in_utc_to_the_minute() -> None:
    made = replace(VERDICTS["pass"], now=datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert "judged at 2027-01-02 03:04 UTC" in render("terminal", made)


def test_an_error_quotes_the_users_line_with_a_caret_under_the_column() -> None:
    lines = render("terminal", VERDICTS["refused"]).splitlines()
    quoted = next(line for line in lines if "{from: saebench" in line)
    caret = lines[lines.index(quoted) + 1]
    assert quoted[caret.index("^") :].startswith("auc_dleta")


def test_no_caret_is_drawn_under_a_line_that_had_to_be_escaped() -> None:
    error = VERDICTS["refused"].errors[0]
    assert error.location is not None
    place = replace(error.location, source_line="  \x1b[31mmeasure", column=4)
    made = verdict(code=ExitCode.REFUSED, errors=(GatekitError(error.error_id, "odd", place),))
    assert "^" not in render("terminal", made)


def test_an_unknown_format_is_a_usage_error_that_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="no format 'jsn'") as raised:
        render("jsn", VERDICTS["pass"])
    assert raised.value.remedy == "did you mean 'json'?"


def test_the_terminal_report_imports_no_other_format_and_no_rich() -> None:
    code = (
        "import sys; from gatekit.report import render; import gatekit.report.verdict.terminal; "
        "print([m for m in ('rich', 'xml', 'numpy', 'gatekit.report.verdict.junit') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def commands_in(text: str) -> list[str]:
    """The lines that GitHub's runner would read as a command."""
    lines = re.split(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text)
    return [line for line in lines if line.strip().startswith("::") or "##[" in line]


@pytest.mark.parametrize("format", FORMATS)
@settings(deadline=None, max_examples=60)
@given(text=hostile_text())
def test_no_text_of_others_becomes_a_workflow_command_or_a_control_character(format: str, text: str) -> None:
    rendered = render(format, hostile(text))
    assert commands_in(rendered) == []
    assert (
        re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", rendered) is None
    )


@settings(deadline=None, max_examples=100)
@given(text=hostile_text(), width=st.integers(60, 140), color=st.booleans())
def test_no_text_of_others_ends_the_line_it_stands_in(text: str, width: int, color: bool) -> None:
    rendered = render_terminal(hostile(text), width=width, color=color)
    lines = rendered.splitlines()
    bare = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert commands_in("\n".join(bare)) == []
    assert [line for line in bare if line.startswith("verdict: ")] == [bare[-1]]
    assert rendered.count("\x1b") == rendered.count("\x1b[") if color else "\x1b" not in rendered
