from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from acceptance.console_script import gatekit

from gatekit.errors import GatekitError
from gatekit.github.doctor import diagnose, read_exports, read_workflows
from gatekit.github.holes import HoleState, Names, exit_code
from gatekit.github.workflow_holes import workflow_holes
from gatekit.pull_request.codeowners import owners, parse

REPO = Path(__file__).resolve().parents[2]

# In the form of GitHub's answers, cut to the fields that are read and a few beside them.
BRANCH_RULES: list[dict[str, Any]] = [
    {"type": "deletion", "ruleset_source_type": "Repository", "ruleset_source": "octo/cat", "ruleset_id": 42},
    {
        "type": "pull_request",
        "parameters": {
            "required_approving_review_count": 1,
            "dismiss_stale_reviews_on_push": True,
            "require_code_owner_review": True,
            "require_last_push_approval": True,
            "required_review_thread_resolution": False,
        },
        "ruleset_source_type": "Repository",
        "ruleset_source": "octo/cat",
        "ruleset_id": 42,
    },
    {
        "type": "required_status_checks",
        "parameters": {
            "strict_required_status_checks_policy": True,
            "required_status_checks": [
                {"context": "ci / test", "integration_id": 15368},
                {"context": "gatekit / gate", "integration_id": 15368},
            ],
        },
        "ruleset_source_type": "Repository",
        "ruleset_source": "octo/cat",
        "ruleset_id": 42,
    },
]
RULESET = {
    "id": 42,
    "name": "main",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
    "rules": [{key: rule[key] for key in ("type", "parameters") if key in rule} for rule in BRANCH_RULES],
    "bypass_actors": [],
}


def environment(name: str) -> dict[str, Any]:
    return {
        "id": 1,
        "name": name,
        "can_admins_bypass": False,
        "protection_rules": [
            {
                "id": 2,
                "type": "required_reviewers",
                "prevent_self_review": True,
                "reviewers": [{"type": "User", "reviewer": {"login": "alice"}}],
            },
            {"id": 3, "type": "branch_policy"},
        ],
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
    }


POLICIES = {"total_count": 1, "branch_policies": [{"id": 1, "name": "main", "type": "branch"}]}

CLOSED: dict[str, Any] = {
    "rules.json": BRANCH_RULES,
    "ruleset.json": RULESET,
    "environments.json": {
        "total_count": 2,
        "environments": [environment("gpu-evidence"), environment("gpu-evidence-signing")],
    },
    "policies.json": POLICIES,
    "groups.json": {
        "total_count": 2,
        "runner_groups": [
            {"id": 1, "name": "Default", "visibility": "all", "restricted_to_workflows": False},
            {
                "id": 2,
                "name": "gpu-evidence",
                "visibility": "selected",
                "restricted_to_workflows": True,
                "selected_workflows": [
                    "octo/cat/.github/workflows/gpu-evidence.yml@refs/heads/main",
                ],
            },
        ],
    },
    "runners.json": {"total_count": 0, "runners": []},
    "permissions.json": {"enabled": True, "allowed_actions": "selected", "sha_pinning_required": True},
    "workflow.json": {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False},
    "forks.json": {"approval_policy": "all_external_contributors"},
    "CODEOWNERS": "* @octo/maintainers\n",
}
ALWAYS_UNKNOWN = {"events", "runner host"}


def saved(folder: Path, files: dict[str, Any]) -> list[str]:
    """Write the files and return the options that name them."""
    for name, content in files.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    options = {
        "rules.json": "--ruleset=",
        "ruleset.json": "--ruleset=",
        "environments.json": "--environment=",
        "policies.json": "--branch-policies=gpu-evidence=",
        "groups.json": "--runner-groups=",
        "runners.json": "--runner-groups=",
        "permissions.json": "--actions=",
        "workflow.json": "--actions=",
        "forks.json": "--actions=",
        "CODEOWNERS": "--codeowners=",
    }
    words = [options[name] + name for name in files]
    if "policies.json" in files:
        words.append("--branch-policies=gpu-evidence-signing=policies.json")
    return words


def states(folder: Path, files: dict[str, Any], workflows: Any = None) -> dict[str, HoleState]:
    saved(folder, files)

    def given(*names: str) -> list[str]:
        return [str(folder / name) for name in names if name in files]

    policies = given("policies.json")
    exports = read_exports(
        given("rules.json", "ruleset.json"),
        given("environments.json"),
        {name: policies[0] for name in Names.environments if policies},
        given("groups.json", "runners.json"),
        given("permissions.json", "workflow.json", "forks.json"),
        next(iter(given("CODEOWNERS")), None),
    )
    return {hole.name: hole.state for hole in diagnose(exports, workflows, Names())}


