"""The same cycle on a Ray cluster: equal evidence, also where a machine or a worker is lost on the way."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cycles.branched import BRANCHED, FEWER, FILES
from cycles.workplace import cycle, evidence, records, start, workplace

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

KILLS = 5
FEW = FEWER.replace("RULE", "{policy: policies/stop.yaml}")
PLAN = BRANCHED.replace("RULE", "{policy: policies/stop.yaml}")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    # Ray runs its workers at nice 15, where a busy machine gives them next to nothing.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield made
    made.shutdown()


def test_a_cluster_on_one_machine_gives_the_evidence_of_processes(tmp_path: Path) -> None:
    calm = workplace(tmp_path / "calm", PLAN, {"sleep": 0.1}, **FILES)
    assert cycle(calm, "run", "small").returncode == 0
    there = workplace(tmp_path / "there", PLAN, {"sleep": 0.1}, **FILES)
    done = cycle(there, "run", "small", "--cluster", "local", "--slots", "2", "--cache", "cache", timeout=300)
    assert done.returncode == 0, done.stderr
    assert evidence(there) == evidence(calm)


def test_what_was_lost_with_a_machine_is_measured_on_another_one(tmp_path: Path, cluster: Any) -> None:
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    calm = workplace(tmp_path / "calm", PLAN, {"sleep": 0.1}, **FILES)
    assert cycle(calm, "run", "small").returncode == 0
    rough = workplace(tmp_path / "rough", PLAN, {"sleep": 0.1}, **FILES)
    (rough / "config.json").write_text('{"until": "cut"}')
    driver = start(
        rough, "run", "small", "--cluster", cluster.address, "--slots", "2", "--cache", "cache", "--no-pieces"
    )
    _two_are_running(rough)
    _cut_power(cluster, nodes[0])
    (rough / "cut").touch()
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, output
    assert any(one["event"] == "ended" and not one["ok"] for one in records(rough))
    assert evidence(rough) == evidence(calm)


def test_a_killed_worker_of_the_cluster_is_replaced(tmp_path: Path, cluster: Any) -> None:
    cluster.add_node(num_cpus=1)
    folder = workplace(tmp_path, config={"until": "killed"})
    driver = start(folder, "run", "small", "--cluster", cluster.address, "--cache", "cache", "--no-pieces")
    os.kill(_runner(folder), signal.SIGKILL)
    (folder / "killed").touch()
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, output
    ended = [one["ok"] for one in records(folder) if one["event"] == "ended"]
    # On a busy machine Ray itself may lose a worker beside ours; what is lost is made again.
    assert (ended[0], ended.count(True), ended[-1]) == (False, 2, True)


def test_workers_and_a_machine_that_are_killed_at_random_change_no_evidence(tmp_path: Path, cluster: Any) -> None:
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    calm = workplace(tmp_path / "calm", FEW, {"pieces": 2}, **FILES)
    assert cycle(calm, "run", "small", "--no-pieces", timeout=600).returncode == 0
    rough = workplace(tmp_path / "rough", FEW, {"pieces": 2, "sleep": 2}, **FILES)
    driver = start(rough, "run", "small", "--cluster", cluster.address, "--slots", "2", "--cache", "cache")
    chance = random.Random()  # each time another course: what is left is the same
    for kill in range(KILLS):
        runner = _runner(rough)
        time.sleep(chance.uniform(0, 1.5))
        # The runner, or Ray's own process that waits for it; one that has ended meanwhile takes nothing with it.
        for victim in _lineage(runner)[: chance.randint(1, 2)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        if kill == KILLS // 2:
            _cut_power(cluster, nodes[0])
    output, _ = driver.communicate(timeout=900)
    assert driver.returncode == 0, output
    assert any(one["event"] in ("ended", "piece_ended") and one["code"] != 0 for one in records(rough))
    assert evidence(rough) == evidence(calm)


def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    done = cycle(folder, "run", "small", "--cluster", "127.0.0.1:1", "--cache", "cache", timeout=300)
    assert done.returncode == 70
    assert "no Ray cluster at '127.0.0.1:1'" in done.stderr


# In a process of its own: Ray leaves sockets open in the one that connects.
TELLS = """\
import sys
from pathlib import Path
from gatekit.cycles.engine import Job
from gatekit.cycles.plan import Needs
from gatekit.cycles.ray_engine import RayCluster

engine, log = RayCluster(2, sys.argv[1]), Path(sys.argv[2])
told = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"
engine.start(Job("two", (sys.executable, "-S", "-c", told), Needs(gpus=2), log))
ended = []
while not ended:
    ended += engine.wait(30)
engine.stop()
sys.exit(ended[0].code)
"""


def test_a_task_sees_as_many_gpus_of_a_machine_as_it_needs(tmp_path: Path, cluster: Any) -> None:
    cluster.add_node(num_cpus=2, num_gpus=3)
    log = tmp_path / "two"
    subprocess.run([sys.executable, "-c", TELLS, cluster.address, str(log)], check=True, timeout=300)
    seen = log.read_text().split()[-1].split(",")
    assert len(seen) == len(set(seen) & {"0", "1", "2"}) == 2


def _cut_power(cluster: Any, node: Any) -> None:
    """Kill all that runs on a node, at once; Ray then finds out."""
    raylets = {process.process.pid for process in node.all_processes["raylet"]}
    for pid in _descendants(raylets):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    cluster.remove_node(node, allow_graceful=False)


def _descendants(pids: set[int]) -> list[int]:
    found: list[int] = []
    waiting = list(pids)
    while waiting:
        for path in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                children = [int(child) for child in path.read_text().split()]
                found += children
                waiting += children
    return found


def _two_are_running(folder: Path) -> None:
    """Wait until two runners are at work: a task that Ray was handed may wait for a worker yet."""
    deadline = time.monotonic() + 120
    while len(_runners(folder)) < 2:
        assert time.monotonic() < deadline, "two tasks never ran at once"
        time.sleep(0.1)


def _lineage(runner: int) -> list[int]:
    """Return a runner's process and the worker of Ray that has started it; none where it has ended."""
    try:
        parent = int(Path(f"/proc/{runner}/stat").read_text().rpartition(")")[2].split()[1])
        return [runner, parent] if b"ray::" in Path(f"/proc/{parent}/cmdline").read_bytes() else [runner]
    except OSError:
        return []


def _runner(folder: Path) -> int:
    """Return a process of the fake runner that works in a folder."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for runner in _runners(folder):
            return runner
        time.sleep(0.05)
    raise AssertionError("no runner was started")


def _runners(folder: Path) -> list[int]:
    """Return the processes of the fake runner that work in a folder now."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().split(b"\0")
            if b"fakelab" in line and os.readlink(path / "cwd") == str(folder):
                found.append(int(path.name))
        except OSError:
            continue
    return found
