"""Where `gatekit check` writes, and what becomes of the exit code when nobody can read it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import builders
import pytest
from acceptance.console_script import (
    BLOCKED,
    SCRIPT,
    check,
    environment,
    gatekit,
    random_model,
    sitecustomize,
    workspace,
)

FORMATS = ("terminal", "markdown", "json", "junit", "sarif", "html")


def test_every_format_is_written_whole_beside_the_report_and_changes_no_exit_code(tmp_path: Path) -> None:
    workspace(tmp_path, evidence=BLOCKED)
    outputs = [part for name in FORMATS for part in ("--output", f"{name}=verdict.{name}")]
    done = check(*outputs, cwd=tmp_path)
    assert done.returncode == 2
    assert "verdict: blocked (exit 2)" in done.stdout
    document = json.loads((tmp_path / "verdict.json").read_text())
    assert (document["verdict"], document["exit_code"]) == ("blocked", 2)
    for name in FORMATS:
        assert (tmp_path / f"verdict.{name}").read_bytes().endswith(b"\n")
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".gatekit-")]


def test_a_format_sent_to_stdout_takes_the_place_of_the_report(tmp_path: Path) -> None:
    done = check("--output", "json=-", cwd=workspace(tmp_path))
    assert done.returncode == 0
    assert json.loads(done.stdout)["verdict"] == "pass"


def test_an_older_output_stays_as_it_was_when_another_cannot_be_written(tmp_path: Path) -> None:
    workspace(tmp_path)
    (tmp_path / "verdict.json").mkdir()
    (tmp_path / "verdict.md").write_text("old")
    done = check("--output", "json=verdict.json", "--output", "markdown=verdict.md", cwd=tmp_path)
    assert done.returncode == 64
    assert (tmp_path / "verdict.md").read_text() == "old"


def test_an_output_that_is_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    workspace(tmp_path)
    (tmp_path / "target").write_text("mine")
    (tmp_path / "verdict.json").symlink_to("target")
    assert check("--output", "json=verdict.json", cwd=tmp_path).returncode == 64
    assert (tmp_path / "target").read_text() == "mine"


def test_a_file_named_like_an_option_is_written_and_read(tmp_path: Path) -> None:
    workspace(tmp_path, evidence={"-rf.json": random_model()})
    assert check("--output", "json=-rf.json", cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path / "-rf.json").read_text())["verdict"] == "pass"
    (tmp_path / "evidence" / "-rf.json").replace(tmp_path / "-rf.json")
    assert check("--", "-rf.json", cwd=tmp_path).returncode == 0


def test_a_path_with_a_newline_cannot_forge_a_line_of_the_report(tmp_path: Path) -> None:
    workspace(tmp_path, evidence={"a\nverdict: pass (exit 0).json": {"not": "a summary"}})
    done = check(cwd=tmp_path)
    assert done.returncode == 4
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("verdict:")] == [lines[-1]]
    assert "refused" in lines[-1]


def test_a_missing_path_with_escapes_cannot_steer_the_terminal(tmp_path: Path) -> None:
    done = check("--evidence", "x\x1b[2Jy\n::error::z", cwd=workspace(tmp_path))
    assert done.returncode == 64
    assert "\x1b" not in done.stderr
    assert not [line for line in done.stderr.splitlines() if line.startswith("::")]


def test_a_file_name_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    workspace(tmp_path)
    with open(os.fsencode(tmp_path / "evidence") + b"/\xff.json", "wb") as file:
        file.write(b"{")
    done = check("--output", "json=v.json", "--output", "junit=v.xml", "--output", "markdown=v.md", cwd=tmp_path)
    assert done.returncode == 4
    assert json.loads((tmp_path / "v.json").read_text("utf-8"))["verdict"] == "refused"


def test_two_policies_are_both_reported_and_the_worse_one_decides(tmp_path: Path) -> None:
    workspace(tmp_path)
    (tmp_path / "policies" / "strict.yaml").write_text(
        "schema: gatekit.policy/1\nid: strict\ngates:\n  r2: {from: random_model, measure: r2, at_least: 0.99}\n"
    )
    done = check(cwd=tmp_path)
    assert done.returncode == 2
    assert "policy small" in done.stdout
    assert "policy strict" in done.stdout
    assert "strict/r2 fails" in done.stdout


def test_two_policies_of_one_id_are_refused(tmp_path: Path) -> None:
    workspace(tmp_path)
    (tmp_path / "policies" / "twin.yaml").write_text((tmp_path / "policies" / "small.yaml").read_text())
    assert check(cwd=tmp_path).returncode == 4


def test_the_same_inputs_give_the_same_bytes_in_every_format(tmp_path: Path) -> None:
    workspace(tmp_path, evidence=BLOCKED)
    written = []
    for run in ("one", "two"):
        outputs = [part for name in FORMATS for part in ("--output", f"{name}={run}.{name}")]
        check(*outputs, cwd=tmp_path, env={"PYTHONHASHSEED": "1" if run == "one" else "2"})
        written.append([(tmp_path / f"{run}.{name}").read_bytes() for name in FORMATS])
    assert written[0] == written[1]


def shell(command: str, cwd: Path) -> int:
    return subprocess.run(
        ["bash", "-c", command, "bash", str(SCRIPT), builders.NOW],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    ).returncode


@pytest.mark.parametrize("redirection", [">&-", ">&- 2>&-", ">/dev/full", "<&- >&-"])
def test_a_report_that_cannot_be_written_is_never_a_pass(tmp_path: Path, redirection: str) -> None:
    assert shell(f'"$1" check --now "$2" {redirection}', workspace(tmp_path)) == 70


@pytest.mark.parametrize("arguments", [["check", "--now", builders.NOW], ["schema", "policy"], ["--help"]])
def test_a_full_disk_under_stdout_is_said_to_be_that(tmp_path: Path, arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = gatekit(*arguments, cwd=workspace(tmp_path), stdout=full)
    assert (done.returncode, done.stderr) == (70, "gatekit: the output could not be written: No space left on device\n")


@pytest.mark.parametrize("looks", [{"TERM": "xterm"}, {"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_a_terminal_gets_colours_unless_it_or_its_user_wants_none(tmp_path: Path, looks: dict[str, str]) -> None:

    workspace(tmp_path)
    for arguments, said in ((["check", "--now", builders.NOW], b"verdict: pass"), (["lint", "--help"], b"Usage")):
        shown = on_a_terminal(*arguments, cwd=tmp_path, env=looks)
        assert said in shown
        assert (b"\x1b[" in shown) == (looks == {"TERM": "xterm"})


def on_a_terminal(*arguments: str, cwd: Path, env: dict[str, str]) -> bytes:
    """What the command writes when stdout is a terminal."""
    ours, theirs = pty.openpty()
    try:
        gatekit(*arguments, cwd=cwd, stdout=theirs, env=env)
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux ends a terminal whose other side is closed with an error
            while piece := os.read(ours, 65536):
                shown += piece
    finally:
        os.close(ours)
    return shown


@pytest.mark.parametrize("redirection", ["2>&-", "<&-", "2>/dev/full"])
def test_a_closed_stderr_or_stdin_changes_no_exit_code(tmp_path: Path, redirection: str) -> None:
    workspace(tmp_path, evidence=BLOCKED)
    assert shell(f'"$1" check --now "$2" {redirection}', tmp_path) == 2
    assert shell(f'"$1" check --polcy {redirection}', tmp_path) == 64
    assert shell(f'"$1" {redirection}', tmp_path) == 64


def test_a_pipe_whose_reader_is_gone_is_never_a_pass(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = check(cwd=workspace(tmp_path), stdout=writer)
    finally:
        os.close(writer)
    assert done.returncode == 70
    assert "Traceback" not in done.stderr


def test_output_written_to_files_does_not_excuse_a_closed_stdout(tmp_path: Path) -> None:
    workspace(tmp_path)
    assert shell('"$1" check --now "$2" --output json=verdict.json >&-', tmp_path) == 70


WAIT = """
import pathlib, sys, time
import gatekit.gates.evaluate
def wait(*arguments, **options):
    pathlib.Path("ready").touch()
    time.sleep(60)
gatekit.gates.evaluate.evaluate = wait
"""


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_check_that_is_stopped_by_a_signal_says_so_and_never_passes(
    tmp_path: Path, number: signal.Signals, expected: int
) -> None:
    workspace(tmp_path / "work")
    process = subprocess.Popen(
        [str(SCRIPT), "check", "--now", builders.NOW, "--output", "json=verdict.json"],
        cwd=tmp_path / "work",
        env=environment(**sitecustomize(tmp_path / "site", WAIT)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell starts what runs in its background with SIGINT ignored, and that is inherited.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        for _ in range(3000):
            if (tmp_path / "work" / "ready").exists() or process.poll() is not None:
                break
            time.sleep(0.01)
        process.send_signal(number)
        process.wait(timeout=30)
    assert process.returncode == expected
    assert not (tmp_path / "work" / "verdict.json").exists()


def test_colour_appears_only_where_it_is_wanted(tmp_path: Path) -> None:
    assert "\x1b" not in check(cwd=workspace(tmp_path)).stdout