def all_closed() -> dict[str, Any]:
    return copy.deepcopy(CLOSED)


def test_a_repository_set_up_as_the_documentation_says_has_no_open_hole(tmp_path: Path) -> None:
    words = saved(tmp_path, all_closed())
    done = gatekit("doctor", *words, f"--workflows={REPO / '.github' / 'workflows'}", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\n0 open, 27 closed, 2 unknown\n" in done.stdout


def test_what_no_export_says_stays_unknown_even_then(tmp_path: Path) -> None:
    found = states(tmp_path, all_closed(), read_workflows(str(REPO / ".github" / "workflows")))
    assert {name for name, state in found.items() if state is HoleState.UNKNOWN} == ALWAYS_UNKNOWN


def test_without_any_file_nothing_is_closed_and_the_exit_code_is_3(tmp_path: Path) -> None:
    assert set(states(tmp_path, {}).values()) == {HoleState.UNKNOWN}
    done = gatekit("doctor", cwd=tmp_path)
    assert done.returncode == 3
    assert "nothing could be checked" in done.stdout


def test_files_that_are_here_and_were_not_given_are_named_as_the_next_step(tmp_path: Path) -> None:
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / "CODEOWNERS").write_text("* @o/m\n")
    said = "next: `gatekit doctor {}` reads what is here"
    both = gatekit("doctor", cwd=tmp_path).stdout
    assert said.format("--workflows .github/workflows --codeowners CODEOWNERS") in both
    assert (
        said.format("--workflows .github/workflows")
        in gatekit("doctor", "--codeowners", "CODEOWNERS", cwd=tmp_path).stdout
    )


@pytest.mark.parametrize("name", CLOSED)
def test_a_file_that_is_left_out_closes_nothing_and_opens_nothing_by_itself(tmp_path: Path, name: str) -> None:
    files = all_closed()
    del files[name]
    if name == "rules.json":
        del files["ruleset.json"]
    found = states(tmp_path, files)
    whole = states(tmp_path, all_closed())
    changed = {hole for hole in found if found[hole] is not whole[hole]}
    assert changed
    assert {found[hole] for hole in changed} == {HoleState.UNKNOWN}


def put(name: str, *path: Any) -> Callable[[dict[str, Any]], None]:
    """Set a value in a file; the last of `path` is the value, and ... in its place deletes."""
    *way, last, value = path

    def change(files: dict[str, Any]) -> None:
        where = files[name]
        for step in way:
            where = where[step]
        if value is ...:
            del where[last]
        else:
            where[last] = value

    return change


REVIEW, CHECKS = ("rules.json", 1, "parameters"), ("rules.json", 2, "parameters")
GROUP = ("groups.json", "runner_groups", 1)
GPU = ("environments.json", "environments", 0)
SIGNING = ("environments.json", "environments", 1)
EDITING = "a change of the gate's own workflow"

