"""Holes in the workflow files themselves: a second gate of the same name, a door to the GPU machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gatekit.github.holes import GPU_WORKFLOWS, Hole, HoleState, Json, Names
from gatekit.github.silent_gates import called_with, is_gate_call, silences

_PIN = re.compile(r"\$/.*|docker://[^@]+@sha256:[0-9a-f]{64}|[^@]+@([0-9a-f]{40}|[0-9a-f]{64})", re.ASCII)


def workflow_holes(workflows: Mapping[str, Json] | None, names: Names) -> list[Hole]:
    """Return what is wrong with a repository's workflows.

    Args:
        workflows: file name -> parsed workflow; None when they were not given.
        names: what the required check is called.
    """
    remedies = {
        "one check of that name": f"exactly one job named '{names.check}'; of several, any one that passes would do",
        "a gate that may not report": "runs on pull_request, with every push, and on merge_group, unfiltered; neither "
        "its job nor the step that judges has if, needs or continue-on-error, or swallows a failure; `gatekit action` "
        "or `gatekit pr` judges, by the base that the event names",
        "privileged triggers": "no pull_request_target; workflow_run only without a checkout",
        "self-hosted machines": "self-hosted runners only where people start the workflow (workflow_dispatch)",
        "actions that can change": "every `uses:` pinned to a full commit",
    }
    if workflows is None:
        return [Hole(3, name, HoleState.UNKNOWN, "no workflows were given", text) for name, text in remedies.items()]
    gates = [(name, job) for name, key, job in _jobs(workflows) if names.is_check(_check_of(key, job, names))]
    silent = [
        f"{name}: {silence}"
        for name, job in gates
        for silence in silences(workflows[name], _triggers(workflows[name]), job, names.branch)
    ]
    self_hosted = [
        f"{name}, job {key}"
        for name, key, job in _jobs(workflows)
        if (_is_self_hosted(job, workflows[name]) and not _by_hand(workflows[name]))
        or (_calls_the_machine(job, workflows) and set(_triggers(workflows[name])) != {"workflow_dispatch"})
    ]
    unpinned = [
        f"{used} in {name}" for name, _, job in _jobs(workflows) for used in _uses(job) if not _PIN.fullmatch(used)
    ]
    findings = {
        "one check of that name": [] if len(gates) == 1 else [f"{len(gates)} jobs are named '{names.check}'"],
        "a gate that may not report": silent,
        "privileged triggers": list(_privileged(workflows)),
        "self-hosted machines": self_hosted,
        "actions that can change": unpinned,
    }
    return [
        Hole(
            3,
            name,
            HoleState.OPEN if found else HoleState.CLOSED,
            "; ".join(found[:5]) or "as it should be",
            remedies[name],
        )
        for name, found in findings.items()
    ]


def _jobs(workflows: Mapping[str, Json]) -> Iterator[tuple[str, str, Json]]:
    for name, workflow in workflows.items():
        jobs = workflow.get("jobs")
        for key, job in (jobs if isinstance(jobs, Mapping) else {}).items():
            if isinstance(job, Mapping):
                yield name, str(key), job


def _triggers(workflow: Json) -> Mapping[str, Any]:
    found = workflow.get("on")
    if isinstance(found, Mapping):
        return found
    return dict.fromkeys(found if isinstance(found, list) else [str(found)])


def _privileged(workflows: Mapping[str, Json]) -> Iterator[str]:
    for name, workflow in workflows.items():
        triggers = _triggers(workflow)
        if "pull_request_target" in triggers:
            yield f"{name} runs on pull_request_target"
        if "workflow_run" in triggers and any(
            used.startswith("actions/checkout@")
            for other, _, job in _jobs(workflows)
            if other == name
            for used in _uses(job)
        ):
            yield f"{name} runs on workflow_run and checks code out"


def _check_of(key: str, job: Json, names: Names) -> object:
    """Return what the check of a job is called: a caller's name stands in front of that of the job it calls."""
    name = job.get("name")
    if not is_gate_call(job):
        return name
    folder = called_with(job).get("working-directory", ".")
    project = "" if folder == "." else f" {folder}"
    return f"{name if isinstance(name, str) else key} / gate{project} (refs/heads/{names.branch})"


def _is_self_hosted(job: Json, workflow: Json) -> bool:
    """Whether a job may run on a machine of one's own; what is not plainly GitHub's is taken to be."""
    runs_on = job.get("runs-on")
    if is_gate_call(job):
        runs_on = called_with(job).get("runs-on")
    elif runs_on == "${{ inputs.runs-on }}" and set(_triggers(workflow)) == {"workflow_call"}:
        return False  # who calls it says where, and is looked at there
    if runs_on is None:
        return False  # it calls a reusable workflow, which has jobs of its own
    return not (isinstance(runs_on, str) and re.fullmatch(r"(ubuntu|windows|macos)-[\w.-]+", runs_on, re.ASCII))


def _by_hand(workflow: Json) -> bool:
    """Whether a workflow starts by hand only, itself or through another one, which is looked at too."""
    triggers = set(_triggers(workflow))
    return "workflow_dispatch" in triggers and triggers <= {"workflow_dispatch", "workflow_call"}


def _calls_the_machine(job: Json, workflows: Mapping[str, Json]) -> bool:
    """Whether a job calls a workflow that measures, or a local one with a job on a machine of one's own."""
    path = str(job.get("uses", "")).partition("@")[0]
    if path.endswith(GPU_WORKFLOWS):
        return True
    called = workflows.get(path.removeprefix("./.github/workflows/")) if path.startswith("./") else None
    jobs = called.get("jobs") if called is not None else None
    return isinstance(jobs, Mapping) and any(
        isinstance(one, Mapping) and called is not None and _is_self_hosted(one, called) for one in jobs.values()
    )


def _uses(job: Json) -> Iterator[str]:
    steps = job.get("steps")
    for part in [job, *(steps if isinstance(steps, list) else [])]:
        if isinstance(part, Mapping) and isinstance(part.get("uses"), str):
            yield part["uses"]
