"""A full disk ends a cycle with one line, and nothing is lost: the same command goes on."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
from cycles.workplace import CYCLE

from gatekit.cycles import driving
from gatekit.cycles.driving import Driver, Halted
from gatekit.cycles.graph import Task, graph_of
from gatekit.cycles.ledger import Ledger
from gatekit.cycles.processes import Processes
from gatekit.cycles.reading import parse_cycle
from gatekit.cycles.stopping import StopJudge
from gatekit.errors import GatekitError
from gatekit.kinds import INSTALLED

SUMMARY = """\
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)
(folder / "s.json").write_text(sys.argv[2])
"""


class BriefDriver(Driver):
    """Its tasks leave a summary, or end in 70 as whoever finds no room does, or as refused."""

    room = True
    code = 70

    def _argv(self, task: Task) -> tuple[str, ...]:
        if not self.room:
            return (sys.executable, "-S", "-c", f"raise SystemExit({self.code})")
        out = self.folder / "evidence" / task.out / task.runner
        return (sys.executable, "-S", "-c", SUMMARY, str(out), '{"status": "ok"}')


def driver(folder: Path) -> BriefDriver:
    cycle = parse_cycle(CYCLE.encode(), "cycles/small.yaml")
    judge = StopJudge(cycle, folder / "evidence", INSTALLED)
    return BriefDriver(cycle, graph_of(cycle), folder, Processes(1), judge)


@pytest.mark.parametrize("code", [70, 64, 4])
def test_what_fails_on_a_full_disk_is_no_attempt_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    full = driver(tmp_path)
    full.room, full.code = False, code
    monkeypatch.setattr(driving, "no_room", lambda _folders: "the disk of runs is full")
    with pytest.raises(Halted, match="the disk of runs is full; make room, and give the same command again") as halted:
        full.run()
    assert halted.value.code == 3
    assert [(one.state, one.attempts) for one in full.state.tasks.values()] == [("waiting", 0), ("waiting", 0)]
    monkeypatch.undo()
    assert [one.state for one in driver(tmp_path).run().tasks.values()] == ["done", "done"]


def test_where_there_is_room_what_fails_inside_is_an_attempt(tmp_path: Path) -> None:
    broken = driver(tmp_path)
    broken.room = False
    assert [(one.state, one.attempts) for one in broken.run().tasks.values()] == [("failed", 3), ("not_run", 0)]


def test_a_ledger_that_cannot_be_written_is_one_line_and_keeps_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.write("cycle_run", cycle="small")

    def no_space(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", no_space)
    with pytest.raises(
        GatekitError, match="could not be written: No space left on device; nothing that it holds"
    ) as it:
        ledger.write("started", task="a")
    assert it.value.exit_code == 3
    monkeypatch.undo()
    assert [one["event"] for one in ledger.read()] == ["cycle_run"]