OPENED = [
    ("required check", put(*CHECKS, "required_status_checks", 1, "context", "gatekit/gate")),
    ("required check", put("rules.json", 2, "type", "required_deployments")),
    ("source of the check", put(*CHECKS, "required_status_checks", 1, "integration_id", ...)),
    ("source of the check", put(*CHECKS, "required_status_checks", 1, "integration_id", None)),
    ("out of date", put(*CHECKS, "strict_required_status_checks_policy", False)),
    ("out of date", put(*CHECKS, "strict_required_status_checks_policy", "true")),
    ("bypass", put("ruleset.json", "bypass_actors", [{"actor_id": 5, "actor_type": "RepositoryRole"}])),
    ("code-owner review", put(*REVIEW, "require_code_owner_review", False)),
    ("code-owner review", put(*REVIEW, "required_approving_review_count", 0)),
    (EDITING, put(*REVIEW, "require_code_owner_review", False)),
    (EDITING, lambda files: files.update(CODEOWNERS="* @o/m\n/.github/\n")),
    ("owners of the trust root", lambda files: files.update(CODEOWNERS="docs/ @o/m\n")),
    ("owners of the trust root", lambda files: files.update(CODEOWNERS="* @o/m\npolicies/*.yaml\n")),
    ("owners of the trust root", lambda files: files.update(CODEOWNERS="* @o/m\nkinds/\n")),
    (
        "owners of the trust root",
        lambda files: files.update(CODEOWNERS="* @o/m\n.github/\n.github/workflows/gate.yml @o/m\n"),
    ),
    (
        "owners of the trust root",
        lambda files: files.update(CODEOWNERS="* @o/m\npolicies/\npolicies/release.yaml @o/m\n"),
    ),
    ("approval of an older state", put(*REVIEW, "dismiss_stale_reviews_on_push", False)),
    ("approval of one's own push", put(*REVIEW, "require_last_push_approval", ...)),
    ("actions by tag", put("permissions.json", "sha_pinning_required", False)),
    ("actions by tag", put("permissions.json", "sha_pinning_required", 1)),
    ("a token that writes", put("workflow.json", "default_workflow_permissions", "write")),
    ("approval by a workflow", put("workflow.json", "can_approve_pull_request_reviews", True)),
    ("runs of strangers", put("forks.json", "approval_policy", "first_time_contributors")),
    ("environment gpu-evidence: reviewers", put(*GPU, "protection_rules", [])),
    ("environment gpu-evidence: reviewers", put(*GPU, "protection_rules", 0, "reviewers", [])),
    ("environment gpu-evidence: self-review", put(*GPU, "protection_rules", 0, "prevent_self_review", False)),
    ("environment gpu-evidence: administrators", put(*GPU, "can_admins_bypass", True)),
    ("environment gpu-evidence: branches", put(*GPU, "deployment_branch_policy", None)),
    (
        "environment gpu-evidence: branches",
        put(*GPU, "deployment_branch_policy", {"protected_branches": True, "custom_branch_policies": False}),
    ),
    ("environment gpu-evidence: branches", put("policies.json", "branch_policies", 0, "name", "*")),
    ("environment gpu-evidence: branches", put("policies.json", "branch_policies", 0, "type", "tag")),
    ("environment gpu-evidence-signing: branches", put(*SIGNING, "deployment_branch_policy", None)),
    ("environment gpu-evidence-signing: administrators", put(*SIGNING, "name", "signing")),
    ("runner group: repositories", put(*GROUP, "visibility", "all")),
    ("runner group: repositories", put(*GROUP, "name", "gpus")),
    ("runner group: workflows", put(*GROUP, "restricted_to_workflows", False)),
    ("runner group: workflows", put(*GROUP, "selected_workflows", [])),
    (
        "runner group: workflows",
        put(*GROUP, "selected_workflows", ["octo/cat/.github/workflows/gpu-evidence.yml@refs/heads/dev"]),
    ),
    (
        "runner group: workflows",
        put(*GROUP, "selected_workflows", 0, "octo/cat/.github/workflows/ci.yml@refs/heads/main"),
    ),
    (
        "runner group: workflows",
        put(
            *(*GROUP, "selected_workflows"),
            [f"octo/cat/.github/workflows/{name}.yml@refs/heads/main" for name in ("gpu-evidence", "ci")],
        ),
    ),
    ("runners of the repository", lambda files: files.update({"runners.json": {"total_count": 1, "runners": [{}]}})),
]


@pytest.mark.parametrize(("hole", "change"), OPENED, ids=[f"{n}: {hole}" for n, (hole, _) in enumerate(OPENED)])
def test_a_setting_that_is_off_is_an_open_hole(
    tmp_path: Path, hole: str, change: Callable[[dict[str, Any]], None]
) -> None:
    files = all_closed()
    change(files)
    found = states(tmp_path, files)
    assert found[hole] is HoleState.OPEN
    assert sum(state is HoleState.OPEN for state in found.values()) <= 4


def test_an_open_hole_exits_2_and_says_how_to_close_it(tmp_path: Path) -> None:
    files = all_closed()
    put(*CHECKS, "strict_required_status_checks_policy", False)(files)
    done = gatekit("doctor", *saved(tmp_path, files), cwd=tmp_path)
    assert done.returncode == 2
    assert "OPEN     out of date: " in done.stdout
    assert "require branches to be up to date" in done.stdout


def test_no_rules_at_all_leave_every_way_open(tmp_path: Path) -> None:
    found = states(tmp_path, {"rules.json": []})
    assert [found[name] for name in ("required check", "out of date", "bypass", EDITING)] == [HoleState.OPEN] * 4


def test_a_bypass_list_that_only_administrators_see_is_unknown_when_it_is_missing(tmp_path: Path) -> None:
    files = all_closed()
    del files["ruleset.json"]["bypass_actors"]
    assert states(tmp_path, files)["bypass"] is HoleState.UNKNOWN


