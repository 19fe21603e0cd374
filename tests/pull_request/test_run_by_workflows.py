"""What the jobs that judge run of the repository's own files is part of what judges; what other jobs run is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from repositories import Content, Executable

from gatekit.exit_codes import ExitCode
from gatekit.pull_request import run_by_workflows
from tests.pull_request.change import judged

GATE = "gatekit pr\n"


def workflow(*steps: str, top: str = "", other: str = "true") -> dict[str, Content]:
    """A workflow whose job `gate` has these steps, beside a job that runs something else."""
    listed = "".join(f"      - {step}\n" for step in steps)
    job = f"  lint:\n    runs-on: x\n    steps:\n      - run: {other}\n"
    text = f"name: gate\non: pull_request\n{top}jobs:\n{job}  gate:\n    runs-on: x\n    steps:\n{listed}"
    return {".github/workflows/gate.yml": text}


def needing(folder: Path, base: Mapping[str, Content], *paths: str) -> list[str]:
    """Which of these files need approval when they are changed, or added."""
    verdict = judged(folder, dict.fromkeys(paths, "changed\n"), base=base)
    assert (verdict.code is ExitCode.PASS) == (not verdict.trust)
    return [change.path for change in verdict.trust]


SCRIPTS: dict[str, tuple[dict[str, Content], str]] = {
    "by its path": (workflow("run: ./ci/gate.sh"), "ci/gate.sh"),
    "by a shell": (workflow("run: bash -e ci/gate.sh"), "ci/gate.sh"),
    "in the workspace": (workflow('run: bash "$GITHUB_WORKSPACE/ci/gate.sh"'), "ci/gate.sh"),
    "by an expression": (workflow("run: bash ${{ github.workspace }}/ci/gate.sh"), "ci/gate.sh"),
    "in a folder": (workflow("run: ./gate.sh\n        working-directory: ci"), "ci/gate.sh"),
    "after cd": (workflow("run: cd ci && ./gate.sh"), "ci/gate.sh"),
    "of a checkout": (
        workflow("uses: octo/checkout@1\n        with:\n          path: it", "run: it/ci/gate.sh"),
        "ci/gate.sh",
    ),
    "in Python": (workflow("run: python ci/gate.py"), "ci/gate.py"),
    "an action": (workflow("uses: ./ci"), "ci/gate.sh"),
    "an action in a list": (workflow('{name: x, "uses": "./ci"}'), "ci/gate.sh"),
}


@pytest.mark.parametrize(("base", "script"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_that_the_gates_job_runs_needs_approval_and_one_beside_it_does_not(
    tmp_path: Path, base: dict[str, Content], script: str
) -> None:
    files: dict[str, Content] = {script: Executable(GATE), "tools/other.sh": Executable("true\n")}
    if "uses: ./ci" in str(base) or "./ci" in str(base):
        files["ci/action.yml"] = "runs: {using: composite, steps: []}\n" if script == "ci/gate.sh" else ""
    assert needing(tmp_path, {**base, **files}, script, "tools/other.sh") == [script]


def test_what_a_script_calls_or_imports_is_followed(tmp_path: Path) -> None:
    base: dict[str, Content] = {
        **workflow("run: ci/gate.sh"),
        "ci/gate.sh": Executable(". ci/install.sh\npython ci/judge.py\n"),
        "ci/install.sh": "pip install -r ci/gate.txt\n",
        "ci/gate.txt": "gatekit-sae==0.1.0\n",
        "ci/judge.py": "import helping\nsubprocess.run(['gatekit', 'pr'])\n",
        "ci/helping.py": "",
        "ci/unused.py": "",
    }
    assert needing(tmp_path, base, *sorted(base.keys() - {".github/workflows/gate.yml"})) == [
        "ci/gate.sh",
        "ci/gate.txt",
        "ci/helping.py",
        "ci/install.sh",
        "ci/judge.py",
    ]


def test_an_action_that_an_action_uses_is_followed(tmp_path: Path) -> None:
    base: dict[str, Content] = {
        **workflow("uses: ./ci/outer"),
        "ci/outer/action.yml": "runs: {using: composite, steps: [{uses: ./ci/inner}]}\n",
        "ci/inner/action.yml": "runs: {using: composite, steps: [{run: gatekit pr}]}\n",
    }
    assert needing(tmp_path, base, "ci/inner/action.yml", "ci/inner/x.js") == ["ci/inner/action.yml", "ci/inner/x.js"]


def test_of_a_makefile_the_recipes_that_are_made_are_followed(tmp_path: Path) -> None:
    base: dict[str, Content] = {
        **workflow("run: make gate"),
        "Makefile": "PY = ci/env.sh\nlint:\n\tci/lint.sh\n\ngate: ready\n\tgatekit pr\n\nready:\n\tci/ready.sh\n",
        **{f"ci/{name}.sh": Executable("true\n") for name in ("env", "lint", "ready")},
    }
    found = needing(tmp_path, base, "Makefile", "GNUmakefile", "ci/env.sh", "ci/lint.sh", "ci/ready.sh")
    assert found == ["GNUmakefile", "Makefile", "ci/env.sh", "ci/ready.sh"]


INSTALLS = [
    ("run: |\n          pip install .\n          gatekit pr", "pyproject.toml"),
    ("run: |\n          python -m pip install -e '.[gate]'\n          gatekit pr", "setup.cfg"),
    ("run: uv run gatekit pr", "uv.lock"),
    ("run: |\n          pip install -r requirements.txt\n          gatekit pr", "requirements.txt"),
    ("run: poetry run gatekit pr", "poetry.lock"),
]


@pytest.mark.parametrize(("step", "path"), INSTALLS)
def test_what_the_gates_environment_is_installed_from_needs_approval(tmp_path: Path, step: str, path: str) -> None:
    assert needing(tmp_path / "used", {**workflow(step), path: "old\n"}, path) == [path]
    plain = workflow("run: pip install gatekit-sae==0.1.0 && gatekit pr", other="uv run pytest && make it")
    assert needing(tmp_path / "not", plain, path, "Makefile") == []


@pytest.mark.parametrize(
    ("step", "top", "folder"),
    [
        ("run: gatekit pr\n        env: {PYTHONPATH: lib}", "", "lib/"),
        ("run: PYTHONPATH=lib gatekit pr", "", "lib/"),
        ("run: gatekit pr", "env:\n  PYTHONPATH: ${{ github.workspace }}/lib:.\n", "lib/"),
        ("run: python -m gatekit pr", "", ""),
    ],
)
def test_a_module_that_would_be_run_in_place_of_the_gates_needs_approval(
    tmp_path: Path, step: str, top: str, folder: str
) -> None:
    base = workflow(step, top=top)
    names = [f"{folder}{name}" for name in ("click/core.py", "json.py", "sitecustomize.py", "ours.py", "ours/json.py")]
    assert needing(tmp_path / "on", base, *names) == sorted(names[:3])
    assert needing(tmp_path / "off", workflow("run: python -I -m gatekit pr"), *names) == []


SYSTEMS = [
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    "Jenkinsfile",
    ".forgejo/workflows/gate.yaml",
    "azure-pipelines.yml",
]


@pytest.mark.parametrize("path", SYSTEMS)
def test_the_jobs_of_other_systems_judge_where_they_run_the_gate(tmp_path: Path, path: str) -> None:
    base: dict[str, Content] = {path: "gate:\n  script: [ci/gate.sh]\n", "ci/gate.sh": Executable(GATE)}
    assert needing(tmp_path / "judges", base, path, "ci/gate.sh") == sorted([path, "ci/gate.sh"])
    assert needing(tmp_path / "not", {**base, "ci/gate.sh": Executable("pytest\n")}, path, "ci/gate.sh") == []


def test_what_judges_is_found_around_and_within_a_project_below_the_top(tmp_path: Path) -> None:
    from gatekit.pull_request.judging import judge_pull_request
    from gatekit.repo import Repository, between
    from tests.pull_request.change import BASE, NOW, repository

    project = {f"lab/{name}": content for name, content in BASE.items()}
    base: dict[str, Content] = {
        **dict.fromkeys(BASE),
        **project,
        **workflow("run: lab/ci/gate.sh && ci/more.sh"),
        "lab/ci/gate.sh": Executable(GATE),
        "ci/more.sh": Executable("true\n"),
    }
    repository(tmp_path, {"lab/ci/gate.sh": "true\n", "ci/more.sh": "false\n"}, base)
    with Repository.open(tmp_path) as opened:
        verdict = judge_pull_request(opened, between(opened, "main", "feature"), NOW, root="lab")
    assert sorted(change.path for change in verdict.trust) == ["../ci/more.sh", "ci/gate.sh"]


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_LOOKED_UP"])
def test_where_there_is_more_to_follow_than_is_followed_any_script_needs_approval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    base = {**workflow("run: ./ci/gate.sh", other="cd a && sh b.sh"), "ci/gate.sh": Executable(GATE)}
    changed = ("ci/other.sh", "notes.md")
    used = {"MOST_BYTES": 0, "MOST_LOOKED_UP": 0}
    for name in used:
        monkeypatch.setattr(run_by_workflows, name, 10**9)
    real = run_by_workflows._Reach.follow

    def followed(reach, *given):
        real(reach, *given)
        used["MOST_BYTES"], used["MOST_LOOKED_UP"] = 10**9 - reach._bytes, 10**9 - reach._names

    monkeypatch.setattr(run_by_workflows._Reach, "follow", followed)
    assert needing(tmp_path / "all", base, *changed) == []
    monkeypatch.setattr(run_by_workflows._Reach, "follow", real)
    exactly = used[limit]
    monkeypatch.setattr(run_by_workflows, limit, exactly)
    assert needing(tmp_path / "at", base, *changed) == []
    monkeypatch.setattr(run_by_workflows, limit, exactly - 1)
    assert needing(tmp_path / "beyond", base, *changed) == ["ci/other.sh"]


def test_of_more_scripts_than_are_followed_those_first_by_name_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = "cheadgbf"
    steps = "; ".join(f"sh ci/{name}.sh" for name in names)
    called: dict[str, Content] = {f"ci/{name}.sh": Executable(f"sh parts/{name}.sh\n") for name in names}
    helpers = [f"parts/{name}.sh" for name in names]
    base = {**workflow(f"run: gatekit pr; {steps}"), **called, **dict.fromkeys(helpers, Executable("true\n"))}
    monkeypatch.setattr(run_by_workflows, "MOST_FILES", 3)
    assert needing(tmp_path, base, *helpers) == ["parts/a.sh", "parts/b.sh"]
