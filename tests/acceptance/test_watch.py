"""`gatekit check --watch` judges again when a file changes, and Ctrl-C ends it with the last verdict's exit code."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

import builders
import pytest
from acceptance.console_script import BLOCKED, POLICY, SCRIPT, environment, gatekit, workspace

PATIENCE = 30
"""Seconds that a busy machine may take for what takes one."""


class Watcher:
    """A running `gatekit check --watch` whose verdicts can be waited for."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def until(self, start: str) -> str:
        """The next line that starts so; what was printed before it is passed over."""
        try:
            while True:
                line = self._lines.get(timeout=PATIENCE)
                if line.startswith(start):
                    return line.rstrip("\n")
        except Empty:
            raise AssertionError(f"no line that starts with {start}") from None

    def close(self) -> None:
        self.process.kill()
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


def _hears_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def watching(folder: Path, *arguments: str) -> Iterator[Watcher]:
    process = subprocess.Popen(
        [str(SCRIPT), "check", "--watch", "--now", builders.NOW, *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        # A shell without a terminal starts what runs in the background deaf to Ctrl-C.
        preexec_fn=_hears_ctrl_c,
    )
    watcher = Watcher(process)
    try:
        yield watcher
    finally:
        watcher.close()


def test_a_changed_policy_and_changed_evidence_are_judged_and_ctrl_c_ends_with_the_last_exit_code(
    tmp_path: Path,
) -> None:
    workspace(tmp_path)
    with watching(tmp_path) as watcher:
        assert "pass (exit 0)" in watcher.until("verdict: ")
        assert "Ctrl-C ends with exit 0" in watcher.until("gatekit: watching policies, evidence")
        builders.write(tmp_path / "evidence", BLOCKED)
        assert "blocked (exit 2)" in watcher.until("verdict: ")
        watcher.until("gatekit: watching")
        (tmp_path / "policies" / "small.yaml").write_text(POLICY.replace("0.0}", "-0.5}"), encoding="utf-8")
        assert "pass (exit 0)" in watcher.until("verdict: ")
        watcher.until("gatekit: watching")
        (tmp_path / "policies" / "small.yaml").write_text("schema: x\n", encoding="utf-8")
        assert "refused (exit 4)" in watcher.until("verdict: ")
        watcher.until("gatekit: watching")
        assert watcher.stop() == 4


def test_files_that_are_gone_are_said_and_watched_for(tmp_path: Path) -> None:
    workspace(tmp_path)
    with watching(tmp_path) as watcher:
        watcher.until("gatekit: watching")
        (tmp_path / "policies").rename(tmp_path / "elsewhere")
        assert "there is no policies/ folder" in watcher.until("gatekit: no policy")
        assert "policies, evidence; Ctrl-C ends with exit 64" in watcher.until("gatekit: watching")
        (tmp_path / "elsewhere").rename(tmp_path / "policies")
        assert "pass (exit 0)" in watcher.until("verdict: ")
        watcher.until("gatekit: watching")
        assert watcher.stop() == 0


def test_a_project_that_is_removed_and_made_anew_is_judged_again(tmp_path: Path) -> None:
    project = workspace(tmp_path / "project")
    with watching(project) as watcher:
        watcher.until("gatekit: watching")
        shutil.rmtree(project)
        watcher.until("gatekit: watching")
        workspace(tmp_path / "elsewhere").rename(project)
        assert "pass (exit 0)" in watcher.until("verdict: ")
        watcher.until("gatekit: watching")
        assert watcher.stop() == 0


@pytest.mark.parametrize("arguments", [("--now", "yesterday"), ("--evidence", "nowhere"), ("--output", "jsn=x")])
def test_a_command_line_that_is_wrong_ends_at_once(tmp_path: Path, arguments: tuple[str, str]) -> None:
    assert gatekit("check", "--watch", *arguments, cwd=workspace(tmp_path)).returncode == 64
