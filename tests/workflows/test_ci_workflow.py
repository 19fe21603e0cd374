from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

REPO = Path(__file__).resolve().parents[2]
WORKFLOW = REPO / ".github" / "workflows" / "ci.yml"


def parse(text: str) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document


def violations(text: str) -> set[str]:
    """The rules that a workflow breaks, where the code of a pull request runs on a hosted machine."""
    document = parse(text)
    jobs: dict[str, dict[str, Any]] = document["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    uses = re.findall(r"^\s*(?:- )?uses: (.*)$", text, re.MULTILINE)
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    names = [job.get("name") for job in jobs.values()]
    rules = {
        "triggers": set(document["on"]) == {"pull_request", "merge_group", "push"}
        and document["on"]["push"] == {"branches": ["main"]}
        and document["on"]["pull_request"] is None,
        "no permission at the top": document.get("permissions") == {},
        "jobs only read": all(job.get("permissions") == {"contents": "read"} for job in jobs.values()),
        "actions pinned by commit": all(
            re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", u) for u in uses
        )
        and len(uses) == sum("uses" in step for step in steps),
        "no credentials left behind": all(
            step.get("with", {}).get("persist-credentials") is False for step in checkouts
        )
        and len(checkouts) == len(jobs),
        "time limit": all(isinstance(job.get("timeout-minutes"), int) for job in jobs.values()),
        "concurrency": "concurrency" in document,
        "unique job names": None not in names and len(set(names)) == len(names),
        "hosted machine": all(re.fullmatch(r"ubuntu-\d\d\.\d\d", str(job.get("runs-on"))) for job in jobs.values()),
        "no expression in a script": not any("${{" in step.get("run", "") for step in steps),
        "no way around a failure": not any(
            "if" in part or "continue-on-error" in part for part in [*jobs.values(), *steps]
        )
        and not any("||" in step.get("run", "") for step in steps),
        "no cache": "cache" not in text,
        "no secret and no host name": not re.search(r"secrets\.|://|\bgithub\.token\b", text),
        "lint and tests run": {"make lint", "make test"} <= {step.get("run", "").strip() for step in steps},
    }
    return {rule for rule, holds in rules.items() if not holds}


def test_the_workflow_keeps_every_rule() -> None:
    assert violations(WORKFLOW.read_text("utf-8")) == set()


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("triggers", replaced("  pull_request:", "  pull_request_target:")),
        ("triggers", replaced("  pull_request:\n", "  pull_request:\n    paths: [gatekit/**]\n")),
        ("triggers", replaced("  merge_group:\n    types: [checks_requested]\n", "")),
        ("triggers", replaced("branches: [main]", "branches: ['**']")),
        ("no permission at the top", replaced("permissions: {}", "permissions: read-all")),
        ("jobs only read", replaced("contents: read", "contents: write")),
        ("actions pinned by commit", replaced("3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "v7")),
        ("actions pinned by commit", replaced("3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "main # v7.0.1")),
        ("no credentials left behind", replaced("persist-credentials: false", "persist-credentials: true")),
        ("time limit", replaced("    timeout-minutes: 15\n", "")),
        ("concurrency", replaced("concurrency:", "x-concurrency:")),
        ("unique job names", replaced("name: ci / lint", "name: ci / test")),
        ("hosted machine", replaced("runs-on: ubuntu-24.04", "runs-on: [self-hosted, gpu]")),
        ("hosted machine", replaced("runs-on: ubuntu-24.04", "runs-on: ubuntu-latest")),
        ("no expression in a script", replaced("run: make test", "run: make test ${{ github.head_ref }}")),
        ("no way around a failure", replaced("run: make test", "run: make test || true")),
        ("no way around a failure", replaced("run: make test", "run: make test\n        continue-on-error: true")),
        ("no way around a failure", replaced("    name: ci / test", "    if: always()\n    name: ci / test")),
        ("no cache", replaced('python-version: "3.11"', 'python-version: "3.11"\n          cache: pip')),
        ("no secret and no host name", replaced("vars.TORCH_CPU_INDEX", "secrets.TORCH_CPU_INDEX")),
        ("lint and tests run", replaced("run: make test", "run: make help")),
    ],
)
def test_breaking_a_rule_is_noticed(rule: str, change: Callable[[str], str]) -> None:
    assert rule in violations(change(WORKFLOW.read_text("utf-8")))


@pytest.fixture
def recorded_make(tmp_path: Path) -> Callable[[str], tuple[int, list[str]]]:
    """Run .ci/run with a `make` that only writes down its targets and fails at the named one."""
    log = tmp_path / "targets"
    stub = tmp_path / "make"
    stub.write_text(
        f'#!/bin/sh\nfor target; do :; done\necho "$target" >> "{log}"\ntest "$target" != "$FAILING"\n',
        encoding="utf-8",
    )
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)

    def run(failing: str) -> tuple[int, list[str]]:
        environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "FAILING": failing}
        done = subprocess.run(["bash", REPO / ".ci" / "run"], env=environment, capture_output=True, cwd=tmp_path)
        return done.returncode, log.read_text("utf-8").split()

    return run


def test_the_ci_script_runs_lint_and_tests_as_the_workflow_does(
    recorded_make: Callable[[str], tuple[int, list[str]]],
) -> None:
    code, targets = recorded_make("none")
    assert code == 0
    assert {"lint", "test"} <= set(targets)
    # Last, so that the suite's own summary is the last line.
    assert targets[-1] == "test"


def test_the_ci_script_runs_the_tests_although_lint_failed(
    recorded_make: Callable[[str], tuple[int, list[str]]],
) -> None:
    code, targets = recorded_make("lint")
    assert code != 0
    assert "test" in targets


@pytest.mark.parametrize("failing", ["environments", "lint", "test-act-in-ci", "test"])
def test_the_ci_script_fails_when_any_of_its_targets_fails(
    failing: str, recorded_make: Callable[[str], tuple[int, list[str]]]
) -> None:
    code, _ = recorded_make(failing)
    assert code != 0


def test_every_test_that_needs_torch_lies_where_the_runners_environment_collects_it() -> None:
    marked = {path for path in (REPO / "tests").rglob("test_*.py") if "mark.runners" in path.read_text("utf-8")}
    marked.discard(Path(__file__).resolve())
    assert not [str(path) for path in marked if not path.is_relative_to(REPO / "tests" / "runners")]
