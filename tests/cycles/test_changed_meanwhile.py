"""What changes while a cycle runs: files that it measures by, its own folder, who drives it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from cycles.test_full_disk import BriefDriver, driver
from cycles.workplace import CYCLE

from gatekit.cycles.driving import ROUNDS
from gatekit.cycles.engine import Ended
from gatekit.cycles.graph import Task, graph_of
from gatekit.cycles.halting import Halted, Ousted
from gatekit.cycles.ledger import Ledger
from gatekit.cycles.meaning import WatchedFiles, file_digests
from gatekit.cycles.processes import Processes
from gatekit.cycles.reading import parse_cycle
from gatekit.cycles.state import state_of
from gatekit.errors import GatekitError
from gatekit.evidence.canonical import sha256_file

PILOT, FULL = "pilot/first/all/fakelab", "full/first/all/fakelab"
POLICY = "schema: gatekit.policy/1\n"


class MeddledDriver(BriefDriver):
    """One of its tasks does something else too."""

    meddler = FULL
    does = "pass"

    def _argv(self, task: Task) -> tuple[str, ...]:
        python, s, c, program, *rest = super()._argv(task)
        before = f"import os, pathlib, shutil; {self.does}\n" if task.id == self.meddler else ""
        return (
            python,
            s,
            c,
            before + program.replace("mkdir(parents=True)", "mkdir(parents=True, exist_ok=True)"),
            *rest,
        )


def meddled(folder: Path, does: str, meddler: str = FULL) -> MeddledDriver:
    calm = driver(folder)
    found = MeddledDriver(calm.cycle, calm.graph, folder, Processes(1), calm.judge)
    found.does, found.meddler = does, meddler
    return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository's root with the configuration and the policy of the plan; its cycle's folder is `run`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/gate.yaml").write_text(POLICY)
    (tmp_path / "config.json").write_text("{}")
    return tmp_path / "run"


def events(folder: Path) -> list[str]:
    return [record["event"] for record in Ledger(folder / "ledger.jsonl").read()]


@pytest.mark.parametrize("file", ["config.json", "policies/gate.yaml"])
def test_a_file_that_changes_while_it_is_measured_by_ends_the_cycle_and_counts_for_nothing(
    place: Path, file: str
) -> None:
    before = Path(file).read_text()
    with pytest.raises(GatekitError, match=f"{file}: this file has changed while the cycle 'small' runs") as ended:
        meddled(place, f"pathlib.Path('{file}').write_text('other')", PILOT).run()
    assert (ended.value.error_id, ended.value.exit_code) == ("cycle.changed", 4)
    assert events(place) == ["cycle_run", "started", "interrupted", "halted"]
    with pytest.raises(GatekitError, match=f"has changed since it was begun in {place}: {file}"):
        driver(place).run()
    Path(file).write_text(before)
    assert [one.state for one in meddled(place, "pass").run().tasks.values()] == ["done", "done"]


def test_a_file_that_is_written_again_with_the_same_bytes_has_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    cycle = driver(tmp_path).cycle
    assert set(file_digests(cycle, graph_of(cycle))) == {"config.json", "policies/gate.yaml"}
    watched = WatchedFiles({str(path): sha256_file(path), str(tmp_path / "nowhere"): None})
    os.utime(path, (1, 1))
    assert watched.changed() is None
    path.write_text("a: 2\n")
    assert watched.changed() == str(path)
    path.unlink()
    assert watched.changed() == str(path)


@pytest.mark.parametrize(
    "named", ["base: b.yaml", "base: [b.yaml, ../more/c.yaml] # both", "base:\n  - b.yaml\n  - ../more/c.yaml\nk: 1"]
)
def test_what_a_configuration_takes_keys_in_from_is_part_of_the_plan(place: Path, named: str) -> None:
    Path("more").mkdir()
    Path("configs").mkdir()
    Path("configs/a.yaml").write_text(f"# first\n{named}\n")
    Path("configs/b.yaml").write_text("x: 1\n")
    Path("more/c.yaml").write_text("y: 1\n")
    calm = driver(place)
    cycle = parse_cycle(CYCLE.replace("config.json", "configs/a.yaml").encode(), "cycles/small.yaml")

    def run() -> None:
        BriefDriver(cycle, graph_of(cycle), place, Processes(1), calm.judge).run()

    run()
    Path("configs/b.yaml").write_text("x: 2\n")
    with pytest.raises(GatekitError, match=r"has changed since it was begun in .*: configs/b.yaml"):
        run()


def test_whose_folder_is_taken_away_ends_and_writes_nothing_more(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Ousted, match="is gone, and with it what was done; the same command begins anew") as ended:
        meddled(folder, f"shutil.rmtree('{folder}')", PILOT).run()
    assert ended.value.code == 3
    assert not (folder / "ledger.jsonl").exists()
    assert [one.state for one in meddled(folder, "pass").run().tasks.values()] == ["done", "done"]


def test_a_summary_that_is_taken_away_meanwhile_is_measured_again_before_anything_is_judged(tmp_path: Path) -> None:
    gone = f"shutil.rmtree('{tmp_path}/evidence/pilot', ignore_errors=True)"
    once = meddled(tmp_path, f"os.path.exists('{tmp_path}/once') or ({gone}, pathlib.Path('{tmp_path}/once').touch())")
    assert [one.state for one in once.run().tasks.values()] == ["done", "done"]
    assert len(list(tmp_path.glob("evidence/*/first/all/fakelab/s.json"))) == 2
    assert events(tmp_path).count("undone") == 1


def test_whose_summaries_are_taken_away_each_time_is_halted(tmp_path: Path) -> None:
    always = driver(tmp_path)
    always.say = lambda _line: None
    calm = always._ended

    def taken(ended: Ended) -> None:
        calm(ended)
        for path in tmp_path.glob("evidence/*/first/all/fakelab/s.json"):
            path.unlink()
            path.parent.rmdir()

    always._ended = taken  # type: ignore[method-assign]
    with pytest.raises(Halted, match=r"summaries are taken out of .* as it runs") as ended:
        always.run()
    assert ended.value.code == 3
    assert events(tmp_path).count("undone") == 2 * ROUNDS


def test_whoever_slept_while_another_took_the_cycle_over_records_nothing_that_ended_meanwhile(tmp_path: Path) -> None:
    slept = driver(tmp_path)

    class Sleeps(Processes):
        def wait(self, seconds: float) -> Sequence[Ended]:
            ended = super().wait(seconds)
            slept.is_held = lambda: False
            slept._watch.is_held = slept.is_held
            return ended

    slept.engine = Sleeps(1)
    with pytest.raises(Ousted):
        slept.run()
    assert events(tmp_path) == ["cycle_run", "started"]


def test_a_ledger_that_is_cut_anywhere_in_its_last_two_records_is_gone_on_with(tmp_path: Path) -> None:
    assert [one.state for one in driver(tmp_path).run().tasks.values()] == ["done", "done"]
    ledger = Ledger(tmp_path / "ledger.jsonl")
    whole, graph = ledger.path.read_bytes(), driver(tmp_path).graph
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(ends[-3], len(whole) + 1):
        ledger.path.write_bytes(whole[:cut])
        state = state_of(graph, ledger.read(), 2)
        told = sum(end <= cut + 1 for end in ends[-2:])  # without its newline a record is whole
        assert state.tasks[PILOT].state == "done"
        assert state.tasks[FULL].state == ["waiting", "running", "done"][told]
    for cut in (ends[-3] + 7, ends[-2] - 9, ends[-2] + 30):
        ledger.path.write_bytes(whole[:cut])
        for path in tmp_path.glob("evidence/full/first/all/fakelab/s.json"):
            path.unlink()
            path.parent.rmdir()
        assert [one.state for one in driver(tmp_path).run().tasks.values()] == ["done", "done"]


def test_what_cannot_be_started_halts_the_cycle_with_one_line(tmp_path: Path) -> None:
    starved = driver(tmp_path)

    class Full(Processes):
        def start(self, job: object) -> None:
            raise OSError(11, "Resource temporarily unavailable")

    starved.engine = Full(1)
    with pytest.raises(Halted, match="pilot/first/all/fakelab could not be started: Resource temporarily") as ended:
        starved.run()
    assert ended.value.code == 3
