"""What is taken as a time on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gatekit.cli.inputs import the_time
from gatekit.errors import UsageError


def test_now_is_read_as_utc() -> None:
    assert the_time("2026-02-16T01:48:20Z") == datetime(2026, 2, 16, 1, 48, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "٢٠٢٦-٠٢-١٦T٠١:٤٨:٢٠Z",
        "２０２６-０２-１６T０１:４８:２０Z",
        "२०२६-०२-१६T०१:४८:२०Z",
        "2026-02-16T01:48:2\N{MATHEMATICAL BOLD DIGIT ZERO}Z",
        "2026-02-16T01:48:2\N{SUPERSCRIPT TWO}Z",
    ],
    ids=["Arabic-Indic", "fullwidth", "Devanagari", "one bold digit", "superscript"],
)
def test_now_in_digits_of_another_script_is_an_error_of_usage(text: str) -> None:
    with pytest.raises(UsageError, match="is not a UTC time"):
        the_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-2-16T01:48:20Z",
        "2026-02-16T1:48:20Z",
        "2026-02-16T01:48:20Z\n",
        " 2026-02-16T01:48:20Z",
        "2026-02-16T01:48:20z",
    ],
    ids=["one digit of a month", "one digit of an hour", "a newline behind", "a space before", "small z"],
)
def test_now_in_another_form_is_an_error_of_usage(text: str) -> None:
    with pytest.raises(UsageError, match="is not a UTC time"):
        the_time(text)


@pytest.mark.parametrize("text", ["2026-02-30T00:00:00Z", "2026-02-16T24:00:00Z", "2026-02-16T23:59:60Z"])
def test_now_at_a_moment_that_does_not_exist_is_an_error_of_usage(text: str) -> None:
    with pytest.raises(UsageError, match="is not a UTC time"):
        the_time(text)
