"""A run that dies of a signal says so in one line, leaves a failed summary, and the next one finds what it needs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_external import OOD
from tiny_stage import arguments

pytestmark = pytest.mark.runners

CUT_SHORT = """\
import os, sys
from runners.stage import lifecycle
from runners.subjects.activation_store import ActivationStore
lifecycle.is_command = lambda: True
read = ActivationStore.read
def cut_short(store):
    mapped = read(store)
    os.truncate(store.path, 4096)
    return mapped
ActivationStore.read = cut_short
from runners.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def ended(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    given = [sys.executable, *command, "ood", *arguments(folder, OOD)]
    return subprocess.run(given, env=environment, capture_output=True, text=True)


def test_a_store_that_is_cut_short_while_it_is_mapped_is_said_and_made_again(tmp_path: Path) -> None:
    path = tmp_path / "out" / "ood.json"
    died = ended(tmp_path, "-c", CUT_SHORT)
    assert (died.returncode, died.stdout) == (70, "")
    said = died.stderr.strip().splitlines()[-1]
    assert said.startswith("ood: the run died of SIGBUS: a file was cut short while it was read, or its disk failed; ")
    assert said.endswith(
        f"failed summary at {path}; run again: what is stored is checked, and made again where it is not whole"
    )
    assert "Traceback" not in died.stderr
    summary = json.loads(path.read_text())
    assert (summary["status"], summary["measurements"]) == ("failed", {})
    assert summary["reason"].startswith("the run died of SIGBUS")
    assert ended(tmp_path, "-m", "runners").returncode == 0
    assert json.loads(path.read_text())["status"] == "ok"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whole_group", [False, True])
def test_a_run_that_is_interrupted_once_or_with_all_of_its_group_leaves_one_failed_summary(
    tmp_path: Path, number: signal.Signals, whole_group: bool
) -> None:
    given = [sys.executable, "-m", "runners", "ood", *arguments(tmp_path, OOD)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(given, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    began = time.monotonic()
    while not list((tmp_path / "cache").glob("**/*")) and process.poll() is None:
        time.sleep(0.01)
        assert time.monotonic() - began < 120
    (os.killpg if whole_group else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert said.splitlines()[-1].startswith(f"ood: interrupted by {number.name}; failed summary at ")
    assert said.count("interrupted by") == 1
    assert json.loads((tmp_path / "out" / "ood.json").read_text())["status"] == "failed"


def test_a_run_whose_waiting_process_is_killed_does_not_go_on_alone(tmp_path: Path) -> None:
    given = [sys.executable, "-m", "runners", "ood", *arguments(tmp_path, OOD)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(given, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    while not list((tmp_path / "cache").glob("**/*")) and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the run goes on")
    assert not (tmp_path / "out" / "ood.json").exists()


def test_a_run_that_somebody_kills_ends_as_killed_and_not_as_one_that_failed(tmp_path: Path) -> None:
    given = [sys.executable, "-m", "runners", "ood", *arguments(tmp_path, OOD)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(given, env=environment, stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "cache").glob("**/*")) and process.poll() is None:
        time.sleep(0.01)
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 137
    assert said.splitlines()[-1].startswith("ood: the run died of SIGKILL: somebody, or the system for want of memory")
    assert json.loads((tmp_path / "out" / "ood.json").read_text())["status"] == "failed"
