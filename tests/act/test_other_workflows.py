"""The workflows beside the action's own, run by act: what `gatekit init` writes, and the reusable workflow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from act.journey import LOOSE, NEEDS_ACT, NOTES, Journey, below, workflow_of_the_page
from act.scene import OUR_COMMIT, REPO, serve_gatekit

from tests.pull_request.change import FILE, random_model

pytestmark = NEEDS_ACT
REUSABLE = ".github/workflows/gate-reusable.yml"


def written_by_init(folder: Path, file: str, *arguments: str) -> str:
    """The workflow that `gatekit init` writes into a fresh repository."""
    (folder / "packages" / "sae").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    command = [sys.executable, "-c", "from gatekit.cli import main; main()", "init", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / ".github" / "workflows" / file).read_text("utf-8")


def test_the_workflow_of_init_judges_once_it_names_a_commit(journey: Journey) -> None:
    text = written_by_init(journey.folder / "new", "gatekit.yml")
    source = f"git+https://github.com/octo/gatekit@{serve_gatekit(journey.folder)}"
    scene = journey.scene(text.replace('GATEKIT: ""', f'GATEKIT: "{source}"'), file="gatekit.yml")
    ran = journey.done(scene.pull_request({FILE: random_model(above=0.01)}))
    assert ran.codes == [2], ran.text
    assert 'failed-gates=["demo/random_model"]' in ran.text


@pytest.mark.in_ci
def test_the_workflow_of_init_says_what_to_set_before(journey: Journey) -> None:
    scene = journey.scene(written_by_init(journey.folder / "new", "gatekit.yml"), file="gatekit.yml")
    ran = journey.done(scene.pull_request(NOTES))
    assert ran.codes == [64], ran.text
    assert "set GATEKIT in .github/workflows/gatekit.yml" in ran.text


def test_the_workflow_of_init_in_a_monorepo_judges_its_own_folder(journey: Journey) -> None:
    text = written_by_init(journey.folder / "new", "gatekit-packages-sae.yml", "--root", "packages/sae")
    source = f"git+https://github.com/octo/gatekit@{serve_gatekit(journey.folder)}"
    text = text.replace('GATEKIT: ""', f'GATEKIT: "{source}"')
    scene = journey.scene(text, below("packages/sae"), file="gatekit-packages-sae.yml")
    ran = journey.done(scene.pull_request({f"packages/sae/{path}": content for path, content in LOOSE.items()}))
    assert ran.codes == [5], ran.text
    assert ran.jobs == ["gatekit / gate packages/sae (refs/heads/main)"]


SERVER = "git.example.org"


def on_a_server(journey: Journey) -> str:
    text = written_by_init(journey.folder / "new", "gatekit.yml", "--ghes")
    source = f"git+https://{SERVER}/octo/gatekit@{serve_gatekit(journey.folder)}"
    return text.replace('GATEKIT: ""', f'GATEKIT: "{source}"')


def test_the_workflow_for_an_enterprise_server_judges_and_hands_over_its_reports(journey: Journey) -> None:
    scene = journey.scene(on_a_server(journey), file="gatekit.yml", instance=SERVER, platforms=["self-hosted", "linux"])
    ran = journey.done(scene.pull_request({FILE: random_model(above=0.01)}))
    assert ran.codes == [2], ran.text
    assert set(ran.artifacts["gatekit-reports"]) == {"report.json", "report.md"}
    assert "github.com" not in ran.text.replace("https://github.com/actions/", "")


def test_the_action_on_an_enterprise_server_passes_with_upload_off(journey: Journey) -> None:
    page = workflow_of_the_page().replace("ubuntu-24.04", "self-hosted")
    text = page.replace(f"gatekit@{OUR_COMMIT}", f'gatekit@{OUR_COMMIT}\n        with: {{upload: "false"}} #', 1)
    given = {"instance": SERVER, "platforms": ["self-hosted"], "variables": {"STAND_IN_REFUSES_ARTIFACTS": "1"}}
    ran = journey.done(journey.scene(text, **given).pull_request(NOTES))
    assert ran.passed, ran.text


def calling(uses: str, *inputs: str) -> str:
    """A workflow that calls the reusable one."""
    page = workflow_of_the_page("gate-reusable.yml@COMMIT")
    before, _, _ = page.partition("    uses:")
    return (
        before + f"    uses: {uses}\n" + ("    with:\n" + "".join(f"      {each}\n" for each in inputs)) * bool(inputs)
    )


VENDORED = {REUSABLE: (REPO / REUSABLE).read_text("utf-8")}


def test_a_copy_of_the_reusable_workflow_finds_the_gate_that_its_caller_names(journey: Journey) -> None:
    commit = serve_gatekit(journey.folder)
    text = calling(f"./{REUSABLE}", f'gate: "octo/gatekit@{commit}"')
    scene = journey.scene(text, VENDORED, file="call.yml")
    ran = journey.done(scene.run("pull_request", LOOSE, workflow=".github/workflows/call.yml"))
    assert ran.codes == [5], ran.text
    assert list(ran.artifacts) == ["gatekit-reports"]


def test_a_copy_of_the_reusable_workflow_that_names_no_gate_runs_nothing_and_says_what_to_set(journey: Journey) -> None:
    sly = {"requirements/install-gate.sh": "echo PWN\n"}
    scene = journey.scene(calling(f"./{REUSABLE}"), {**VENDORED, **sly}, file="call.yml")
    ran = journey.done(scene.run("pull_request", NOTES, workflow=".github/workflows/call.yml"))
    assert ran.codes == [64], ran.text
    assert "say which gate judges: gate: OWNER/gatekit@" in ran.text
    assert "PWN" not in ran.text


def test_the_reusable_workflow_of_another_repository_judges_the_caller(journey: Journey) -> None:
    commit = serve_gatekit(journey.folder)
    text = calling(f"octo/gatekit/{REUSABLE}@{OUR_COMMIT}", f'gate: "octo/gatekit@{commit}"')
    scene = journey.scene(text, file="call.yml")
    ran = journey.done(scene.pull_request({FILE: random_model(above=0.01)}))
    assert ran.codes == [2], ran.text


@pytest.mark.parametrize("repository", ["octo/cat", "OCTO/Cat"])
def test_the_first_step_refuses_a_file_of_the_repository_that_is_judged(tmp_path: Path, repository: str) -> None:
    # act does not know job.workflow_repository, so this is the step alone.
    import re

    script = re.search(r"        run: \|\n(.*?)\n      - name: check out the gate", VENDORED[REUSABLE], re.DOTALL)
    assert script is not None
    given = {"GATE": "", "REPOSITORY": repository, "COMMIT": "a" * 40, "GITHUB_REPOSITORY": "octo/cat"}
    environment = {**given, "GITHUB_OUTPUT": str(tmp_path / "out"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", script[1]], env=environment, capture_output=True, text=True)
    assert done.returncode == 64
    assert f"a file of {repository}, which it judges" in done.stderr
    environment |= {"REPOSITORY": "octo/gatekit"}
    subprocess.run(["bash", "-eo", "pipefail", "-c", script[1]], env=environment, check=True)
    assert (tmp_path / "out").read_text() == f"repository=octo/gatekit\ncommit={'a' * 40}\n"
