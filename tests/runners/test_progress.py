from __future__ import annotations

import io

import pytest

from runners import progress
from runners.progress import showing

pytestmark = pytest.mark.runners


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time as a list of one number, for tests to set."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_says_how_training_stands(clock):
    log = io.StringIO()
    with showing("training", 1000, "tokens", log) as shown:
        clock[0] += 20
        shown.advance(200, lambda: "loss 0.5000")
    assert log.getvalue().splitlines()[1] == (
        "training: 200 of 1,000 tokens, 10 tokens/s, 20 s gone, 80 s left; loss 0.5000"
    )


def test_how_training_stands_is_not_asked_when_nothing_is_shown(clock):
    def fail() -> str:
        raise AssertionError("asked")

    with showing("training", 1000, "tokens", io.StringIO()) as shown:
        clock[0] += 1
        shown.advance(200, fail)


def test_work_of_an_earlier_run_counts_as_done_but_not_as_speed(clock):
    log = io.StringIO()
    with showing("training", 1000, "tokens", log) as shown:
        shown.resume(500)
        clock[0] += 20
        shown.advance(100)
    assert "600 of 1,000 tokens, 5 tokens/s, 20 s gone, 80 s left" in log.getvalue()


def test_a_terminal_shows_how_training_stands():
    terminal = Terminal()
    with showing("training", 1000, "tokens", terminal) as shown:
        shown.resume(100)
        shown.advance(900, lambda: "loss 0.2500")
    assert "100%" in terminal.getvalue() and "loss 0.2500" in terminal.getvalue()
