"""What fails, is killed or is asked to end: tried again, gone on with, and nothing left behind."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from cycles.branched import BRANCHED, FILES, states
from cycles.workplace import cycle, evidence, first_worker, records, start, workplace


def test_what_fails_inside_is_tried_again_and_what_is_refused_is_not(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"fail_first": 2})
    assert cycle(folder, "run", "small").returncode == 0
    assert [one["code"] for one in records(folder) if one["event"] == "ended"] == [70, 70, 0, 70, 70, 0]
    refused = workplace(tmp_path / "refused", config={"fail": 4})
    done = cycle(refused, "run", "small")
    assert done.returncode == 3
    assert [one["code"] for one in records(refused) if one["event"] == "ended"] == [4]
    assert "pilot/first/all/fakelab: it ended with exit code 4" in done.stderr
    assert states(refused)["first"] == {"failed": 1, "not_run": 1}


def test_what_failed_for_good_is_tried_again_where_that_is_asked_for(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"fail_first": 4})
    assert cycle(folder, "run", "small").returncode == 3
    assert states(folder)["first"] == {"failed": 1, "not_run": 1}
    assert cycle(folder, "run", "small").returncode == 3  # not by itself
    # The pilot is done at its fifth attempt; the full runs then fail for good, and are asked for again.
    assert cycle(folder, "run", "small", "--retry-failed").returncode == 3
    done = cycle(folder, "run", "small", "--retry-failed")
    assert done.returncode == 0, done.stderr
    assert states(folder)["first"] == {"done": 2}


def test_a_driver_killed_at_any_moment_is_gone_on_with_and_the_evidence_is_equal(tmp_path: Path) -> None:
    plan = BRANCHED.replace("RULE", "{policy: policies/stop.yaml}")
    calm = workplace(tmp_path / "calm", plan, {"sleep": 0.1}, **FILES)
    assert cycle(calm, "run", "small", "--slots", "2").returncode == 0
    rough = workplace(tmp_path / "rough", plan, {"sleep": 0.1}, **FILES)
    chance = random.Random(5)
    for _ in range(6):
        driver = start(rough, "run", "small", "--slots", "2")
        time.sleep(chance.uniform(0.6, 2.2))
        driver.kill()
        driver.communicate()
    done = cycle(rough, "run", "small", "--slots", "2")
    assert done.returncode == 0, done.stderr
    assert evidence(rough) == evidence(calm)


def test_no_worker_outlives_a_killed_driver(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"sleep": 30})
    driver = start(folder, "run", "small")
    worker = first_worker(driver.pid)
    driver.kill()
    driver.communicate()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"until": "killed"})
    driver = start(folder, "run", "small")
    os.kill(first_worker(driver.pid), signal.SIGKILL)
    (folder / "killed").touch()
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 0, output
    assert "it ended with signal SIGKILL" in output


def test_a_request_to_stop_ends_the_driver_gently_and_resume_goes_on(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"until": "go"})
    driver = start(folder, "run", "small")
    first_worker(driver.pid)
    held = cycle(folder, "run", "small")
    assert held.returncode == 3
    assert f"the cycle 'small' is driven by process {driver.pid} on" in held.stderr
    assert cycle(folder, "stop", "small").returncode == 0
    (folder / "go").touch()
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 3
    assert "stopped as asked" in output
    assert cycle(folder, "run", "small").returncode == 64
    assert cycle(folder, "resume", "small").returncode == 0
    assert cycle(folder, "stop", "small").returncode == 64


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_workers_and_driver_and_is_in_the_ledger(tmp_path: Path, number: int, code: int) -> None:
    folder = workplace(tmp_path, config={"sleep": 30})
    driver = start(folder, "run", "small")
    worker = first_worker(driver.pid)
    os.kill(driver.pid, number)
    driver.communicate(timeout=60)
    assert driver.returncode == code
    assert not Path(f"/proc/{worker}").exists()
    assert records(folder)[-1]["event"] == "halted"
