"""`gatekit init` as a process, and the workflow that it writes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import builders
import jsonschema
import pytest
import repositories
from acceptance.console_script import SCRIPT, environment, gatekit
from ruamel.yaml import YAML

WRITTEN = {
    "policies/release.yaml",
    "claims.yaml",
    "schemas/claims.schema.json",
    "schemas/registration.schema.json",
    "schemas/kind.schema.json",
    "schemas/policy.schema.json",
    "evidence/README.md",
    ".github/workflows/gatekit.yml",
}


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_fresh_folder_gets_eight_files_a_next_step_and_nothing_else(tmp_path: Path) -> None:
    done = gatekit("init", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(tree(tmp_path)) == WRITTEN
    assert all(name in done.stdout for name in WRITTEN)
    assert "next: edit policies/release.yaml" in done.stdout


def test_the_result_checks_clean_and_says_that_nothing_was_measured_yet(tmp_path: Path) -> None:
    gatekit("init", "new", cwd=tmp_path)
    linted = gatekit("lint", cwd=tmp_path / "new")
    assert (linted.returncode, linted.stderr) == (0, "")
    checked = gatekit("check", cwd=tmp_path / "new")
    assert checked.returncode == 3
    assert "no evidence was found" in checked.stderr
    assert "gatekit run" in checked.stderr


def test_evidence_that_meets_the_starter_policy_passes_it(tmp_path: Path) -> None:
    gatekit("init", cwd=tmp_path)
    builders.write(tmp_path / "evidence", builders.release_evidence())
    assert gatekit("check", "--now", builders.NOW, cwd=tmp_path).returncode == 0


def test_the_editor_finds_the_schema_beside_the_policy_and_the_policy_follows_it(tmp_path: Path) -> None:
    gatekit("init", cwd=tmp_path)
    policy = tmp_path / "policies" / "release.yaml"
    modeline = policy.read_text().splitlines()[0]
    assert modeline.startswith("# yaml-language-server: $schema=")
    schema = json.loads((policy.parent / modeline.partition("=")[2]).read_text())
    jsonschema.Draft202012Validator(schema).validate(YAML(typ="safe").load(policy))


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    gatekit("init", cwd=tmp_path)
    before = tree(tmp_path)
    done = gatekit("init", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.count("unchanged") == 8
    assert tree(tmp_path) == before


def test_a_file_of_the_users_is_kept_and_then_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "release.yaml").write_text("mine")
    done = gatekit("init", cwd=tmp_path)
    assert done.returncode == 64
    assert "policies/release.yaml" in done.stderr
    assert "--force" in done.stderr
    assert tree(tmp_path) == {"policies/release.yaml": b"mine"}
    assert gatekit("init", "--force", cwd=tmp_path).returncode == 0
    assert set(tree(tmp_path)) == WRITTEN


@pytest.mark.parametrize("in_the_way", ["schemas", ".github", "evidence/README.md/x"])
def test_all_is_taken_back_when_one_file_cannot_be_written(tmp_path: Path, in_the_way: str) -> None:
    place = tmp_path / in_the_way
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("a file")
    before, folders = tree(tmp_path), sorted(tmp_path.rglob("*"))
    assert gatekit("init", "--force", cwd=tmp_path).returncode == 64
    assert (tree(tmp_path), sorted(tmp_path.rglob("*"))) == (before, folders)


def test_a_symbolic_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "work" / "policies").mkdir(parents=True)
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "work" / "policies" / "release.yaml").symlink_to(tmp_path / "mine")
    assert gatekit("init", "--force", cwd=tmp_path / "work").returncode == 64
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    gatekit("init", cwd=tmp_path)
    return tmp_path / ".github" / "workflows" / "gatekit.yml"


def tool(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).parent / name
    return subprocess.run(
        [str(script), *arguments], cwd=cwd, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


def test_zizmor_finds_nothing_in_the_workflow(workflow: Path) -> None:
    done = tool("zizmor", "--offline", "--no-progress", "--persona", "pedantic", str(workflow), cwd=workflow.parent)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"])
def test_the_workflow_follows_githubs_schema(workflow: Path, schema: str) -> None:
    done = tool("check-jsonschema", "--builtin-schema", schema, str(workflow), cwd=workflow.parent)
    assert done.returncode == 0, done.stdout


MONOREPO = ["packages/sae", "my sae", "a: b # 'c' \"d\""]


@pytest.fixture(params=MONOREPO)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A project below the top of a repository, and the one workflow of the repository."""
    repositories.git(tmp_path, "init", "-q")
    root = str(request.param)
    (tmp_path / root).mkdir(parents=True)
    assert gatekit("init", cwd=tmp_path / root).returncode == 0
    [workflow] = (tmp_path / ".github" / "workflows").glob("*.yml")
    assert not (tmp_path / root / ".github").exists()
    return root, workflow


