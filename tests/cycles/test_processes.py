"""Tasks as processes of this machine: their ends are told, and nothing of them is left behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gatekit.cycles import processes
from gatekit.cycles.engine import Ended, Job
from gatekit.cycles.plan import Needs
from gatekit.cycles.processes import Processes

OPEN = Path("/proc/self/fd")


def run(engine: Processes, folder: Path, codes: list[int]) -> list[Ended]:
    ended: list[Ended] = []
    for number, code in enumerate(codes):
        argv = (sys.executable, "-S", "-c", f"raise SystemExit({code})")
        engine.start(Job(f"job-{number}", argv, Needs(), folder / "log"))
    while len(ended) < len(codes):
        ended += engine.wait(30)
    return ended


@pytest.mark.parametrize("told", [True, False])
def test_every_end_is_seen_whether_the_system_tells_of_it_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    if not told:
        monkeypatch.setattr(processes, "_end_of", lambda _pid: None)
    ended = run(Processes(3), tmp_path, [0, 4, 70])
    assert {one.name: one.code for one in ended} == {"job-0": 0, "job-1": 4, "job-2": 70}


@pytest.mark.skipif(not OPEN.exists(), reason="counts what is open as Linux lists it")
def test_no_descriptor_stays_open_of_what_has_ended(tmp_path: Path) -> None:
    engine = Processes(4)
    run(engine, tmp_path, [0])
    before = set(os.listdir(OPEN))
    for _ in range(3):
        run(engine, tmp_path, [0, 1, 3, 0])
    assert len(os.listdir(OPEN)) == len(before)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the system does not tell of ends")
def test_a_wait_is_over_when_a_process_ends_and_not_when_it_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "POLL", 600.0)  # nobody would wait for that
    assert [one.code for one in run(Processes(1), tmp_path, [0])] == [0]


def test_a_task_sees_as_many_gpus_as_it_needs_and_no_two_tasks_see_the_same(tmp_path: Path) -> None:
    engine = Processes(3, gpus=("0", "2", "5"))
    go_on = tmp_path / "go-on"
    tells = (
        "import os, sys, time\n"
        "print(os.environ['CUDA_VISIBLE_DEVICES'])\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.02)\n"
    )
    for name, gpus in (("two", 2), ("one", 1), ("none", 0)):
        argv = (sys.executable, "-S", "-c", tells, str(go_on))
        engine.start(Job(name, argv, Needs(gpus=gpus), tmp_path / name))
    assert not engine.has_room(Needs(gpus=1))
    go_on.touch()
    ended: list[Ended] = []
    while len(ended) < 3:
        ended += engine.wait(30)
    seen = {name: (tmp_path / name).read_text().splitlines()[0] for name in ("two", "one", "none")}
    assert seen == {"two": "0,2", "one": "5", "none": ""}
    assert engine.has_room(Needs(gpus=3))
