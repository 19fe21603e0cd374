"""The rules of invariants.py hold, and each notices when it is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from workflows.invariants import CHECK, REPO, broken, broken_action, parse, read, rules

WORKFLOWS = read()
ACTION = (REPO / "action.yml").read_text("utf-8")
COMMENT_ACTION = (REPO / "comment" / "action.yml").read_text("utf-8")

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"


def test_the_workflows_keep_every_rule() -> None:
    assert broken(WORKFLOWS) == set()


@pytest.mark.parametrize("text", [ACTION, COMMENT_ACTION], ids=["action", "comment/action"])
def test_the_actions_keep_every_rule(text: str) -> None:
    assert broken_action(text) == set()


def swap(old: str, new: str, count: int = 1) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, count)

    return change


def plus(text: str) -> Callable[[str], str]:
    return lambda old: old + text


EXTRA_JOB = """
  other:
    name: {name}
    runs-on: {machine}
    timeout-minutes: 5
    permissions: {{}}
    steps:
      - run: 'true'
"""

MUTANTS: list[tuple[str, str, Callable[[str], str]]] = [
    ("no pull_request_target", "gate.yml", swap("  pull_request:\n", "  pull_request_target:\n  pull_request:\n")),
    ("no pull_request_target", "ci.yml", swap("  pull_request:\n", "  pull_request_target:\n")),
    ("workflow_run only to comment", "ci.yml", swap("on:\n", "on:\n  workflow_run: {workflows: [gate]}\n")),
    ("pinned", "gate.yml", swap(CHECKOUT, "actions/checkout@v7")),
    ("pinned", "gate.yml", swap(CHECKOUT, "actions/checkout@main # v7.0.1")),
    ("pinned", "gate.yml", swap(" # v7.0.1", "")),
    ("pinned", "comment.yml", swap("$/comment", "./comment")),
    ("pinned", "gpu-evidence.yml", swap("5fda3b95a4ea91299a34e894583c3862153e4b97", "5fda3b95")),
    ("no permission at the top", "gate.yml", swap("permissions: {}", "permissions: write-all")),
    ("no permission at the top", "comment.yml", swap("permissions: {}\n", "")),
    (
        "every job says what it may",
        "gate.yml",
        swap("    permissions:\n      contents: read #", "    # contents: read #"),
    ),
    (
        "every job says what it may",
        "ci.yml",
        swap("    permissions:\n      contents: read", "    permissions: write-all #"),
    ),
    ("who may write", "gate.yml", swap("contents: read #", "statuses: write #")),
    ("who may write", "gpu-evidence.yml", swap("contents: read #", "contents: write #")),
    ("no identity token", "gpu-evidence.yml", swap("contents: read #", "id-token: write #")),
    ("who gets secrets", "comment.yml", swap("${{ github.token }}", "${{ secrets.PAT }}")),
    ("who gets secrets", "gpu-evidence.yml", swap("vars.GATEKIT_RUNNERS_PYTHON", "secrets.X")),
    ("no expression in a script", "gpu-evidence.yml", swap('"$NONCE" =~', '"${{ inputs.nonce }}" =~')),
    ("no expression in a script", "gate.yml", swap("run: bash base", "run: echo ${{ github.head_ref }}; bash base")),
    ("no credentials left behind", "gate.yml", swap("persist-credentials: false", "persist-credentials: true")),
    ("no credentials left behind", "gpu-evidence.yml", swap("          persist-credentials: false\n", "")),
    ("time limit", "gate.yml", swap("    timeout-minutes: 15\n", "")),
    ("concurrency", "gpu-evidence.yml", swap("concurrency:", "x:")),
    ("unique job names", "ci.yml", swap("name: ci / lint", f"name: {CHECK}")),
    ("self-hosted only by hand", "gate.yml", swap("runs-on: ubuntu-24.04", "runs-on: self-hosted")),
    ("self-hosted only by hand", "gpu-evidence.yml", swap("on:\n", "on:\n  pull_request:\n")),
    ("other machines are hosted ones", "gate.yml", swap("runs-on: ubuntu-24.04", "runs-on: [gpu, b200]")),
    ("other machines are hosted ones", "ci.yml", swap("runs-on: ubuntu-24.04", "runs-on: ubuntu-latest")),
    ("no cache", "ci.yml", swap('python-version: "3.13"', 'python-version: "3.13"\n          cache: pip')),
    ("no cache", "gate.yml", swap(f"uses: {CHECKOUT}", "uses: actions/cache@v4")),
    ("artifacts are checked", "comment.yml", swap("digest-mismatch: error", "digest-mismatch: warn")),
    ("artifacts are checked", "gpu-evidence.yml", swap("          digest-mismatch: error\n", "")),
    ("gate: one job of the required name", "gate.yml", swap("name: gatekit / gate", "name: gatekit")),
    ("gate: one job of the required name", "gate.yml", swap(f"name: {CHECK}", "name: gatekit / gate")),
    (
        "gate: one job of the required name",
        "ci.yml",
        plus(EXTRA_JOB.format(name="gatekit / gate", machine="ubuntu-24.04")),
    ),
    ("gate: one job of the required name", "gate.yml", plus(EXTRA_JOB.format(name="b", machine="ubuntu-24.04"))),
    (
        "gate: runs for every change",
        "gate.yml",
        swap("  pull_request:\n", "  pull_request:\n    paths: [evidence/**]\n"),
    ),
    ("gate: runs for every change", "gate.yml", swap("  merge_group:\n    types: [checks_requested]\n", "")),
    ("gate: runs for every change", "gate.yml", swap("synchronize, ", "")),
    ("gate: runs for every change", "gate.yml", swap("edited, ", "")),
    ("gate: runs for every change", "gate.yml", swap(", unlabeled", "")),
    ("gate: runs for every change", "gate.yml", swap("  pull_request:\n", "  pull_request:\n    branches: [dev]\n")),
    (
        "gate: the job always reports",
        "gate.yml",
        swap(f"    name: {CHECK}\n", f"    name: {CHECK}\n    if: github.event.pull_request.draft == false\n"),
    ),
    (
        "gate: only the upload has a condition",
        "gate.yml",
        swap("        id: judge\n", "        id: judge\n        if: always()\n"),
    ),
    (
        "gate: no way around a failure",
        "gate.yml",
        swap("        id: judge\n", "        id: judge\n        continue-on-error: true\n"),
    ),
    ("gate: no way around a failure", "gate.yml", swap("bin/gatekit action", "bin/gatekit action || true")),
    ("gate: no way around a failure", "gate.yml", swap("bin/gatekit action", "bin/gatekit action | tee log")),
    ("gate: no way around a failure", "gate.yml", swap("          cd -- ", "          set +e\n          cd -- ")),
    ("gate: only reads", "gate.yml", swap("contents: read #", "contents: write #")),
    (
        "gate: no secret",
        "gate.yml",
        swap("GATEKIT_INPUT_MODE: pr", "GATEKIT_INPUT_MODE: pr\n          T: ${{ github.token }}"),
    ),
    ("gate: two checkouts, side by side", "gate.yml", swap("path: base", "path: candidate/base")),
    ("gate: the base is the branch as it is now", "gate.yml", swap("pull_request.base.ref", "pull_request.base.sha")),
    (
        "gate: the base is the branch as it is now",
        "gate.yml",
        swap("github.event.pull_request.base.ref", "github.head_ref"),
    ),
    ("gate: the candidate has its history", "gate.yml", swap("          fetch-depth: 0\n", "")),
    ("gate: installs from the base", "gate.yml", swap("bash base/requirements", "bash candidate/requirements")),
    ("gate: nothing of the candidate is run", "gate.yml", swap("bash base/", "bash candidate/")),
    ("gate: nothing of the candidate is run", "gate.yml", swap(f"uses: {CHECKOUT}", "uses: ./candidate")),
    (
        "gate: nothing of the candidate is run",
        "gate.yml",
        swap("        id: judge\n", "        id: judge\n        working-directory: candidate\n"),
    ),
    ("gate: isolated", "gate.yml", swap("python -I", "python")),
    ("gate: isolated", "gate.yml", swap('cd -- "$RUNNER_TEMP/gatekit-environment"', "cd -- base")),
    ("gate: enforces", "gate.yml", swap("GATEKIT_INPUT_MODE: pr", "GATEKIT_INPUT_MODE: check")),
    (
        "gate: enforces",
        "gate.yml",
        swap("GATEKIT_INPUT_MODE: pr", "GATEKIT_INPUT_MODE: pr\n          GATEKIT_INPUT_ADVISORY: 'true'"),
    ),
    ("gate: pipefail", "gate.yml", swap("    shell: bash", "    shell: sh")),
    ("cycle: only by hand", "gpu-evidence.yml", swap("on:\n", "on:\n  schedule: [{cron: '0 0 * * *'}]\n")),
    ("cycle: one at a time", "gpu-evidence.yml", swap("group: gpu-evidence", "group: ${{ github.run_id }}")),
    ("cycle: one at a time", "gpu-evidence.yml", swap("cancel-in-progress: false", "cancel-in-progress: true")),
    ("cycle: only from main", "gpu-evidence.yml", swap("refs/heads/main", "refs/heads/*")),
    (
        "cycle: inputs are checked before anything else",
        "gpu-evidence.yml",
        swap("    needs: request\n", "    needs: []\n"),
    ),
    ("cycle: inputs are checked before anything else", "gpu-evidence.yml", swap("[a-z0-9-]{0,63}$", "[a-z0-9./-]*$")),
    ("cycle: inputs are checked before anything else", "gpu-evidence.yml", swap("          LC_ALL=C\n", "")),
    (
        "cycle: inputs are checked before anything else",
        "gpu-evidence.yml",
        swap("CYCLE: ${{ needs.request.outputs.cycle }}", "CYCLE: ${{ inputs.cycle }}"),
    ),
    ("no expression in a script", "gpu-evidence.yml", swap('cycle run "$CYCLE"', 'cycle run "${{ inputs.cycle }}"')),
    ("cycle: the machine", "gpu-evidence.yml", swap('"gpu", "b200"]', '"gpu"]')),
    ("cycle: the machine", "gpu-evidence.yml", plus(EXTRA_JOB.format(name="x", machine="[self-hosted, gpu, b200]"))),
    ("cycle: only by hand", "gpu-evidence.yml", swap(' || "$GITHUB_EVENT_NAME" != workflow_dispatch', "")),
    (
        "cycle: what is asked for is checked before it is measured",
        "gpu-evidence.yml",
        swap("-m runners.request --cycle", "-m runners.x --cycle"),
    ),
    (
        "cycle: a caller's own files are not taken for the gate",
        "gpu-evidence.yml",
        swap("job.workflow_sha || (inputs.labels == '' && github.sha)", "job.workflow_sha || github.sha"),
    ),
    (
        "cycle: a caller's own files are not taken for the gate",
        "gpu-evidence.yml",
        swap("bash gate/requirements/install-gate.sh", "bash main/requirements/install-gate.sh"),
    ),
    (
        "cycle: signing runs nothing that was measured",
        "gpu-evidence.yml",
        swap("repository: ${{ job.workflow_repository || github.repository }}", "repository: ${{ github.repository }}"),
    ),
    ("cycle: no force", "gpu-evidence.yml", swap("git push --quiet", "git push --force --quiet")),
    (
        "cycle: proposing has no secret",
        "gpu-evidence.yml",
        swap("GH_TOKEN: ${{ github.token }}\n          CYCLE", "GH_TOKEN: ${{ secrets.PAT }}\n          CYCLE"),
    ),
    ("cycle: people say yes", "gpu-evidence.yml", swap("    environment: gpu-evidence\n", "")),
    (
        "cycle: it only reads and holds no secret",
        "gpu-evidence.yml",
        swap("      contents: read #", "      actions: read\n      contents: read #"),
    ),
    (
        "cycle: it only reads and holds no secret",
        "gpu-evidence.yml",
        swap("    env:\n      CYCLE: ${{ needs", "    env:\n      T: ${{ github.token }}\n      CYCLE: ${{ needs"),
    ),
    (
        "cycle: only main's code and plans",
        "gpu-evidence.yml",
        swap("ref: ${{ github.sha }}", "ref: ${{ needs.request.outputs.cycle }}"),
    ),
    ("cycle: only main's code and plans", "gpu-evidence.yml", swap("$GITHUB_WORKSPACE/harness", "$GATEKIT_RUNS_DIR")),
    ("cycle: nothing outside the harness is imported", "gpu-evidence.yml", swap(" -E -s)", ")")),
    (
        "cycle: nothing outside the harness is imported",
        "gpu-evidence.yml",
        swap('"$RUNNERS_PYTHON" -E -s -m', "python -m"),
    ),
    ("cycle: nothing outside the harness is imported", "gpu-evidence.yml", swap('      PYTHONPATH: ""\n', "")),
    (
        "cycle: the next job finds what this one leaves",
        "gpu-evidence.yml",
        swap("GATEKIT_CACHE_DIR: ${{ vars.GATEKIT_CACHE_DIR }}", "GATEKIT_CACHE_DIR: ${{ runner.temp }}"),
    ),
    (
        "cycle: the next job finds what this one leaves",
        "gpu-evidence.yml",
        swap(' || "$folder/" == "$RUNNER_TEMP"/*', ""),
    ),
    ("cycle: the driver ends before the job does", "gpu-evidence.yml", swap("690m", "720m")),
    ("cycle: the driver ends before the job does", "gpu-evidence.yml", swap("--preserve-status ", "")),
    ("cycle: success only where it is finished", "gpu-evidence.yml", swap('"$standing" == finished && ', "")),
    (
        "cycle: success only where it is finished",
        "gpu-evidence.yml",
        swap("            code=3\n", "            code=0\n"),
    ),
    (
        "cycle: success only where it is finished",
        "gpu-evidence.yml",
        swap("      - name: run the cycle\n", "      - name: run the cycle\n        continue-on-error: true\n"),
    ),
    ("cycle: what there is is always handed over", "gpu-evidence.yml", swap("        if: always()\n", "")),
    ("cycle: what there is is always handed over", "gpu-evidence.yml", swap("found: error", "found: ignore")),
    ("cycle: no link is handed over", "gpu-evidence.yml", swap(" -type f ", " ")),
    (
        "cycle: signing runs nothing that was measured",
        "gpu-evidence.yml",
        swap("path: ${{ runner.temp }}/measured", "path: gate"),
    ),
    (
        "cycle: signing runs nothing that was measured",
        "gpu-evidence.yml",
        swap("needs.cycle.outputs.artifact", "needs.request.outputs.nonce"),
    ),
    ("cycle: signing runs nothing that was measured", "gpu-evidence.yml", swap('bin/python" -I "', 'bin/python" "')),
    (
        "cycle: only what is finished is signed",
        "gpu-evidence.yml",
        swap("    environment: gpu-evidence-signing\n", "    environment: gpu-evidence-signing\n    if: always()\n"),
    ),
    ("who gets secrets", "gpu-evidence.yml", swap("vars.GATEKIT_GPUS", "secrets.GATEKIT_SIGNING_KEY")),
    ("comment: after the gate", "comment.yml", swap("workflows: [gate]", "workflows: ['*']")),
    ("comment: after the gate", "gate.yml", swap("name: gate\n", "name: verdict\n")),
    ("comment: no checkout", "comment.yml", swap("    steps:\n", f"    steps:\n      - uses: {CHECKOUT}\n")),
    ("comment: no script", "comment.yml", swap("    steps:\n", "    steps:\n      - run: bash reports/run.sh\n")),
    (
        "comment: the number is not the artifact's",
        "comment.yml",
        swap("token: ${{ github.token }}\n", "token: ${{ steps.x.outputs.token }}\n", 9),
    ),
    ("comment: nothing of the other run but its report", "comment.yml", swap("          name: gatekit-reports\n", "")),
    ("who may write", "release.yml", swap("contents: read #", "contents: write #")),
    ("who may write", "release.yml", swap("id-token: write # to publish", "contents: write # to publish")),
    ("release: only a tag of a version", "release.yml", swap("on:\n", "on:\n  workflow_dispatch:\n")),
    ("release: only a tag of a version", "release.yml", swap('"v[0-9]+.[0-9]+.[0-9]+",', '"v*",')),
    ("release: only what is on main", "release.yml", swap("refs/remotes/origin/main", "HEAD")),
    ("release: one after the other", "release.yml", swap("    needs: attest\n", "    needs: build\n")),
    ("release: one after the other", "release.yml", swap("    needs: publish\n", "")),
    ("release: no way around a failure", "release.yml", swap("SHA256SUMS\n", "SHA256SUMS || true\n")),
    (
        "release: no way around a failure",
        "release.yml",
        swap("    needs: attest\n", "    needs: attest\n    if: always()\n"),
    ),
    ("release: built twice, by locked tools, as tagged", "release.yml", swap(' --tag "$GITHUB_REF_NAME"', "")),
    ("release: built twice, by locked tools, as tagged", "release.yml", swap("--require-hashes ", "")),
    ("release: the wheel judges before anybody gets it", "release.yml", swap("release.trial", "release.x")),
    ("release: who builds can do nothing else", "release.yml", swap("contents: read #", "id-token: write #")),
    (
        "release: who may do something runs nothing of the repository",
        "release.yml",
        swap("git add -- requirements/released.lock", "python -m release.notes"),
    ),
    (
        "release: who may do something runs nothing of the repository",
        "release.yml",
        swap("run: cd dist && sha256sum", "run: make release-check && sha256sum"),
    ),
    ("release: no password of the index", "release.yml", swap("packages-dir: packages", "password: ${{ secrets.X }}")),
    ("release: people say yes", "release.yml", swap("    environment: pypi\n", "")),
    ("release: what is handed over is compared", "release.yml", swap("sha256sum --check --strict", "cat")),
    ("release: only the tag of the major version moves", "release.yml", swap("refs/tags/$major", "refs/heads/main")),
    (
        "release: only the tag of the major version moves",
        "release.yml",
        swap("gh auth setup-git", "gh auth setup-git; git push origin HEAD:main"),
    ),
    ("reusable: called, and nothing else", "gate-reusable.yml", swap("on:\n", "on:\n  push:\n")),
    (
        "reusable: one job, named after the base",
        "gate-reusable.yml",
        swap("{0}', github.base_ref", "{0}', github.head_ref"),
    ),
    ("reusable: one job, named after the base", "gate-reusable.yml", swap("  gate:\n    #", "  judge:\n    #")),
    (
        "reusable: the job always reports",
        "gate-reusable.yml",
        swap("    timeout-minutes: 15\n", "    timeout-minutes: 15\n    if: github.actor != 'x'\n"),
    ),
    (
        "reusable: only the upload has a condition",
        "gate-reusable.yml",
        swap("        id: judge\n", "        id: judge\n        if: always()\n"),
    ),
    (
        "reusable: no way around a failure",
        "gate-reusable.yml",
        swap("        id: judge\n", "        id: judge\n        continue-on-error: true\n"),
    ),
    ("reusable: only reads", "gate-reusable.yml", swap("contents: read #", "contents: write #")),
    (
        "reusable: no secret",
        "gate-reusable.yml",
        swap("REPOSITORY: ${{ job.workflow_repository }}", "REPOSITORY: ${{ github.token }}"),
    ),
    ("reusable: knows its own commit before it checks anything out", "gate-reusable.yml", swap("exit 64", "exit 0")),
    (
        "reusable: knows its own commit before it checks anything out",
        "gate-reusable.yml",
        swap('"${REPOSITORY,,}" == "${GITHUB_REPOSITORY,,}"', "false"),
    ),
    (
        "reusable: the gate is its own commit",
        "gate-reusable.yml",
        swap("          ref: ${{ steps.gate.outputs.commit }}\n", ""),
    ),
    (
        "reusable: the gate is its own commit",
        "gate-reusable.yml",
        swap("          repository: ${{ steps.gate.outputs.repository }}\n", ""),
    ),
    ("reusable: the candidate has its history", "gate-reusable.yml", swap("          fetch-depth: 0\n", "")),
    (
        "reusable: nothing of the candidate is run",
        "gate-reusable.yml",
        swap("bash gate/requirements", "bash candidate/requirements"),
    ),
    ("reusable: isolated", "gate-reusable.yml", swap("python -I", "python")),
]


@pytest.mark.parametrize(("rule", "name", "change"), MUTANTS, ids=[f"{rule} ({name})" for rule, name, _ in MUTANTS])
def test_breaking_a_rule_is_noticed(rule: str, name: str, change: Callable[[str], str]) -> None:
    assert rule in broken({**WORKFLOWS, name: change(WORKFLOWS[name])})


ACTION_MUTANTS: list[tuple[str, Callable[[str], str]]] = [
    ("pinned", swap("@5fda3b95a4ea91299a34e894583c3862153e4b97 #", "@v7 #")),
    ("no expression in a script", swap("exec bin/python", "exec ${{ inputs.python-version }}")),
    ("no expression in a script", swap('sh" "$VERSION"', 'sh" "${{ inputs.python-version }}"')),
    ("inputs reach scripts by the environment", swap("${{ inputs.mode }}", "x ${{ github.head_ref }}")),
    ("no way around a failure", swap("bin/gatekit action", "bin/gatekit action || true")),
    ("no way around a failure", swap("      id: judge\n", "      id: judge\n      continue-on-error: true\n")),
    ("only the upload has a condition", swap("      id: judge\n", "      id: judge\n      if: always()\n")),
    (
        "only the upload has a condition",
        swap("      id: install\n", "      id: install\n      if: ${{ inputs.mode }}\n"),
    ),
    ("only the upload has a condition", swap("if: steps.python.outputs.found != 'true'", "if: always()")),
    ("isolated from the folder that is judged", swap("python -I", "python")),
    ("isolated from the folder that is judged", swap("        cd -- ", "        : cd -- ")),
    ("installs itself, locked", swap("$GITHUB_ACTION_PATH/requirements/install-gate.sh", "install.sh")),
    ("no package index and no secret", swap("exec bin/python", "pip install gatekit; exec bin/python")),
    ("no cache", swap("python-version: ${{ steps.python.outputs.version }}", "cache: pip")),
    ("bash", swap("shell: bash", "shell: sh")),
]


@pytest.mark.parametrize(("rule", "change"), ACTION_MUTANTS)
def test_breaking_a_rule_of_the_action_is_noticed(rule: str, change: Callable[[str], str]) -> None:
    assert rule in broken_action(change(ACTION))


def test_every_rule_has_a_mutant() -> None:
    assert set(rules(WORKFLOWS)) == {rule for rule, _, _ in MUTANTS}


def test_the_machine_measures_plans_and_no_fixed_list() -> None:
    assert "matrix" not in WORKFLOWS["gpu-evidence.yml"]
    stages = parse((REPO / "cycles" / "release.yaml").read_text("utf-8"))["stages"]
    # What the release policy asks for, one summary each.
    names = ("random_model", "transcoder", "ood", "saebench", "cebench")
    assert {name: stage["config"] for name, stage in stages.items()} == {
        name: f"runners/configs/{name}/full.yaml" for name in names
    }
    assert all(stage["run"] == name for name, stage in stages.items())


def test_everything_that_the_gate_installs_from_is_in_the_repository() -> None:
    for name in ("install-gate.sh", "find-python.sh", "gate.lock", "sign.lock"):
        assert (Path(REPO) / "requirements" / name).is_file()