def test_the_workflow_of_a_project_below_the_top_says_where_it_is_and_has_names_of_its_own(
    project: tuple[str, Path],
) -> None:
    root, workflow = project
    document = YAML(typ="safe").load(workflow)
    gate = document["jobs"]["gate"]
    assert gate["steps"][-1]["env"]["GATEKIT_INPUT_WORKING_DIRECTORY"] == f"candidate/{root}"
    assert gate["name"].startswith(f"gatekit / gate {root} (${{{{ github.event")
    assert workflow.stem != "gatekit" and workflow.stem in document["concurrency"]["group"]
    # A required check that a filter keeps from reporting blocks the merge for ever.
    assert not {"paths", "paths-ignore"} & set(document["on"]["pull_request"])


def test_the_workflow_of_a_project_below_the_top_passes_the_lints(project: tuple[str, Path]) -> None:
    _, workflow = project
    for name, arguments in {
        "zizmor": ("--offline", "--no-progress", "--persona", "pedantic"),
        "check-jsonschema": ("--builtin-schema", "vendor.github-workflows"),
    }.items():
        done = tool(name, *arguments, str(workflow), cwd=workflow.parent)
        assert done.returncode == 0, done.stdout


def test_a_second_project_adds_its_workflow_and_the_first_ones_stays(tmp_path: Path) -> None:
    repositories.git(tmp_path, "init", "-q")
    for arguments in (["one"], ["--root=.", "two"], ["."]):
        assert gatekit("init", *arguments, cwd=tmp_path).returncode == 0
    names = sorted(path.name for path in (tmp_path / ".github" / "workflows").iterdir())
    assert names == ["gatekit-one.yml", "gatekit-two.yml", "gatekit.yml"]
    assert gatekit("init", "one", cwd=tmp_path).stdout.count("unchanged") == 8


def test_a_folder_whose_name_is_an_expression_of_github_is_refused(tmp_path: Path) -> None:
    repositories.git(tmp_path, "init", "-q")
    before = tree(tmp_path)
    done = gatekit("init", "${{ github.token }}", cwd=tmp_path)
    assert done.returncode == 64 and "cannot stand in a workflow" in done.stderr
    assert tree(tmp_path) == before


def job(workflow: Path) -> dict[str, Any]:
    document = YAML(typ="safe").load(workflow)
    assert document["permissions"] == {}
    assert set(document["on"]) == {"pull_request", "merge_group"}
    found: dict[str, Any] = document["jobs"]["gate"]
    return found