@pytest.mark.parametrize(
    "change",
    [
        {"enforcement": "evaluate"},
        {"enforcement": "disabled"},
        {"target": "tag"},
        {"conditions": {"ref_name": {"include": ["refs/heads/release/*"], "exclude": []}}},
        {"conditions": {"ref_name": {"include": ["~ALL"], "exclude": ["refs/heads/main"]}}},
        {"conditions": {"ref_name": {"include": ["~ALL"], "exclude": ["refs/heads/**/*"]}}},
    ],
    ids=str,
)
def test_a_ruleset_that_is_not_in_force_on_the_branch_closes_nothing(tmp_path: Path, change: dict[str, Any]) -> None:
    alone = {"ruleset.json": RULESET, "CODEOWNERS": "* @o/m\n"}
    assert states(tmp_path, alone)["required check"] is HoleState.CLOSED
    assert states(tmp_path, {**alone, "ruleset.json": {**RULESET, **change}})["required check"] is HoleState.OPEN


def test_a_workflow_that_the_organisation_requires_closes_its_own_hole_without_code_owners(tmp_path: Path) -> None:
    required = {
        "type": "workflows",
        "parameters": {
            "workflows": [{"path": ".github/workflows/gate.yml", "repository_id": 1, "ref": "refs/heads/main"}]
        },
        "ruleset_id": 7,
    }
    found = states(tmp_path, {"rules.json": [required]})
    assert (found[EDITING], found["required check"], found["code-owner review"]) == (
        HoleState.CLOSED,
        HoleState.CLOSED,
        HoleState.OPEN,
    )


def test_a_merge_queue_that_requires_all_entries_to_pass_is_up_to_date(tmp_path: Path) -> None:
    files = all_closed()
    put(*CHECKS, "strict_required_status_checks_policy", False)(files)
    queue = {"type": "merge_queue", "parameters": {"grouping_strategy": "ALLGREEN"}, "ruleset_id": 42}
    assert states(tmp_path, {**files, "rules.json": [*files["rules.json"], queue]})["out of date"] is HoleState.CLOSED
    queue["parameters"] = {"grouping_strategy": "HEADGREEN"}
    assert states(tmp_path, {**files, "rules.json": [*files["rules.json"], queue]})["out of date"] is HoleState.OPEN


@pytest.mark.parametrize(
    ("file", "content", "error_id"),
    [
        ("rules.json", {"message": "Not Found", "documentation_url": "x", "status": "404"}, "doctor.permission"),
        ("rules.json", [3], "doctor.unknown_export"),
        ("rules.json", "[", "json.syntax"),
        ("environments.json", {"total_count": 31, "environments": [environment("a")]}, "doctor.unknown_export"),
        ("groups.json", {"runner_groups": {}}, "doctor.unknown_export"),
        ("runners.json", [], "doctor.unknown_export"),
        ("policies.json", {"branches": []}, "doctor.unknown_export"),
    ],
)
def test_a_file_that_is_not_the_whole_export_is_refused(tmp_path: Path, file: str, content: Any, error_id: str) -> None:
    with pytest.raises(GatekitError) as caught:
        states(tmp_path, {file: content})
    assert (caught.value.error_id, int(caught.value.exit_code)) == (error_id, 4)


GATE = {
    "on": {"pull_request": None, "merge_group": None},
    "jobs": {"gate": {"name": "gatekit / gate", "runs-on": "ubuntu-24.04", "steps": [{"run": "gatekit action"}]}},
}


def gate(on: Any = GATE["on"], run: str = "gatekit action", step: Any = None, **changes: Any) -> dict[str, Any]:
    """A workflow whose gate's job has one step, which judges."""
    steps = [{"run": run} | (step or {})]
    return {"on": on, "jobs": {"gate": {"name": "gatekit / gate", "runs-on": "ubuntu-24.04", "steps": steps} | changes}}


def job(**changes: Any) -> dict[str, Any]:
    return {"on": {"pull_request": None}, "jobs": {"x": {"runs-on": "ubuntu-24.04", "steps": []} | changes}}


MEASURING = "octo/gatekit/.github/workflows/gpu-evidence.yml@" + "a" * 40


