"""`import` and `select` read the same HUSAI files: one limit, in force to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.console_script import gatekit

from gatekit_husai.result_files import RESULT_LIMITS

ROOT = Path(__file__).parents[3]
CYCLE5 = ROOT / "tests" / "data" / "husai" / "cycle5_external_push_run_20260215T232351Z"
SWEEP = CYCLE5 / "assignment" / "run_20260216T001059Z_results.json"
COMMANDS = {
    "import": ("import", "husai", "results.json"),
    "select": ("select", "results.json", "--policy", str(ROOT / "examples" / "husai-legacy.yaml")),
}
READ = {"import": 0, "select": 3}
"""Exit codes of a sweep that was read: one file of it has too few rows a group to select from."""


def run(folder: Path, command: str, size: int) -> tuple[int, str]:
    """Run a command on a sweep that is padded to a size."""
    data = SWEEP.read_bytes()
    (folder / "results.json").write_bytes(data + b" " * (size - len(data)))
    done = gatekit(*COMMANDS[command], cwd=folder)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("size", [1_530_862, RESULT_LIMITS.size], ids=["the largest recorded", "the limit"])
def test_a_sweep_up_to_the_limit_is_read_by_both(tmp_path: Path, command: str, size: int) -> None:
    assert run(tmp_path, command, size)[0] == READ[command]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_byte_beyond_the_limit_is_refused_by_both(tmp_path: Path, command: str) -> None:
    code, told = run(tmp_path, command, RESULT_LIMITS.size + 1)
    assert code == 4
    assert "[json.size]" in told
    assert "results.json" in told
