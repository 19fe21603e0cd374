from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from acceptance.console_script import BLOCKED, POLICY, gatekit, workspace
from ruamel.yaml import YAML

FILE = Path(__file__).resolve().parents[2] / ".pre-commit-hooks.yaml"
HOOKS: dict[str, dict[str, Any]] = {hook["id"]: hook for hook in YAML(typ="safe").load(FILE)}


def run(name: str, cwd: Path) -> int:
    """The exit code of a hook's entry, as pre-commit runs it: in the repository, without file names."""
    program, *arguments = shlex.split(HOOKS[name]["entry"])
    assert program == "gatekit"
    return gatekit(*arguments, *HOOKS[name].get("args", []), cwd=cwd).returncode


def test_there_are_two_hooks_and_both_get_no_file_names() -> None:
    assert set(HOOKS) == {"gatekit-lint", "gatekit-check"}
    for hook in HOOKS.values():
        assert (hook["language"], hook["pass_filenames"], hook["require_serial"]) == ("python", False, True)
        assert {"name", "description", "stages", "files"} <= set(hook)


def test_a_sound_policy_passes_the_lint_hook_without_evidence(tmp_path: Path) -> None:
    assert run("gatekit-lint", workspace(tmp_path / "w", evidence={})) == 0


def test_a_misspelt_key_fails_the_lint_hook(tmp_path: Path) -> None:
    assert run("gatekit-lint", workspace(tmp_path / "w", policy=POLICY.replace("at_least", "atleast", 1))) == 4


@pytest.mark.parametrize(("evidence", "code"), [(BLOCKED, {2, 3}), ({}, {3})], ids=["blocked", "nothing measured"])
def test_evidence_that_does_not_carry_the_policy_fails_the_check_hook(
    tmp_path: Path, evidence: dict[str, Any], code: set[int]
) -> None:
    assert run("gatekit-check", workspace(tmp_path / "w", evidence=evidence)) in code


@pytest.mark.parametrize(
    ("name", "path", "wanted"),
    [
        ("gatekit-lint", "policies/release.yaml", True),
        ("gatekit-lint", "policies/sub/a.yml", True),
        ("gatekit-lint", "docs/policies/a.yaml", False),
        ("gatekit-lint", "evidence/a.json", False),
        ("gatekit-check", "evidence/a/b.json", True),
        ("gatekit-check", "policies/a.yaml", True),
        ("gatekit-check", "README.md", False),
    ],
)
def test_a_hook_runs_for_the_files_that_it_judges(name: str, path: str, wanted: bool) -> None:
    assert bool(re.search(HOOKS[name]["files"], path)) is wanted


def test_the_slower_hook_waits_for_the_push() -> None:
    assert "pre-commit" in HOOKS["gatekit-lint"]["stages"]
    assert "pre-commit" not in HOOKS["gatekit-check"]["stages"]
