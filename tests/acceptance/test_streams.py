"""Nobody listens on stderr: closed, on a full disk, or a pipe without a reader. What is done is done all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import builders
import pytest

GATEKIT = str(Path(sysconfig.get_path("scripts")) / "gatekit")
POLICY = "schema: gatekit.policy/1\nid: p\ngates:\n  g: {from: random_model, measure: r2, at_least: 0.5}\n"
LOST = ("closed", "full", "dead")
WORK = """
import sys
from gatekit.streams import guard_streams
guard_streams()
for number in range(2000):
    sys.stderr.write("progress " * 20 + "\\n")
    sys.stderr.flush()
    print("more", file=sys.stderr)
open(sys.argv[1], "w").write("done")
"""


@contextmanager
def lost(how: str) -> Iterator[dict[str, object]]:
    """What makes a child's stderr be lost."""
    if how == "closed":
        yield {"preexec_fn": lambda: os.close(2)}
    elif how == "full":
        with open("/dev/full", "w") as full:
            yield {"stderr": full}
    else:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            yield {"stderr": writer}
        finally:
            os.close(writer)


@pytest.mark.parametrize("how", LOST)
def test_work_that_reports_on_stderr_comes_to_its_end(tmp_path: Path, how: str) -> None:
    place = tmp_path / "out"
    with lost(how) as kept:
        done = subprocess.run([sys.executable, "-c", WORK, str(place)], **kept)  # type: ignore[call-overload]
    assert done.returncode == 0 and place.read_text() == "done"


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize(("values", "code"), [([0.8, 0.81, 0.82, 0.83, 0.84], 0), ([0.1, 0.11, 0.12, 0.1, 0.1], 2)])
def test_the_verdict_is_the_same(tmp_path: Path, how: str, values: list[float], code: int) -> None:
    builders.write(tmp_path / "evidence", {"a.json": builders.summary("random_model", {"r2": values})})
    (tmp_path / "p.yaml").write_text(POLICY)
    with lost(how) as kept:
        command = [GATEKIT, "check", "p.yaml", "evidence", "--now", builders.NOW]
        done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, **kept)  # type: ignore[call-overload]
    assert done.returncode == code and f"(exit {code})" in done.stdout


@pytest.mark.parametrize("how", LOST)
def test_an_error_that_nobody_can_read_keeps_its_code(tmp_path: Path, how: str) -> None:
    with lost(how) as kept:
        done = subprocess.run([GATEKIT, "check", "--policy", "absent.yaml"], cwd=tmp_path, **kept)  # type: ignore[call-overload]
    assert done.returncode == 64


def test_a_report_that_nobody_can_have_received_is_no_pass(tmp_path: Path) -> None:
    builders.write(
        tmp_path / "evidence", {"a.json": builders.summary("random_model", {"r2": [0.8, 0.81, 0.82, 0.83, 0.84]})}
    )
    (tmp_path / "p.yaml").write_text(POLICY)
    command = [GATEKIT, "check", "p.yaml", "evidence", "--now", builders.NOW]
    with open("/dev/full", "w") as full:
        assert subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.DEVNULL).returncode == 70
    closed = subprocess.run(command, cwd=tmp_path, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.close(1))
    assert closed.returncode == 70


def test_what_is_printed_on_a_closed_stdout_fails_when_it_is_flushed_and_nothing_does_not(tmp_path: Path) -> None:
    code = "import sys; from gatekit.streams import guard_streams; guard_streams(); print(*sys.argv[1:], end='')"
    for words in (["all of it"], []):
        command = [sys.executable, "-c", f"{code}; sys.stdout.flush()", *words]
        done = subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1))
        assert (done.returncode != 0, b"OSError: [Errno 9] stdout is closed" in done.stderr) == (bool(words),) * 2


def test_no_file_takes_the_place_of_a_closed_stdout(tmp_path: Path) -> None:
    code = (
        "import os; from gatekit.streams import guard_streams; guard_streams()\n"
        "file = open('summary', 'w')\n"
        "try: os.write(1, b'of a library')\n"
        "except OSError: file.write('whole')\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, preexec_fn=lambda: os.close(1))
    assert (tmp_path / "summary").read_text() == "whole"
