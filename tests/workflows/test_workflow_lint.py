"""Every workflow and action through the tools that know GitHub's rules, offline."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from acceptance.console_script import environment
from ruamel.yaml import YAML

REPO = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((REPO / ".github" / "workflows").glob("*.yml"))
ACTIONS = [REPO / "action.yml", REPO / "comment" / "action.yml"]
TOOLS = Path(sys.executable).parent


def tool(name: str, *arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(TOOLS / name), *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, env=environment(), input=stdin, capture_output=True, text=True, timeout=60)


def scripts(path: Path) -> list[tuple[str, str]]:
    """Name and text of every script of a workflow or an action."""
    document: dict[str, Any] = YAML(typ="safe").load(path)
    groups = [document["runs"]] if "runs" in document else document["jobs"].values()
    steps = [step for group in groups for step in group["steps"]]
    return [(str(step.get("name", step["run"])), step["run"]) for step in steps if "run" in step]


SCRIPTS = [(path, *script) for path in [*WORKFLOWS, *ACTIONS] for script in scripts(path)]


def test_there_are_the_workflows_that_the_documentation_names() -> None:
    assert [path.name for path in WORKFLOWS] == [
        "ci.yml",
        "comment.yml",
        "gate-reusable.yml",
        "gate.yml",
        "gpu-evidence.yml",
        "release.yml",
    ]


def test_zizmor_finds_nothing_even_as_a_pedant() -> None:
    done = tool("zizmor", "--offline", "--no-progress", "--persona", "pedantic", *WORKFLOWS, *ACTIONS)
    assert done.returncode == 0, done.stdout


def test_the_one_thing_that_zizmor_is_told_to_ignore_is_the_trigger_of_the_comment() -> None:
    ignored = [
        (path.name, line.strip())
        for path in [*WORKFLOWS, *ACTIONS]
        for line in path.read_text("utf-8").splitlines()
        if "zizmor:" in line
    ]
    assert ignored == [("comment.yml", "workflow_run: # zizmor: ignore[dangerous-triggers]")]


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.github-actions", ACTIONS),
    ],
)
def test_every_file_follows_githubs_schema(schema: str, paths: list[Path]) -> None:
    done = tool("check-jsonschema", "--builtin-schema", schema, *paths)
    assert done.returncode == 0, done.stdout


def test_yamllint_finds_nothing() -> None:
    done = tool("yamllint", "--strict", ".github", *ACTIONS)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("path", "name", "script"), SCRIPTS, ids=lambda value: getattr(value, "name", value)[:40])
def test_shellcheck_finds_nothing_in_any_script(path: Path, name: str, script: str) -> None:
    done = tool("shellcheck", "--shell=bash", "--enable=quote-safe-variables", "-", stdin=f"set -eo pipefail\n{script}")
    assert done.returncode == 0, done.stdout


def test_shellcheck_finds_nothing_in_the_installation() -> None:
    for name in ("install-gate.sh", "find-python.sh"):
        assert tool("shellcheck", REPO / "requirements" / name).returncode == 0


def test_shellcheck_would_find_a_variable_without_quotes() -> None:
    assert tool("shellcheck", "--shell=bash", "-", stdin="rm $1").returncode != 0


def test_the_tools_that_build_the_gate_are_those_that_it_is_tested_with() -> None:
    def pins(name: str) -> dict[str, str]:
        lines = (REPO / "requirements" / name).read_text("utf-8").replace("\\\n", "").splitlines()
        return {line.split("==")[0]: line.partition("    # via")[0].strip() for line in lines if line[:1].isalpha()}

    build, dev = pins("build.lock"), pins("dev.lock")
    assert set(build) == {"hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"}
    assert {name: dev.get(name) for name in build} == build
    assert all("--hash=sha256:" in line for line in build.values())
