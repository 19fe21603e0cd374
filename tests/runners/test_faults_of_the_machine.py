"""The clock goes back, the disk is full, a library names a folder: one line, a code, and no folder in the summary."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
from datetime import datetime, timedelta
from typing import Any

import builders
import pytest

from runners import __main__ as command
from runners.stage import lifecycle
from runners.stages.random_model import STAGE
from runners.summary_writing import RunResult

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]


def ran(tmp_path, measure) -> tuple[int, dict[str, Any]]:
    """Run the stage with another way of measuring; return exit code and summary."""
    stage = dataclasses.replace(STAGE, measure=measure)
    code = lifecycle.run_stage(stage, ["--smoke", "--device", "cpu", "--out", str(tmp_path / "out")])
    return code, json.loads((tmp_path / "out/random_model.json").read_text())


def measured(*_: Any) -> RunResult:
    document = builders.summary("random_model", {"r2": [0.8, 0.81, 0.82, 0.83, 0.84]})
    return RunResult(document["subject"], document["protocol"], document["measurements"], [])


def test_a_clock_that_goes_back_costs_no_measurement(tmp_path, monkeypatch):
    clock = iter(["2026-03-01T12:00:00Z"] + ["2026-03-01T11:00:00Z"] * 9)
    for module in ("runners.stage.lifecycle", "gatekit.evidence.provenance"):
        monkeypatch.setattr(f"{module}.utc_now", lambda: next(clock))
    code, summary = ran(tmp_path, measured)
    assert (code, summary["status"]) == (0, "ok")
    started, finished = (datetime.fromisoformat(summary["producer"][name]) for name in ("started", "finished"))
    assert summary["producer"]["finished"] == "2026-03-01T11:00:00Z"
    assert timedelta(0) <= finished - started < timedelta(minutes=10)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/mnt/lab7/artifacts/seed_0.safetensors"),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_one_line_and_no_traceback(tmp_path, capfd, error):
    def full(*_: Any) -> RunResult:
        raise error

    code, summary = ran(tmp_path, full)
    said = capfd.readouterr().err.splitlines()
    assert code == 70 and summary["status"] == "failed"
    assert len(said) == 1 and "make room, and run again" in said[0]
    assert "/mnt" not in json.dumps(summary)


@pytest.mark.parametrize(
    ("number", "remedy", "code"),
    [
        (errno.EIO, "the disk failed;", 70),
        # What no other attempt would change is refused, so that a cycle makes none.
        (errno.EROFS, "give folders that can be written (--cache,", 4),
        (errno.EACCES, "give folders that can be written (--cache,", 4),
        (errno.ENOTDIR, "give folders that can be written (--cache,", 4),
    ],
)
def test_room_is_asked_for_only_where_it_helps(tmp_path, capfd, number, remedy, code):
    def broken(*_: Any) -> RunResult:
        raise OSError(number, os.strerror(number), "/mnt/cache/activations")

    assert ran(tmp_path, broken)[0] == code
    said = capfd.readouterr().err.splitlines()
    assert len(said) == (2 if code == 4 else 1)
    # What may not be used may have been read.
    doing = "writing " if code == 70 else ""
    assert re.search(f"{os.strerror(number)} \\({doing}activations\\)[:;] {re.escape(remedy)}", said[0])
    assert "make room" not in said[0]


def test_no_reason_names_a_folder_of_the_machine(tmp_path):
    def broken(*_: Any) -> RunResult:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "/home/ada/models/config.json")

    code, summary = ran(tmp_path, broken)
    assert code == 70 and "config.json" in summary["reason"] and "/home" not in json.dumps(summary)


def test_a_file_that_is_taken_away_while_it_is_read_is_one_line_and_may_be_put_back(tmp_path, capfd):
    def gone(*_: Any) -> RunResult:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(tmp_path / "texts.jsonl"))

    code, _ = ran(tmp_path, gone)
    (said,) = capfd.readouterr().err.splitlines()
    assert code == 70  # a cycle then tries once more, and is refused at its place where the file stays away
    assert "No such file or directory (texts.jsonl): put back what was taken away meanwhile, and run again; " in said


@pytest.mark.parametrize(
    ("error", "code"),
    [(ValueError("x"), 70), (MemoryError(), 70), (SystemExit(1), 70), (SystemExit(2), 64), (SystemExit(0), 0)],
)
def test_python_s_own_1_is_never_the_exit_code(monkeypatch, capsys, error, code):
    def broken(_: Any) -> int:
        raise error

    monkeypatch.setattr(command, "_main", broken)
    assert command.main(["random_model"]) == code
    assert len(capsys.readouterr().err.splitlines()) <= 1


def test_a_package_that_a_library_asks_for_is_one_line_and_no_traceback(tmp_path, capfd):
    def quantised(*_: Any) -> RunResult:
        raise ImportError("Using `bitsandbytes` 8-bit quantization requires bitsandbytes: `pip install -U it`\nmore")

    code, summary = ran(tmp_path, quantised)
    said = capfd.readouterr().err.splitlines()
    assert code == 4 and summary["status"] == "failed"
    assert "requires bitsandbytes" in summary["reason"]
    assert not any("Traceback" in line for line in said)
    assert any(
        line.startswith("Using `bitsandbytes` 8-bit quantization requires bitsandbytes") and "install it beside" in line
        for line in said
    )


def test_an_import_that_fails_in_our_own_code_is_a_fault_of_ours(tmp_path, capfd):
    def broken(*_: Any) -> RunResult:
        from runners.stages import no_such_stage

        return no_such_stage

    code, _ = ran(tmp_path, broken)
    assert code == 70
    assert "Traceback" in capfd.readouterr().err