@pytest.mark.parametrize(
    ("hole", "workflows"),
    [
        ("one check of that name", {"ci.yml": job()}),
        ("one check of that name", {"gate.yml": GATE, "b.yml": job(name="gatekit / gate")}),
        ("one check of that name", {"gate.yml": GATE, "b.yml": job(name="gatekit / gate (refs/heads/main)")}),
        ("a gate that may not report", {"gate.yml": {**GATE, "on": {"pull_request": {"paths": ["docs/**"]}}}}),
        ("a gate that may not report", {"gate.yml": job(**{"name": "gatekit / gate", "if": "false"})}),
        ("privileged triggers", {"x.yml": {**job(), "on": "pull_request_target"}}),
        ("privileged triggers", {"x.yml": {**job(), "on": ["push", "pull_request_target"]}}),
        (
            "privileged triggers",
            {"x.yml": {**job(steps=[{"uses": "actions/checkout@" + "a" * 40}]), "on": {"workflow_run": {}}}},
        ),
        ("self-hosted machines", {"x.yml": job(**{"runs-on": ["self-hosted", "gpu"]})}),
        ("self-hosted machines", {"x.yml": job(**{"runs-on": "b200"})}),
        ("self-hosted machines", {"x.yml": job(**{"runs-on": {"group": "gpu-evidence"}})}),
        ("self-hosted machines", {"x.yml": job(**{"runs-on": "${{ inputs.machine }}"})}),
        ("self-hosted machines", {"x.yml": {"on": "push", "jobs": {"x": {"uses": MEASURING}}}}),
        ("self-hosted machines", {"x.yml": {**job(**{"runs-on": "b200"}), "on": {"workflow_call": {}}}}),
        (
            "self-hosted machines",
            {
                "x.yml": {"on": "push", "jobs": {"x": {"uses": "./.github/workflows/y.yml"}}},
                "y.yml": {**job(**{"runs-on": "b200"}), "on": {"workflow_call": {}, "workflow_dispatch": {}}},
            },
        ),
        ("actions that can change", {"x.yml": job(steps=[{"uses": "actions/checkout@v7"}])}),
        ("actions that can change", {"x.yml": job(steps=[{"uses": "./local"}])}),
        ("actions that can change", {"x.yml": job(uses="octo/cat/.github/workflows/x.yml@main")}),
    ],
)
def test_a_hole_in_a_workflow_file_is_found(tmp_path: Path, hole: str, workflows: dict[str, Any]) -> None:
    assert states(tmp_path, {}, workflows)[hole] is HoleState.OPEN
    assert states(tmp_path, {}, {"gate.yml": GATE})[hole] is HoleState.CLOSED


def test_a_workflow_that_people_start_may_call_the_one_that_measures(tmp_path: Path) -> None:
    calling = {"on": {"workflow_dispatch": {}}, "jobs": {"gpu": {"uses": MEASURING}}}
    found = states(tmp_path, {}, {"gate.yml": GATE, "gpu.yml": calling})
    assert found["self-hosted machines"] is HoleState.CLOSED
    assert found["actions that can change"] is HoleState.CLOSED


REUSABLE = "octo/gatekit/.github/workflows/gate-reusable.yml@" + "a" * 40


def caller(**changes: Any) -> dict[str, Any]:
    """A workflow whose job calls gatekit's reusable workflow; its check is `gatekit / gate (refs/heads/main)`."""
    return {"on": GATE["on"], "jobs": {"x": {"name": "gatekit", "uses": REUSABLE} | changes}}


def test_a_job_that_calls_the_reusable_workflow_is_a_gate(tmp_path: Path) -> None:
    found = states(tmp_path, {}, {"gate.yml": caller()})
    for hole in ("one check of that name", "a gate that may not report", "self-hosted machines"):
        assert found[hole] is HoleState.CLOSED, hole
    by_key = {"on": GATE["on"], "jobs": {"gatekit": {"uses": REUSABLE}}}
    assert states(tmp_path, {}, {"gate.yml": by_key})["one check of that name"] is HoleState.CLOSED


@pytest.mark.parametrize(
    ("hole", "workflow"),
    [
        ("one check of that name", caller(name="other")),
        ("one check of that name", caller(**{"with": {"working-directory": "packages/sae"}})),
        ("a gate that may not report", caller(**{"with": {"advisory": True}})),
        ("a gate that may not report", caller(**{"if": "false"})),
        ("a gate that may not report", caller(needs=["lint"])),
        ("a gate that may not report", {**caller(), "on": "pull_request"}),
        ("self-hosted machines", caller(**{"with": {"runs-on": "gpu-box"}})),
        ("actions that can change", caller(uses=REUSABLE.partition("@")[0] + "@v1")),
    ],
)
def test_a_hole_in_a_call_of_the_reusable_workflow_is_found(
    tmp_path: Path, hole: str, workflow: dict[str, Any]
) -> None:
    assert states(tmp_path, {}, {"gate.yml": workflow})[hole] is HoleState.OPEN


