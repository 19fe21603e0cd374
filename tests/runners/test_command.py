from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runners.__main__ import main
from runners.progress import showing

pytestmark = pytest.mark.runners

ROOT = Path(__file__).resolve().parents[2]


def test_every_runner_that_the_project_registers_is_listed_and_has_a_title(capsys):
    import tomllib

    registered = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["gatekit.runners"]
    assert main(["--list"]) == 0
    rows = {line.split()[0]: line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()}
    assert set(registered) <= set(rows)
    assert [name for name in registered if "broken" in rows[name][2] or len(rows[name][2]) < 20] == []


def test_an_installation_without_the_project_file_has_the_same_runners(monkeypatch, tmp_path):
    from gatekit import plugins

    in_checkout = plugins.built_in("gatekit.runners")
    monkeypatch.setattr(plugins, "_PROJECT", tmp_path / "pyproject.toml")
    assert plugins.built_in("gatekit.runners") == in_checkout


def test_another_projects_file_beside_the_package_is_not_ours(monkeypatch, tmp_path):
    from gatekit import plugins

    in_checkout = plugins.built_in("gatekit.runners")
    other = '[project]\nname = "other"\n[project.entry-points."gatekit.runners"]\nmine = "x"\n'
    (tmp_path / "pyproject.toml").write_text(other)
    monkeypatch.setattr(plugins, "_PROJECT", tmp_path / "pyproject.toml")
    assert plugins.built_in("gatekit.runners") == in_checkout


def test_cuda_where_there_is_none_is_a_wrong_command_line_and_leaves_no_summary(capfd, monkeypatch, tmp_path):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["random_model", "--smoke", "--device", "cuda", "--out", str(tmp_path / "out")]) == 64
    error = capfd.readouterr().err
    assert error == "--device cuda: there is no CUDA device here; leave --device out, or give --device cpu [usage]\n"
    assert list(tmp_path.rglob("*.json")) == []


def test_a_runner_of_a_kind_that_nobody_defines_is_refused_before_it_measures(capfd, tmp_path):
    import dataclasses

    from runners.stage.lifecycle import run_stage
    from runners.stages.random_model import STAGE

    def measure(*_):
        raise AssertionError("measured")

    stage = dataclasses.replace(STAGE, kind="random_modle", measure=measure)
    assert run_stage(stage, ["--smoke", "--out", str(tmp_path / "out")]) == 4
    error = capfd.readouterr().err
    assert error.startswith("nobody defines 'random_modle', the kind of this runner's summaries; did you mean")
    assert len(error.splitlines()) == 1
    assert list(tmp_path.rglob("*")) == []


def test_importing_a_runner_loads_no_torch():
    code = "import sys, runners.stages.random_model.plan; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_runners_import_nothing_of_gatekit_but_errors_exit_codes_evidence_and_kinds():
    import ast

    allowed = {"gatekit.evidence.dataset_families", "gatekit.errors", "gatekit.exit_codes"}
    # One formula for what a file of code or a model is called, and for what a run says of itself, wherever it is named.
    shared = {
        ("circuit_tracer.py", "gatekit.evidence.strict_yaml"),
        ("described.py", "gatekit.evidence.strict_yaml"),
        ("code_digest.py", "gatekit.evidence.source_digest"),
        ("code_digest.py", "gatekit.evidence.committed"),
        ("whole_files.py", "gatekit.evidence.left_behind"),
        # Where entries of the cache are, which `gatekit cache` reads too.
        ("object_cache.py", "gatekit.evidence.object_store"),
        ("language_model.py", "gatekit.evidence.model_digest"),
        ("model_files.py", "gatekit.evidence.model_digest"),
        ("model_files.py", "gatekit.evidence.strict_json"),
        ("provenance.py", "gatekit.evidence"),
        ("provenance.py", "gatekit.evidence.provenance"),
        # Before a measurement: which models a request may name.
        ("request.py", "gatekit.evidence.model_digest"),
        ("starter.py", "gatekit.evidence.model_digest"),
        ("request.py", "gatekit.evidence.strict_json"),
        ("provenance.py", "gatekit.evidence.source_digest"),
    }
    for path in sorted((ROOT / "runners").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if path.name == "__main__.py" and name == "gatekit.runner_command":
                    continue  # `python -m runners` is `gatekit run`, by the same code
                if name.split(".")[0] == "gatekit" and name not in allowed and (path.name, name) not in shared:
                    assert name.startswith(("gatekit.evidence", "gatekit.kinds")), (path, name)
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


def test_what_is_printed_for_nobody_is_no_success_and_says_so_in_a_line():
    command = [sys.executable, "-m", "runners", "--list"]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (70, "the output could not be written: stdout is closed\n")


@pytest.mark.parametrize("command", [["-m", "runners"], ["-m", "gatekit", "run"]])
def test_a_run_prints_nothing_and_needs_no_stdout(command, tmp_path):
    given = ["known_circuit", "--smoke", "--device", "cpu", "--out", "out", "--cache", "cache"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *command, *given],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.close(1),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].startswith("known_circuit: wrote ")
    assert (tmp_path / "out" / "known_circuit.json").exists()
