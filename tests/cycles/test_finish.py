"""The end of a cycle: asked to stop, interrupted, or killed in it, and gone on with by the same command."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from cycles.test_full_disk import driver

from gatekit.cycles import finishing
from gatekit.cycles.finishing import STARTS, Step, carry_out
from gatekit.cycles.halting import STOP_REQUEST, Halted
from gatekit.cycles.ledger import Ledger


def events(folder: Path) -> list[str]:
    return [record["event"] for record in Ledger(folder / "ledger.jsonl").read()]


@pytest.mark.parametrize(("asked", "code"), [("stop", 3), ("SIGTERM", 143), ("SIGINT", 130)])
def test_whoever_is_asked_to_end_while_it_judges_records_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, code: int
) -> None:
    def meanwhile(_step: Step, _log: Path) -> int:
        if asked == "stop":
            (tmp_path / STOP_REQUEST).touch()
        else:
            os.kill(os.getpid(), signal.Signals[asked])
        return 70  # as a step that was interrupted too

    monkeypatch.setattr(finishing, "carry_out", meanwhile)
    with pytest.raises(Halted) as ended:
        driver(tmp_path).run(finished=True)
    assert ended.value.code == code
    assert events(tmp_path)[-1] == "halted"
    assert not {"step_ended", "finished"} & set(events(tmp_path))
    (tmp_path / STOP_REQUEST).unlink(missing_ok=True)
    monkeypatch.setattr(finishing, "carry_out", lambda _step, _log: 0)
    assert driver(tmp_path).run(finished=True).code == 0
    assert driver(tmp_path).run(finished=True).code == 0  # what has finished is judged again, and measured no more
    assert events(tmp_path).count("started") == 2


@pytest.mark.parametrize(("deaths", "code"), [(0, 2), (STARTS - 1, 2), (STARTS, 70)])
def test_a_step_of_the_end_that_is_killed_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int, code: int
) -> None:
    codes = iter([-signal.SIGKILL] * deaths + [2])
    monkeypatch.setattr(subprocess, "run", lambda *_words, **_options: SimpleNamespace(returncode=next(codes)))
    assert carry_out(Step("check", ("check",)), tmp_path / "log") == code