def test_two_gates_of_one_name_are_found_though_one_is_a_call(tmp_path: Path) -> None:
    assert states(tmp_path, {}, {"a.yml": GATE, "b.yml": caller()})["one check of that name"] is HoleState.OPEN


@pytest.mark.parametrize(
    ("context", "guards"),
    [
        ("gatekit / gate", True),
        ("gatekit / gate (refs/heads/main)", True),
        ("gatekit / gate (refs/heads/dev)", False),
        ("gatekit / gates", False),
    ],
)
def test_a_required_check_names_the_branch_that_it_guards_or_none(context: str, guards: bool) -> None:
    assert Names().guards(context) is guards


@pytest.mark.parametrize(
    ("workflow", "finding"),
    [
        (gate(on="pull_request"), "it does not run on merge_group"),
        (gate(on=["merge_group", "push"]), "it does not run on pull_request"),
        (gate(on={**GATE["on"], "pull_request": {"types": ["opened"]}}), "lack synchronize and reopened"),
        (gate(on={**GATE["on"], "pull_request": {"types": "synchronize"}}), "lack opened and reopened"),
        (gate(on={**GATE["on"], "merge_group": {"types": []}}), "types of merge_group lack checks_requested"),
        (gate(on={**GATE["on"], "merge_group": {"branches": ["main"]}}), "filters what it runs for on merge_group"),
        (gate(needs=["lint"]), "its job has `needs`"),
        (gate(needs="lint"), "its job has `needs`"),
        (gate(**{"continue-on-error": True}), "its job has continue-on-error"),
        (gate(**{"continue-on-error": "${{ inputs.soft }}"}), "its job has continue-on-error"),
        (gate(step={"continue-on-error": True}), "the step that judges has continue-on-error"),
        (gate(step={"if": "github.actor != 'bot'"}), "the step that judges has a condition"),
        (gate(step={"if": False}), "the step that judges has a condition"),
        (gate(step={"run": None, "uses": "o/gatekit@" + "a" * 40, "with": {"advisory": True}}), "it never fails"),
        (gate(step={"env": {"GATEKIT_INPUT_ADVISORY": "true"}}), "it never fails"),
        (gate(run="set +e\ngatekit action\necho done"), "goes on after an error"),
        (gate(run="gatekit action\necho done", step={"shell": "bash {0}"}), "goes on after an error"),
        (gate(run="gatekit action || true"), "by ||"),
        (gate(run="gatekit action \\\n  --verbose || :"), "by ||"),
        (gate(run="if gatekit action; then echo passed; fi"), "for a condition"),
        (gate(run="gatekit check --advisory"), "it never fails"),
        (gate(run='gatekit action || true\n[ -n "$X" ] || exit 64'), "by ||"),
        (gate(run='[ -n "$X" ] || exit 64\ngatekit action || true'), "by ||"),
        (gate(run='[ -n "$X" ] || exit 64\nset +e\ngatekit action\necho done'), "goes on after an error"),
        (gate(run="make gate", step={"continue-on-error": True}), "continue-on-error"),
        (gate(run="set +e; gatekit action; echo done"), "goes on after an error"),
        (gate(run="gatekit action &"), "does not wait"),
        (gate(run="gatekit action | tee log"), "without pipefail"),
        (gate(run="gatekit action & wait"), "does not wait"),
        (gate(run="gatekit action && echo passed\necho done"), "by &&, and goes on"),
        (gate(run='echo "$(gatekit action)"'), "into another command"),
        (gate(run="export VERDICT=$(gatekit action)"), "into another command"),
        (gate(run="cat <(gatekit action)"), "into another command"),
        (gate(run="trap 'exit 0' EXIT\ngatekit action"), "by a trap"),
        (gate(run="leave() { exit; }\ntrap leave ERR\ngatekit action"), "by a trap"),
        (gate(run="gatekit action\nexit 0", step={"shell": "pwsh"}), "is one for 'pwsh'"),
        (gate(run="gatekit action\nexit 0", **{"runs-on": "windows-2025"}), "is one for 'pwsh'"),
        (gate(run="subprocess.run(['gatekit', 'action'])", step={"shell": "python"}), "is one for 'python'"),
        (gate(env={"GATEKIT_INPUT_ADVISORY": True}), "it never fails"),
        ({**gate(), "env": {"GATEKIT_INPUT_ADVISORY": "true"}}, "it never fails"),
        (gate(strategy={"matrix": {"python": [3.11, 3.12]}}), "its job has a matrix"),
        (gate(steps=None, uses="./.github/workflows/inner.yml"), "calls another workflow"),
        (gate(steps=[]), "no step of its job is known to run gatekit"),
        (gate(run="make gate"), "no step of its job is known to run gatekit"),
        (gate(run="gatekit lint"), "runs gatekit lint alone"),
        (gate(run="gatekit check"), "by the policies of the change itself"),
        (gate(step={"run": None, "uses": "o/gatekit@" + "a" * 40, "with": {"mode": "check"}}), "of the change itself"),
        (gate(step={"env": {"GATEKIT_INPUT_MODE": "check"}}), "by the policies of the change itself"),
        (gate(env={"GATEKIT_INPUT_BASE_REF": "${{ github.head_ref }}"}), "'${{ github.head_ref }}' for the base"),
        (gate(step={"run": None, "uses": "o/gatekit@" + "a" * 40, "with": {"base-ref": "lenient"}}), "for the base"),
        (gate(env={"PATH": "${{ github.workspace }}/tools:/usr/bin"}), "decides what is run: PATH"),
        ({**gate(), "env": {"BASH_ENV": "ci/env.sh"}}, "decides what is run: BASH_ENV"),
        (gate(step={"env": {"PYTHONPATH": "."}}), "decides what is run: PYTHONPATH"),
        (
            gate(steps=[{"run": "echo GATEKIT_INPUT_ADVISORY=true >> $GITHUB_ENV"}, {"run": "gatekit action"}]),
            "a script of its job makes the step that judges advisory",
        ),
        (gate(run="export GATEKIT_INPUT_MODE='check'\ngatekit action"), "by the change's own policies"),
        (gate(run="gatekit() { :; }\ngatekit action"), "says itself what `gatekit` is"),
        (gate(run="alias gatekit=true\ngatekit action"), "says itself what `gatekit` is"),
        (gate(run="gatekit action --help"), "asks for help or a version"),
        (gate(run='[ "$ACTOR" = bot ] && exit 0\ngatekit action'), "may end in success before it judges"),
        (gate(run="if [ ! -d policies ]; then\n  exit\nfi\ngatekit action"), "may end in success before it judges"),
        (gate(run="if [ -d policies ]; then\n  gatekit action\nfi"), "judges only on a condition"),
        (gate(run="if [ -d policies ]; then gatekit action; fi"), "judges only on a condition"),
        (gate(run="case $X in\n  a) gatekit action ;;\nesac"), "judges only on a condition"),
        (gate(run="[ ! -d policies ] || gatekit action"), "only where what stands before || fails"),
        (gate(run="cd project && gatekit action\necho done"), "goes on where what stands before && fails"),
        (gate(run="{\n  gatekit action\n} || true"), "swallows the failure of a block"),
        (gate(run="for p in a b; do\n  gatekit action\ndone || :"), "swallows the failure of a block"),
        (gate(run="gatekit action", step={"shell": "bash -n {0}"}), "does not run the script"),
        (gate(run="gatekit action", step={"shell": "sh -c true {0}"}), "does not run the script"),
    ],
)
def test_a_gate_that_is_green_or_absent_without_judging_is_found(workflow: dict[str, Any], finding: str) -> None:
    (hole,) = [each for each in workflow_holes({"gate.yml": workflow}, Names()) if "may not report" in each.name]
    assert hole.state is HoleState.OPEN
    assert finding in hole.finding


