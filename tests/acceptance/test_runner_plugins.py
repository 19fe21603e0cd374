"""Runners of other packages, good and broken, through both commands: `gatekit run` and `python -m runners`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from acceptance.console_script import SCRIPT, environment, random_model
from acceptance.plugins import package

Run = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = {"gatekit_run": [str(SCRIPT), "run"], "python_m_runners": [sys.executable, "-m", "runners"]}

NO_TORCH = "import sys\nsys.modules['torch'] = None\n"
"""Makes `import torch` fail wherever it is tried."""

GOOD = '''"""Runner `lab`: how long is a piece of string?"""
def main(argv):
    print("measured with", *argv)
    return 0
'''


@pytest.fixture(params=list(COMMANDS))
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Run one of the two commands where the packages below `site` are installed."""

    def go(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMANDS[request.param], *arguments],
            cwd=tmp_path,
            env=environment(PYTHONPATH=str(tmp_path / "site"), **changes),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return go


def install(tmp_path: Path, code: str, value: str = "labtool", runner: str = "lab", name: str = "labtool") -> None:
    package(tmp_path / "site", {name: code}, f"[gatekit.runners]\n{runner} = {value}\n", name=name)


def test_a_runner_of_another_package_that_needs_no_torch_runs_without_it(run: Run, tmp_path: Path) -> None:
    install(tmp_path, GOOD)
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_TORCH)
    done = run("lab", "--config", "a.yaml", "--help")
    assert (done.returncode, done.stdout, done.stderr) == (0, "measured with --config a.yaml --help\n", "")


BROKEN = {
    "import_fails": ("1 / 0\n", "labtool", 4, "cannot be imported: ZeroDivisionError: division by zero"),
    "import_exits": ("raise SystemExit(1)\n", "labtool", 4, "cannot be imported: SystemExit: 1"),
    "syntax": ("def main(:\n", "labtool", 4, "cannot be imported: SyntaxError: invalid syntax (labtool.py, line 1)"),
    "no_main": ("x = 1\n", "labtool", 4, "has no function `main`"),
    "main_is_no_function": ("main = 3\n", "labtool", 4, "has no function `main`"),
    "names_no_module": (GOOD, "labtool.missing", 4, "has no module 'labtool.missing'"),
    "names_no_attribute": (GOOD, "labtool:mian", 4, "has nothing called 'mian' in 'labtool'"),
    "names_nothing": (GOOD, "labtool:", 4, "has nothing called '' in 'labtool'"),
    "names_no_python_name": (GOOD, "lab tool!", 4, "has no module 'lab tool!'"),
    "lacks_a_package": ("import no_such_package\n", "labtool", 64, "needs no_such_package, which is not installed"),
}


@pytest.mark.parametrize(("code", "value", "exit_code", "said"), list(BROKEN.values()), ids=list(BROKEN))
def test_a_broken_runner_is_one_line_and_its_exit_code(
    run: Run, tmp_path: Path, code: str, value: str, exit_code: int, said: str
) -> None:
    install(tmp_path, code, value)
    done = run("lab", "--config", "a.yaml")
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert f"the runner 'lab' of labtool ({value}) {said}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("code", "value", "exit_code", "said"), list(BROKEN.values()), ids=list(BROKEN))
def test_a_list_shows_a_broken_runner_as_broken_and_goes_on(
    run: Run, tmp_path: Path, code: str, value: str, exit_code: int, said: str
) -> None:
    install(tmp_path, code, value)
    install(tmp_path, GOOD, "sound", "zebra", name="sound")
    done = run("--list")
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert (done.returncode, done.stderr) == (0, "")
    assert "broken: " in rows["lab"] and said in rows["lab"]
    assert rows["zebra"].split()[1] == "sound"
    assert "broken" not in rows["zebra"]


def test_a_list_names_package_and_title_and_imports_no_torch(run: Run, tmp_path: Path) -> None:
    install(tmp_path, GOOD)
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import atexit, sys\natexit.register(lambda: sys.stderr.write('torch' * ('torch' in sys.modules)))\n"
    )
    done = run("--list")
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in done.stdout.splitlines()}
    assert (done.returncode, done.stderr) == (0, "")
    assert rows["lab"] == ["labtool", "how long is a piece of string?"]
    assert rows["random_model"][0] == "gatekit-sae"
    assert rows["random_model"][1].startswith("do SAEs of different seeds agree more")


