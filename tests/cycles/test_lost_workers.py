"""Workers that are killed have failed at nothing: the same command goes on to the end, however often it happens."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from cycles.branched import FEWER, FILES, states
from cycles.test_full_disk import BriefDriver, driver
from cycles.workplace import cycle, evidence, first_worker, records, start, workplace

from gatekit.cycles import endings, processes
from gatekit.cycles.engine import Job
from gatekit.cycles.graph import Task
from gatekit.cycles.plan import Needs
from gatekit.cycles.processes import Processes

# A signal that whoever runs the tests ignores, as nohup does SIGHUP, is passed on ignored, and would end nothing.
KILLED = """
import os, pathlib, signal, sys
number = {}
if number != signal.SIGKILL:
    signal.signal(number, signal.SIG_DFL)
pathlib.Path(sys.argv[1]).open("a").write("x")
os.kill(os.getpid(), number)
"""


class KilledDriver(BriefDriver):
    """Its tasks are killed, so many in all."""

    kills = 0
    number = int(signal.SIGKILL)

    def _argv(self, task: Task) -> tuple[str, ...]:
        count = self.folder / "killed"
        if count.exists() and len(count.read_text()) >= self.kills:
            return super()._argv(task)
        return (sys.executable, "-S", "-c", KILLED.format(self.number), str(count))


def killed(folder: Path, kills: int) -> KilledDriver:
    folder.mkdir(exist_ok=True)
    calm = driver(folder)
    found = KilledDriver(calm.cycle, calm.graph, folder, Processes(1), calm.judge)
    found.kills = kills
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_worker_that_somebody_ends_more_often_than_there_are_retries_is_no_attempt(
    tmp_path: Path, number: signal.Signals
) -> None:
    lost = killed(tmp_path, 10)
    lost.number = int(number)
    assert lost.cycle.retries == 2
    assert [(one.state, one.attempts) for one in lost.run().tasks.values()] == [("done", 1), ("done", 1)]


def test_a_fault_of_its_own_is_an_attempt_though_a_signal_ends_it(tmp_path: Path) -> None:
    broken = killed(tmp_path, 10)
    broken.number = int(signal.SIGSEGV)
    assert [(one.state, one.attempts) for one in broken.run().tasks.values()] == [("failed", 3), ("not_run", 0)]


def test_whoever_loses_all_workers_of_a_task_ends_and_the_same_command_tries_again(tmp_path: Path) -> None:
    state = killed(tmp_path, 1000).run()
    first, second = state.tasks.values()
    assert (first.state, first.attempts, first.losses) == ("failed", 0, endings.MOST_LOSSES + 1)
    assert first.lost
    assert second.state == "not_run"
    assert [one.state for one in killed(tmp_path, 1).run().tasks.values()] == ["done", "done"]


def test_a_worker_that_the_kernel_kills_for_want_of_memory_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter(range(1000))
    monkeypatch.setattr(processes, "killed_for_memory", lambda: next(counts))
    first, _ = killed(tmp_path, 1000).run().tasks.values()
    assert (first.state, first.attempts) == ("failed", 3)
    assert first.reason.startswith("it was killed while its machine had no memory left; ")


def test_a_worker_that_dies_once_its_summary_is_written_is_asked_for_it_again(tmp_path: Path) -> None:
    folder = workplace(tmp_path / "rough", config={"k": 8})
    runner = folder / "lab/fakelab.py"
    dies = "if not before: os.kill(os.getpid(), 9)\n    return 0\n\n\ndef configurations"
    runner.write_text(runner.read_text().replace("return 0\n\n\ndef configurations", dies, 1))
    calm = workplace(tmp_path / "calm", config={"k": 8})
    for place in (calm, folder):
        done = cycle(place, "run", "small")
        assert done.returncode == 0, done.stderr
    ended = [one for one in records(folder) if one["event"] == "ended"]
    assert [(one["ok"], one.get("lost")) for one in ended] == [(False, True), (True, None)] * 2
    assert evidence(folder) == evidence(calm)


def test_a_command_that_ends_by_itself_is_not_lost(tmp_path: Path) -> None:
    engine = Processes(1)
    for code in (0, 1, 4, 70, 134):
        argv = (sys.executable, "-S", "-c", f"raise SystemExit({code})")
        engine.start(Job("job", argv, Needs(), tmp_path / "log"))
        (ended,) = engine.wait(30)
        assert (ended.code, ended.lost) == (code, False)


def test_a_killed_worker_of_pieces_costs_them_nothing(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"pieces": 2, "sleep": 0.5})
    driving = start(folder, "run", "small", "--cache", "cache", "--pieces")
    for _ in range(4):
        os.kill(first_worker(driving.pid), signal.SIGKILL)
        time.sleep(0.05)
    output, _ = driving.communicate(timeout=60)
    assert driving.returncode == 0, output
    assert evidence(folder).keys() == {f"{phase}/first/all/fakelab/random_model.json" for phase in ("pilot", "full")}


def test_a_branch_whose_pilot_failed_is_decided_on_once_it_was_measured(tmp_path: Path) -> None:
    plan = FEWER.replace("RULE", "{policy: policies/stop.yaml}")
    calm = workplace(tmp_path / "calm", plan, None, **FILES)
    assert cycle(calm, "run", "small").returncode == 0
    assert states(calm)["new"] == {"done": 3, "stopped": 1}
    rough = workplace(tmp_path / "rough", plan.replace("bad: {", "bad: {fail: 70, "), None, **FILES)
    assert cycle(rough, "run", "small").returncode == 3
    assert states(rough)["new"] == {"done": 2, "failed": 1, "not_run": 1}
    runner = rough / "lab/fakelab.py"
    runner.write_text(runner.read_text().replace('if config["fail"]', "if False"))
    done = cycle(rough, "run", "small", "--retry-failed")
    assert done.returncode == 0, done.stderr
    assert states(rough)["new"] == {"done": 3, "stopped": 1}
    assert evidence(rough) == evidence(calm)


def test_a_stage_that_was_stopped_for_its_failures_goes_on_where_they_are_tried_again(tmp_path: Path) -> None:
    plan = FEWER.replace("RULE", "{failed_runs: {more_than: 0.2, of_at_least: 1}}")
    folder = workplace(tmp_path, plan.replace("bad: {", "bad: {fail: 4, "), None, **FILES)
    assert cycle(folder, "run", "small").returncode == 3
    assert "stopped" in states(folder)["new"]
    runner = folder / "lab/fakelab.py"
    runner.write_text(runner.read_text().replace('if config["fail"]', "if False"))
    done = cycle(folder, "run", "small", "--retry-failed")
    assert done.returncode == 0, done.stderr
    assert states(folder)["new"] == {"done": 4}
    started = [one["task"] for one in records(folder) if one["event"] == "started"]
    assert started.count("pilot/new/bad/fakelab") == 2