def test_every_action_is_pinned_and_no_credentials_stay(workflow: Path) -> None:
    for step in job(workflow)["steps"]:
        if "uses" in step:
            assert len(step["uses"].partition("@")[2]) == 40
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def step(workflow: Path, name: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one step's script as the runner does, with gatekit on the path."""
    script = next(step["run"] for step in job(workflow)["steps"] if step.get("name") == name)
    assert "${{" not in script
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=cwd,
        env=environment(PATH=path, **env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("value", ["", "gatekit", "git+https://github.com/a/b@main", "git+https://github.com/a/b"])
def test_the_workflow_fails_until_gatekit_is_pinned_to_a_commit(workflow: Path, tmp_path: Path, value: str) -> None:
    done = step(workflow, "install gatekit", tmp_path, GATEKIT=value)
    assert done.returncode == 64
    assert "set GATEKIT" in done.stderr


@pytest.mark.parametrize(
    ("base", "candidate", "expected"),
    [("0.5", "0.5", 0), ("0.6", "0.6", 2), ("0.5", "0.4", 5), ("0.5", "0.6", 0), (None, "0.5", 5)],
    ids=["pass", "fail", "loosened by the change", "tightened by the change", "no policy on base yet"],
)
def test_the_workflow_judges_the_change_by_the_policies_of_the_base(
    workflow: Path, tmp_path: Path, base: str | None, candidate: str, expected: int
) -> None:
    def files(threshold: str | None) -> dict[str, str | None]:
        rule = f"{{from: random_model, measure: r2, at_least: {threshold}}}"
        policy = f"schema: gatekit.policy/1\nid: p\ngates:\n  r2: {rule}\n"
        source = {"path": "train.py", "sha256": hashlib.sha256(b"train()").hexdigest(), "by": "bytes"}
        document = builders.summary(
            "random_model",
            {"r2": builders.around(0.55, 0.01, 5)},
            finished=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            producer_changes={"sources": [source]},
        )
        return {
            "policies/p.yaml": None if threshold is None else policy,
            "train.py": "train()",
            "evidence/r.json": json.dumps(document),
        }

    runner = tmp_path / "runner"
    builder = repositories.Builder(runner / "candidate")
    first = builder.commit("main", {name: text for name, text in files(base).items() if text is not None})
    head = builder.commit("feature", {**files(candidate), "notes.md": "x"}, parents=[first])
    merge = builder.merge("refs/pull/7/merge", first, head)
    builder.branch("refs/remotes/origin/main", first)
    builder.save()
    event = {
        "repository": {"full_name": "a/b", "id": 1},
        "pull_request": {
            "number": 7,
            "labels": [],
            "base": {"ref": "main", "sha": first, "repo": {"id": 1}},
            "head": {"ref": "feature", "sha": head, "repo": {"id": 1}},
        },
    }
    (tmp_path / "temp").mkdir()
    (tmp_path / "temp" / "gatekit-environment").symlink_to(sys.prefix)
    (tmp_path / "event.json").write_text(json.dumps(event))
    done = step(
        workflow,
        "judge",
        runner,
        GITHUB_ACTIONS="true",
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_EVENT_PATH=str(tmp_path / "event.json"),
        GITHUB_SHA=merge,
        GITHUB_WORKSPACE=str(runner),
        RUNNER_TEMP=str(tmp_path / "temp"),
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
        GITHUB_OUTPUT=str(tmp_path / "output"),
        GATEKIT_INPUT_MODE="pr",
        GATEKIT_INPUT_WORKING_DIRECTORY="candidate",
    )
    assert done.returncode == expected, done.stdout + done.stderr
    assert "gatekit" in (tmp_path / "summary.md").read_text()


def test_the_workflow_installs_the_gate_of_that_commit_by_its_own_locked_installation(
    workflow: Path, tmp_path: Path
) -> None:
    builder = repositories.Builder(tmp_path / "origin")
    script = 'printf "%s\\n" "$PWD" "$@" > "$RUNNER_TEMP/asked"\n'
    first = builder.commit("main", {"requirements/install-gate.sh": script})
    builder.commit("main", {"requirements/install-gate.sh": "exit 9\n"})
    origin = builder.save()
    (tmp_path / "temp").mkdir()
    # The address is not reached: git is told to read it from here, as from a server that gives out any commit.
    config = {
        f"url.{origin}.insteadOf": "https://example.org/gatekit",
        "safe.directory": "*",
        "uploadpack.allowAnySHA1InWant": "true",
    }
    pairs = {f"GIT_CONFIG_KEY_{n}": key for n, key in enumerate(config)}
    pairs |= {f"GIT_CONFIG_VALUE_{n}": value for n, value in enumerate(config.values())}
    given = {"GIT_CONFIG_COUNT": str(len(config)), "RUNNER_TEMP": str(tmp_path / "temp"), **pairs}
    wanted = f"git+https://example.org/gatekit@{first}"
    done = step(workflow, "install gatekit", tmp_path, GATEKIT=wanted, **given)
    assert done.returncode == 0, done.stderr
    temp = tmp_path / "temp"
    assert (temp / "asked").read_text().splitlines() == [
        str(temp / "gatekit-source"),
        str(temp / "gatekit-environment"),
    ]


def test_the_workflow_for_an_enterprise_server_asks_nothing_that_a_server_does_not_have(tmp_path: Path) -> None:
    done = gatekit("init", "--ghes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / ".github" / "workflows" / "gatekit.yml").read_text("utf-8")
    document = YAML(typ="safe").load(text)
    (job,) = document["jobs"].values()
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    # Newer artifact actions refuse a server; `$/` and hosted machines are not there.
    assert [name.partition("@")[0] for name in used] == ["actions/checkout", "actions/upload-artifact"]
    assert "actions/upload-artifact@c24449f33cd45d4826c6702db7e49f7cdb9b551d # v3.2.1-node20" in text
    assert job["runs-on"] == ["self-hosted", "linux"]
    assert not [word for word in ("github.com", "$/", "attest", "ubuntu-") if word in text]
    # And every other line is that of the workflow for GitHub.
    (tmp_path / "other").mkdir()
    gatekit("init", cwd=tmp_path / "other")
    usual = (tmp_path / "other" / ".github" / "workflows" / "gatekit.yml").read_text("utf-8").splitlines()
    assert len(set(usual) - set(text.splitlines())) == 4


def test_the_workflow_for_a_server_goes_with_a_folder_of_a_monorepo(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "packages" / "sae").mkdir(parents=True)
    assert gatekit("init", "--ghes", "--root", "packages/sae", cwd=tmp_path).returncode == 0
    text = (tmp_path / ".github" / "workflows" / "gatekit-packages-sae.yml").read_text("utf-8")
    assert "[self-hosted, linux]" in text
    assert 'WORKING_DIRECTORY: "candidate/packages/sae"' in text