def test_a_runner_that_two_packages_register_is_refused_and_listed_as_broken(run: Run, tmp_path: Path) -> None:
    install(tmp_path, GOOD)
    install(tmp_path, GOOD, "other", name="other")
    done = run("lab")
    assert done.returncode == 4
    assert "several packages register the runner 'lab': labtool, other; uninstall all but one" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "labtool, other  broken: several packages" in run("--list").stdout


def test_a_package_cannot_take_over_a_runner_of_ours(run: Run, tmp_path: Path) -> None:
    install(tmp_path, GOOD, runner="random_model")
    done = run("random_model", "--config", "a.yaml")
    assert (done.returncode, done.stdout) == (4, "")
    assert "several packages register the runner 'random_model': gatekit-sae, labtool" in done.stderr


def test_metadata_that_cannot_be_read_names_the_package(run: Run, tmp_path: Path) -> None:
    install(tmp_path, GOOD)
    (tmp_path / "site" / "labtool-1.0.dist-info" / "entry_points.txt").write_text("[gatekit.runners]\nno equals sign\n")
    for arguments in (["lab"], ["--list"]):
        done = run(*arguments)
        assert done.returncode == 4
        assert "the entry points of labtool cannot be read" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_kind_that_nobody_defines_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "made.json").write_text(json.dumps({**random_model(), "kind": "my_measurement"}))
    code = "import json\nfrom gatekit.evidence import write_summary\n"
    code += "def main(argv):\n    write_summary(json.load(open('made.json')), 'x.json')\n    return 0\n"
    install(tmp_path, code)
    done = run("lab")
    assert done.returncode == 4
    assert "my_measurement" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize(
    ("body", "exit_code", "said"),
    [
        ("return {}['x']", 70, "failed: KeyError: 'x'"),
        ("return None", 70, "ended with None, which is no exit code of gatekit"),
        ("return 1", 70, "ended with 1, which is no exit code of gatekit"),
        ("return True", 70, "ended with True, which is no exit code of gatekit"),
        ("raise SystemExit('bad weather')", 70, "ended with 'bad weather', which is no exit code of gatekit"),
        ("raise SystemExit(1)", 70, "ended with 1, which is no exit code of gatekit"),
        ("import no_such_package", 64, "needs no_such_package, which is not installed"),
    ],
)
def test_a_runner_that_breaks_is_one_line_and_never_exits_1(
    run: Run, tmp_path: Path, body: str, exit_code: int, said: str
) -> None:
    install(tmp_path, f"def main(argv):\n    {body}\n")
    done = run("lab")
    assert done.returncode == exit_code
    assert f"the runner 'lab' of labtool (labtool) {said}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("code", [0, 2, 3, 4, 5, 64, 70, 130, 143])
def test_the_runners_exit_code_is_the_commands(run: Run, tmp_path: Path, code: int) -> None:
    install(tmp_path, f"def main(argv):\n    return {code}\n")
    assert run("lab").returncode == code


def test_a_traceback_is_shown_to_who_asks_for_it(run: Run, tmp_path: Path) -> None:
    install(tmp_path, "def main(argv):\n    return {}['x']\n")
    assert "Traceback" in run("lab", GATEKIT_TRACEBACK="1").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no runner is named"),
        (["labb"], "no runner 'labb'; did you mean 'lab'?"),
        (["--list", "lab"], "--list names all runners; 'lab' is one too many"),
    ],
)
def test_a_wrong_command_line_exits_64_with_one_line(run: Run, tmp_path: Path, arguments: list[str], said: str) -> None:
    install(tmp_path, GOOD)
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_help_of_a_runner_of_ours_needs_no_torch(run: Run, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_TORCH)
    done = run("random_model", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--config" in done.stdout


def test_a_runner_of_ours_that_lacks_its_arguments_says_so_in_one_line(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    for arguments in ([], ["--out", "evidence"], ["--config"], ["--bad"]):
        done = run("random_model", *arguments)
        assert (done.returncode, done.stdout) == (64, "")
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "evidence").exists()
