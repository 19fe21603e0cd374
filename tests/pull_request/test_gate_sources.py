"""Where the gate runs from the repository's own source, its code and what it is installed from judge; elsewhere not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from repositories import Content

from gatekit.exit_codes import ExitCode
from tests.pull_request.change import judged

GATE: Mapping[str, Content] = {"gatekit/__init__.py": "", "gatekit/gates/evaluate.py": "def evaluate(): ...\n"}
NAMED: Mapping[str, Content] = {"pyproject.toml": '[project]\nname = "Gatekit_SAE"\n'}
USED: Mapping[str, Content] = {".github/workflows/gate.yml": "jobs:\n  a:\n    steps:\n      - uses: ./\n"}
FOLDER: Mapping[str, Content] = {
    ".github/workflows/gate.yml": "jobs:\n  a:\n    steps:\n      - uses: './tools/gate'\n"
}
OWN = [
    "gatekit/gates/evaluate.py",
    "gatekit/new.py",
    "gatekit_husai/mode.py",
    "src/gatekit/gates/evaluate.py",
    "pyproject.toml",
    "setup.py",
    "uv.lock",
    "poetry.lock",
    "pylock.toml",
    "requirements/dev.lock",
    "requirements/lock.sh",
    "requirements.txt",
]


@pytest.mark.parametrize("path", OWN)
@pytest.mark.parametrize("base", [GATE, NAMED, USED], ids=["package", "name", "action"])
def test_a_change_of_the_gate_that_runs_from_source_needs_approval(
    tmp_path: Path, base: Mapping[str, Content], path: str
) -> None:
    verdict = judged(tmp_path, {path: "changed\n"}, base=base)
    assert (verdict.code, [change.path for change in verdict.trust]) == (ExitCode.APPROVAL_NEEDED, [path])


@pytest.mark.parametrize("path", ["uv.lock", "pyproject.toml", "setup.py", "requirements.txt", "mygatekit/x.py"])
def test_the_same_files_judge_nothing_where_the_gate_is_installed_from_elsewhere(tmp_path: Path, path: str) -> None:
    base: dict[str, Content] = {".github/workflows/gate.yml": "steps:\n  - uses: octo/gatekit@0123\n"}
    assert judged(tmp_path, {path: "changed\n"}, base=base).code is ExitCode.PASS


@pytest.mark.parametrize("path", ["docs/notes.md", "runners/other.py", "tests/gatekit/x.py"])
def test_other_files_of_such_a_repository_need_no_approval(tmp_path: Path, path: str) -> None:
    assert judged(tmp_path, {path: "More.\n"}, base=GATE).code is ExitCode.PASS


def test_deleting_the_gate_needs_approval_although_the_change_has_none(tmp_path: Path) -> None:
    assert judged(tmp_path, dict.fromkeys(GATE), base=GATE).code is ExitCode.APPROVAL_NEEDED


def test_a_folder_that_a_workflow_uses_as_an_action_judges_whole(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {"tools/gate/run.js": "x\n", "tools/other.js": "x\n"}, base=FOLDER)
    assert [change.path for change in verdict.trust] == ["tools/gate/run.js"]
