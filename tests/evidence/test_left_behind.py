"""What a killed writer was building is removed by the next writer in the folder; what anybody still writes is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gatekit.evidence import left_behind
from gatekit.evidence.atomic import TEMPORARY, write_whole
from gatekit.evidence.left_behind import ABANDONED_AFTER, KEPT_FOR, own_token, remove_left_behind

WRITE = """
import os, sys, time
from gatekit.evidence.atomic import write_whole
def renamed(*_):
    print("about to rename", flush=True)
    time.sleep(600)
os.replace = renamed
write_whole(sys.argv[1], b"half a run")
"""


@pytest.fixture(autouse=True)
def nothing_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_behind, "_looked_in", set())


def aged(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    for each in (*path.rglob("*"), path):
        os.utime(each, (then, then))


def killed_writer(place: Path) -> Path:
    child = subprocess.Popen([sys.executable, "-c", WRITE, str(place)], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    [left] = place.parent.glob(f"{TEMPORARY}*.tmp")
    return left


def test_what_a_killed_writer_left_goes_with_the_next_write_after_an_hour(tmp_path: Path, monkeypatch) -> None:
    left = killed_writer(tmp_path / "a.json")
    write_whole(tmp_path / "a.json", b"whole")
    assert left.exists(), "it may be another container's"
    aged(left, KEPT_FOR + 60)
    monkeypatch.setattr(left_behind, "_looked_in", set())
    write_whole(tmp_path / "b.json", b"whole")
    assert sorted(os.listdir(tmp_path)) == ["a.json", "b.json"]


def test_what_a_living_process_or_another_machine_builds_stays(tmp_path: Path) -> None:
    own = tmp_path / f"{TEMPORARY}{own_token()}.tmp"
    far, forgotten = (tmp_path / f"{TEMPORARY}elsewhere.{pid}.{'0' * 16}.tmp" for pid in (1, 2))
    users = tmp_path / f"{TEMPORARY}notes.tmp"
    for path, age in ((own, 9e5), (far, ABANDONED_AFTER - 60), (forgotten, ABANDONED_AFTER + 60), (users, 9e5)):
        path.write_bytes(b"x")
        aged(path, age)
    write_whole(tmp_path / "a.json", b"whole")
    assert own.exists() and far.exists() and users.exists() and not forgotten.exists()


def test_a_folder_in_which_something_was_written_lately_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = own_token().partition(".")[0]
    old, fresh = (tmp_path / f".building-{host}.{dead.pid}.{digit * 16}" for digit in "01")
    for folder in (old, fresh):
        folder.mkdir()
        (folder / "rows").write_bytes(b"x")
        aged(folder, KEPT_FOR + 60)
    (fresh / "rows").write_bytes(b"xy")
    aged(fresh / "rows", 60)
    remove_left_behind(tmp_path, ".building-")
    assert not old.exists() and (fresh / "rows").exists()


def test_a_folder_that_cannot_be_looked_through_stops_nobody(tmp_path: Path) -> None:
    remove_left_behind(tmp_path / "absent", ".building-")
