"""Holes in what may run, and where: Actions as a whole, the environments and the GPU machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.github.holes import GPU_WORKFLOWS, Exports, Hole, HoleState, Json, Names, objects


def machine_holes(exports: Exports, names: Names) -> list[Hole]:
    """Return the holes of settings 3 to 5."""
    host = Hole(
        5,
        "runner host",
        HoleState.UNKNOWN,
        "no export says how the GPU machine is set up",
        "one job per registration, a fresh container or VM as non-root, no docker socket, an egress allow-list, the "
        "GPU's memory cleared, keys under another user or elsewhere; docs/github.md has the list",
    )
    return [*_actions(exports.actions), *_environments(exports, names), *_runners(exports, names), host]


def _actions(given: Json) -> list[Hole]:
    wanted: list[tuple[str, str, Any, str]] = [
        ("actions by tag", "sha_pinning_required", True, "require actions to be pinned to a full-length commit"),
        ("a token that writes", "default_workflow_permissions", "read", "read-only as the default of the token"),
        (
            "approval by a workflow",
            "can_approve_pull_request_reviews",
            False,
            "do not let Actions create and approve pull requests; gpu-evidence then leaves the opening to a person",
        ),
        (
            "runs of strangers",
            "approval_policy",
            "all_external_contributors",
            "require approval for all external contributors",
        ),
    ]
    holes = []
    for name, key, value, remedy in wanted:
        if key not in given:
            holes.append(Hole(3, name, HoleState.UNKNOWN, f"no export says what {key} is", remedy))
        else:
            same = given[key] == value and type(given[key]) is type(value)
            holes.append(
                Hole(3, name, HoleState.CLOSED if same else HoleState.OPEN, f"{key} is {given[key]!r}", remedy)
            )
    protections = (
        "allow only the events and people that are needed, under Settings, Actions, Workflow execution protections"
    )
    holes.append(
        Hole(3, "events", HoleState.UNKNOWN, "no export that we know says which events may start a run", protections)
    )
    return holes


def _environments(exports: Exports, names: Names) -> list[Hole]:
    holes: list[Hole] = []
    for index, name in enumerate(names.environments):
        wanted = {
            "reviewers": f"required reviewers for the environment {name}",
            "self-review": f"prevent self-review in the environment {name}",
            "administrators": f"do not let administrators bypass the environment {name}",
            "branches": f"deployment branch {names.branch} only for the environment {name}",
        }
        if index:  # who may measure was asked before; the key is kept from other branches
            del wanted["reviewers"], wanted["self-review"]
        found = [item for item in exports.environments or () if item.get("name") == name]
        for part, remedy in wanted.items():
            title = f"environment {name}: {part}"
            if exports.environments is None:
                holes.append(Hole(4, title, HoleState.UNKNOWN, "no environments were given", remedy))
            elif not found:
                holes.append(
                    Hole(4, title, HoleState.OPEN, "there is no such environment; GitHub makes an open one", remedy)
                )
            else:
                state, finding = _environment(found[0], part, exports.branch_policies.get(name), names.branch)
                holes.append(Hole(4, title, state, finding, remedy))
    return holes


def _environment(item: Json, part: str, policies: Sequence[Json] | None, branch: str) -> tuple[HoleState, str]:
    reviews = [r for r in objects(item.get("protection_rules")) if r.get("type") == "required_reviewers"]
    if part == "reviewers":
        closed = any(objects(rule.get("reviewers")) for rule in reviews)
        return (HoleState.CLOSED, "somebody has to approve") if closed else (HoleState.OPEN, "nobody has to approve")
    if part == "self-review":
        closed = any(rule.get("prevent_self_review") is True for rule in reviews)
        return (HoleState.CLOSED, "not by oneself") if closed else (HoleState.OPEN, "one can approve one's own run")
    if part == "administrators":
        if "can_admins_bypass" not in item:
            return HoleState.UNKNOWN, "the export does not say whether administrators may bypass it"
        closed = item["can_admins_bypass"] is False
        return (HoleState.CLOSED, "nor they") if closed else (HoleState.OPEN, "administrators may bypass it")
    allowed = item.get("deployment_branch_policy")
    if not isinstance(allowed, Mapping) or allowed.get("custom_branch_policies") is not True:
        return HoleState.OPEN, "more branches than one may use it"
    if policies is None:
        return HoleState.UNKNOWN, "the branches were not given; export them with GET .../deployment-branch-policies"
    found = [(policy.get("name"), policy.get("type", "branch")) for policy in policies]
    if found == [(branch, "branch")]:
        return HoleState.CLOSED, f"only {branch} may use it"
    return HoleState.OPEN, "another branch, a tag or a pattern may use it"


def _runners(exports: Exports, names: Names) -> list[Hole]:
    group_remedy = f"an organisation runner group '{names.runner_group}' for this repository only"
    named = " and ".join(f"{workflow}@refs/heads/{names.branch}" for workflow in GPU_WORKFLOWS)
    workflow_remedy = f"restrict the group to the workflows {named}"
    own_remedy = "register the GPU machine in the organisation's group, not in the repository: labels are no boundary"
    holes = []
    if exports.runner_groups is None:
        why = "no runner groups were given"
        holes.append(Hole(4, "runner group: repositories", HoleState.UNKNOWN, why, group_remedy))
        holes.append(Hole(4, "runner group: workflows", HoleState.UNKNOWN, why, workflow_remedy))
    else:
        group = next((g for g in exports.runner_groups if g.get("name") == names.runner_group), {})
        missing = "" if group else f"there is no group '{names.runner_group}'; "
        selected = group.get("visibility") == "selected"
        finding = "only named repositories may use it" if selected else f"{missing}every repository may use the runners"
        state = HoleState.CLOSED if selected else HoleState.OPEN
        holes.append(Hole(4, "runner group: repositories", state, finding, group_remedy))
        workflows = group.get("selected_workflows")
        ends = tuple(f"/{workflow}@refs/heads/{names.branch}" for workflow in GPU_WORKFLOWS)
        closed = (
            group.get("restricted_to_workflows") is True
            and isinstance(workflows, list)
            and bool(workflows)
            and all(isinstance(workflow, str) and workflow.endswith(ends) for workflow in workflows)
        )
        finding = (
            "only workflows that measure may use it"
            if closed
            else f"{missing}a workflow of any branch may ask for the runner"
        )
        holes.append(
            Hole(4, "runner group: workflows", HoleState.CLOSED if closed else HoleState.OPEN, finding, workflow_remedy)
        )
    own = exports.repository_runners
    if own is None:
        holes.append(Hole(4, "runners of the repository", HoleState.UNKNOWN, "the list was not given", own_remedy))
    else:
        finding = "any workflow of any branch may use them" if own else "there are none"
        holes.append(
            Hole(4, "runners of the repository", HoleState.OPEN if own else HoleState.CLOSED, finding, own_remedy)
        )
    return holes