@pytest.mark.parametrize(
    "workflow",
    [
        gate(on={**GATE["on"], "push": {"branches": ["main"]}}),
        gate(on={**GATE["on"], "pull_request": {"types": ["opened", "synchronize", "reopened", "labeled"]}}),
        gate(**{"continue-on-error": False}),
        gate(step={"if": "${{ always() }}"}),
        gate(step={"env": {"GATEKIT_INPUT_ADVISORY": "false"}}),
        gate(run="set +e\ngatekit action\ncode=$?\necho done\nexit $code"),
        gate(run='gatekit action || code=$?\nexit "$code"'),
        gate(run="# gatekit action || true\ngatekit action"),
        gate(steps=[{"run": "uv pip install gatekit || pip install gatekit"}, {"run": "gatekit action"}]),
        gate(run="gatekit action || exit 2"),
        gate(run="if gatekit action; then\n  echo passed\nelse\n  exit 2\nfi"),
        gate(steps=[{"uses": "o/setup-uv@" + "a" * 40, "if": "runner.os == 'Linux'"}, {"run": "gatekit action"}]),
        gate(run="test -f x || touch x\ngatekit action"),
        gate(run="gatekit action | tee log", step={"shell": "bash"}),
        gate(run="set -euo pipefail\ngatekit action | tee log"),
        gate(run="gatekit action > log 2>&1"),
        gate(run="gatekit action &> log"),
        gate(run='gatekit action & pid=$!\nwait "$pid"'),
        gate(run="cd project && gatekit action"),
        gate(run="gatekit pr --base origin/main"),
        gate(run="gatekit lint\ngatekit action"),
        gate(run='if [ -z "$X" ]; then\n  exit 64\nfi\ngatekit action'),
        gate(run='if [ -n "$X" ]; then\n  gatekit action\nelse\n  exit 64\nfi'),
        gate(run="command -v uv || pip install uv; gatekit action"),
        gate(run="{\n  gatekit action\n} || exit 2"),
        gate(step={"env": {"GATEKIT_INPUT_BASE_REF": "${{ github.base_ref }}"}}),
        gate(step={"env": {"GATEKIT_INPUT_BASE_REF": "refs/heads/main", "GATEKIT_INPUT_MODE": "pr"}}),
        gate(run="exec bin/python -I bin/gatekit action", step={"shell": "bash --noprofile -eo pipefail {0}"}),
        gate(run="gatekit action && echo passed"),
        gate(run="verdict=$(gatekit action)\necho $verdict"),
        gate(run="trap 'rm -rf cache' EXIT\ngatekit action"),
        gate(run="gatekit action", step={"shell": "bash -euo pipefail {0}"}),
        gate(run="gatekit action", step={"shell": "/usr/bin/bash -e {0}"}),
        gate(steps=[{"run": "gatekit action"}, {"uses": "actions/upload-artifact@" + "a" * 40, "if": "failure()"}]),
        gate(steps=[{"run": "gatekit action"}, {"run": "make clean || true", "continue-on-error": True}]),
    ],
)
def test_what_only_looks_like_a_silent_gate_is_none(workflow: dict[str, Any]) -> None:
    (hole,) = [each for each in workflow_holes({"gate.yml": workflow}, Names()) if "may not report" in each.name]
    assert (hole.state, hole.finding) == (HoleState.CLOSED, "as it should be")


