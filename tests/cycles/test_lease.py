"""Who drives a cycle, where clocks step, machines share a name and a holder sleeps."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cycles.test_full_disk import driver

from gatekit.cycles import lease
from gatekit.cycles.driving import Halted, Ousted
from gatekit.cycles.ledger import Ledger
from gatekit.errors import GatekitError

ELSEWHERE = {"host": "another-machine", "pid": 12, "machine": "1 pid:[2]", "born": "34"}


def held(folder: Path, **changes: object) -> Path:
    path = folder / lease.NAME
    path.write_text(json.dumps({**ELSEWHERE, **changes}) + "\n", encoding="utf-8")
    return path


@contextmanager
def touched(path: Path) -> Iterator[None]:
    """Touch a lease as its holder does."""
    stop = threading.Event()

    def touch() -> None:
        while not stop.wait(0.05):
            os.utime(path)

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_step_of_our_clock_takes_a_lease_from_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    held(tmp_path)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + step)
    found = lease.holder(tmp_path)
    assert found is not None
    assert found.words == "process 12 on another-machine"


def test_a_lease_that_looks_old_and_is_touched_meanwhile_is_a_living_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "WATCHED", 5.0)
    path = held(tmp_path)
    old = time.time() - 3600
    os.utime(path, (old, old))
    with (
        touched(path),
        pytest.raises(GatekitError, match="driven by process 12 on another-machine") as refused,
        lease.driving(tmp_path, "small"),
    ):
        raise AssertionError("taken from a living holder")
    assert refused.value.exit_code == 3


def test_a_dead_ones_lease_is_taken_over_once_it_was_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "WATCHED", 0.3)
    path = held(tmp_path)
    old = time.time() - 3600
    os.utime(path, (old, old))
    before = time.monotonic()
    with lease.driving(tmp_path, "small") as is_held:
        assert is_held()
        assert time.monotonic() - before >= 0.3
        found = lease.holder(tmp_path)
        assert found is not None
        assert found.pid == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_of_two_that_find_a_dead_ones_lease_the_second_leaves_it_to_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(tmp_path, host=lease.socket.gethostname(), machine=lease._machine(), pid=2**22 + 1)  # no such process
    real, living = lease.holder, dict(ELSEWHERE)

    def looked_at_once(folder: Path) -> lease.Holder | None:
        monkeypatch.setattr(lease, "holder", real)
        assert real(folder) is None
        (folder / lease.NAME).unlink()
        held(folder)  # the first one has it now
        return None

    monkeypatch.setattr(lease, "holder", looked_at_once)
    with (
        pytest.raises(GatekitError, match="driven by process 12 on another-machine"),
        lease.driving(tmp_path, "small"),
    ):
        raise AssertionError("taken from a living holder")
    assert json.loads((tmp_path / lease.NAME).read_text()) == living


def test_another_machine_of_our_name_is_not_asked_for_its_process_here(tmp_path: Path) -> None:
    # That number is nobody's here, and the holder may live all the same.
    held(tmp_path, host=lease.socket.gethostname(), pid=2**22 + 1)
    assert lease.holder(tmp_path) is not None


def test_whoever_lost_its_lease_sees_it(tmp_path: Path) -> None:
    with lease.driving(tmp_path, "small") as is_held:
        assert is_held()
        path = held(tmp_path)
        assert not is_held()
    assert path.exists()  # it is the other's


def test_a_driver_that_was_ousted_ends_and_writes_nothing_more(tmp_path: Path) -> None:
    one = driver(tmp_path)
    one.is_held = lambda: len(Ledger(tmp_path / "ledger.jsonl").read()) < 2  # until the first task was begun
    with pytest.raises(Ousted, match="another process drives the cycle now") as ended:
        one.run()
    assert isinstance(ended.value, Halted)
    assert ended.value.code == 3
    written = [record["event"] for record in Ledger(tmp_path / "ledger.jsonl").read()]
    assert written == ["cycle_run", "started", "ended"][: len(written)]


@pytest.mark.parametrize(
    ("number", "code", "remedy"), [(errno.ENOSPC, 3, "make room"), (errno.EROFS, 64, "give a folder that can be")]
)
def test_a_lease_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int, remedy: str
) -> None:
    def full(_path: Path, _text: str, **_options: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(GatekitError, match=os.strerror(number)) as refused, lease.driving(tmp_path, "small"):
        raise AssertionError("held without a lease")
    assert refused.value.exit_code == code
    assert str(refused.value.remedy).startswith(remedy)
    assert list(tmp_path.iterdir()) == []
