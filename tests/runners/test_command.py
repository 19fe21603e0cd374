from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runners.__main__ import BUILT_IN, known_runners, main
from runners.progress import showing

pytestmark = pytest.mark.runners

ROOT = Path(__file__).resolve().parents[2]


def test_the_runners_that_are_registered_are_listed(capsys):
    assert main(["--list"]) == 0
    assert set(BUILT_IN) <= set(capsys.readouterr().out.split())


def test_entry_points_of_the_project_and_the_built_in_list_agree():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {name: known_runners()[name] for name in BUILT_IN} == BUILT_IN
    assert project["entry-points"]["gatekit.runners"] == BUILT_IN


def test_an_unknown_runner_exits_64_with_the_nearest_name(capsys):
    assert main(["random_modle"]) == 64
    assert "random_model" in capsys.readouterr().err


def test_importing_a_runner_loads_no_torch():
    code = "import sys, runners.stages.random_model; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_runners_import_nothing_of_gatekit_but_errors_exit_codes_and_evidence():
    import ast

    allowed = {"gatekit.errors", "gatekit.exit_codes"}
    for path in sorted((ROOT / "runners").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name.split(".")[0] == "gatekit" and name not in allowed:
                    assert name.startswith("gatekit.evidence"), (path, name)
                    assert path.name == "summary_writing.py", (path, name)


def test_progress_in_a_log_is_plain_lines_with_rate_and_time_left(tmp_path):
    log = tmp_path / "log"
    with log.open("w") as stream, showing("training", 100, "tokens", stream) as progress:
        progress.advance(40)
        progress.advance(60)
    first, last = log.read_text().splitlines()
    assert first == "training: 100 tokens"
    assert last.startswith("training: 100 of 100 tokens, ")
    assert "tokens/s" in last
    assert last.endswith("0 s left")