def test_a_folder_without_workflows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GatekitError, match="no workflows"):
        read_workflows(str(tmp_path))


# From GitHub's documentation of CODEOWNERS, and gitignore(5).
@pytest.mark.parametrize(
    ("pattern", "owned", "not_owned"),
    [
        ("*", ["a", "a/b/c"], []),
        ("*.js", ["a.js", "x/y/a.js"], ["a.jsx"]),
        ("/build/logs/", ["build/logs/a", "build/logs/a/b"], ["x/build/logs/a", "build/logs"]),
        ("docs/*", ["docs/a.md"], ["docs/a/b.md", "x/docs/a.md"]),
        ("apps/", ["apps/a", "x/apps/a"], ["apps"]),
        ("/docs/", ["docs/a"], ["x/docs/a"]),
        ("/scripts", ["scripts", "scripts/a"], ["x/scripts"]),
        ("**/logs", ["logs/a", "build/logs/a", "deeply/nested/logs/x"], ["logs2/a"]),
        ("a/**/b", ["a/b", "a/x/y/b"], ["ab"]),
        ("abc/**", ["abc/x", "abc/x/y"], ["abc"]),
        ("action.yml", ["action.yml", "x/action.yml"], ["xaction.yml", "actionxyml"]),
    ],
)
def test_a_pattern_owns_what_the_documentation_says(pattern: str, owned: list[str], not_owned: list[str]) -> None:
    rules = parse(f"{pattern} @octocat\n")
    assert [path for path in owned if not owners(rules, path)] == []
    assert [path for path in not_owned if owners(rules, path)] == []


def test_the_last_line_that_matches_decides_also_without_an_owner() -> None:
    rules = parse("# all\n* @a @b # us\n/apps/ @c\n/apps/github\n!x @d\n[ab] @e\nbad line here\n")
    assert owners(rules, "x") == ("@a", "@b")
    assert owners(rules, "apps/y") == ("@c",)
    assert owners(rules, "apps/github") == ()


def test_the_exit_code_of_no_holes_is_not_a_pass() -> None:
    assert exit_code([]) == 3


def test_maps_that_merge_each_other_are_refused_before_they_are_merged(tmp_path: Path) -> None:
    lines = ["jobs: {}", "a0: &a0 {x: 1, y: 2}", *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 30))]
    (tmp_path / "w.yml").write_text("\n".join(lines))
    with pytest.raises(GatekitError, match="it merges maps"):
        read_workflows(str(tmp_path))
