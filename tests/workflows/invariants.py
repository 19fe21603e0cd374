"""What must hold of gatekit's workflows and actions, as rules over the parsed YAML: each rule by name, true or broken.

GitHub enforces none of this. A rule that nothing can break proves nothing, so test_workflow_invariants.py breaks each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from workflows.cycle_invariants import cycle_rules

REPO = Path(__file__).resolve().parents[2]
FOLDER = REPO / ".github" / "workflows"

PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\$/\w+")
HOSTED = re.compile(r"ubuntu-\d\d\.\d\d")
WRITES = {
    "gpu-evidence / propose": {"contents", "pull-requests"},
    "gatekit / comment": {"pull-requests"},
    "release / attest": {"attestations", "id-token"},
    "release / publish": {"id-token"},
    "release / announce": {"contents"},
    "release / action": {"contents"},
}
"""The only jobs that may change anything, and what."""
SECRETS = {
    "gpu-evidence / attest": {"GATEKIT_SIGNING_KEY"},
}
CHECK = "gatekit / gate (${{ github.event.merge_group.base_ref || format('refs/heads/{0}', github.base_ref) }})"
"""With the base: one head commit may have pull requests to two."""

PYTHON_IS_MISSING = "steps.python.outputs.found != 'true'"

Document = Mapping[str, Any]


def read(folder: Path = FOLDER) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.yml"))}


def parse(text: str) -> Any:
    return YAML(typ="safe").load(text)


def broken(texts: Mapping[str, str]) -> set[str]:
    """Names of the rules that a set of workflows breaks; `texts` maps file names to YAML."""
    return {rule for rule, holds in rules(texts).items() if not holds}


def rules(texts: Mapping[str, str]) -> dict[str, bool]:
    documents = {name: parse(text) for name, text in texts.items()}
    return {
        **_everywhere(texts, documents),
        **_gate(texts, documents),
        **_reusable(texts, documents),
        **cycle_rules(texts["gpu-evidence.yml"], documents["gpu-evidence.yml"]),
        **_comment(documents),
        **_release(documents),
    }


def broken_action(text: str) -> set[str]:
    """Names of the rules that a composite action breaks."""
    document = parse(text)
    steps = document["runs"]["steps"]
    scripts = [step for step in steps if "run" in step]
    last = scripts[-1]
    held = {
        "pinned": _pinned(text),
        "no expression in a script": not any("${{" in step["run"] for step in scripts),
        # And of which repository the action is, whose releases have the packages in one file.
        "inputs reach scripts by the environment": all(
            re.fullmatch(r"\$\{\{ inputs\.[a-z-]+ \}\}", value)
            or (name, value) == ("GATEKIT_REPOSITORY", "${{ github.action_repository }}")
            for step in scripts
            for name, value in step.get("env", {}).items()
        ),
        "no way around a failure": _no_way_around(steps),
        # And the Python, which is set up unless there is one.
        "only the upload has a condition": all(
            "upload-artifact@" in s.get("uses", "") or (_sets_up_python(s) and s["if"] == PYTHON_IS_MISSING)
            for s in steps
            if "if" in s
        ),
        "isolated from the folder that is judged": "bin/python -I bin/gatekit" in last["run"]
        and last["run"].startswith("cd -- "),
        "installs itself, locked": any(
            "$GITHUB_ACTION_PATH/" in s["run"] and "install-gate.sh" in s["run"] for s in scripts
        ),
        "no package index and no secret": not re.search(r"secrets\.|://|pip install|\bcurl\b|\bwget\b", text),
        "no cache": "cache" not in text,
        "bash": all(step["shell"] == "bash" for step in scripts),
    }
    return {rule for rule, holds in held.items() if not holds}


def _everywhere(texts: Mapping[str, str], documents: Mapping[str, Document]) -> dict[str, bool]:
    jobs = [job for _, job in _jobs(documents)]
    steps = [step for job in jobs for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    names = [str(job.get("name", "")) for job in jobs]
    downloads = [step for step in steps if step.get("uses", "").startswith("actions/download-artifact@")]
    judged = {name: set(doc["on"]) for name, doc in documents.items()}
    return {
        "no pull_request_target": all("pull_request_target" not in events for events in judged.values()),
        "workflow_run only to comment": all(
            "workflow_run" not in events or name == "comment.yml" for name, events in judged.items()
        ),
        "pinned": all(_pinned(text) for text in texts.values()),
        "no permission at the top": all(document.get("permissions") == {} for document in documents.values()),
        "every job says what it may": all(isinstance(job.get("permissions"), dict) for job in jobs),
        "who may write": all(
            {key for key, value in job["permissions"].items() if value != "read"} <= WRITES.get(job["name"], set())
            for job in jobs
            if isinstance(job.get("permissions"), dict)
        ),
        "no identity token": not any("id-token" in text for name, text in texts.items() if name != "release.yml"),
        "who gets secrets": all(
            set(re.findall(r"secrets\.(\w+)", str(job))) <= SECRETS.get(job["name"], set()) for job in jobs
        )
        and not any("secrets: inherit" in text or "toJSON(secrets" in text for text in texts.values()),
        "no expression in a script": not any("${{" in step.get("run", "") for step in steps),
        "no credentials left behind": all(
            step.get("with", {}).get("persist-credentials") is False for step in checkouts
        ),
        "time limit": all(isinstance(job.get("timeout-minutes"), int) for job in jobs),
        "concurrency": all("concurrency" in document for document in documents.values()),
        "unique job names": "" not in names and len(set(names)) == len(names),
        "self-hosted only by hand": all(
            # One that another workflow calls refuses what was not started by hand (cycle_invariants).
            "self-hosted" not in str(job.get("runs-on"))
            or set(documents[name]["on"]) <= {"workflow_dispatch", "workflow_call"}
            for name, job in _jobs(documents)
        ),
        "other machines are hosted ones": all(
            HOSTED.fullmatch(str(job.get("runs-on")))
            or "self-hosted" in str(job.get("runs-on"))
            # Who calls it says where.
            or (set(documents[name]["on"]) == {"workflow_call"} and job.get("runs-on") == "${{ inputs.runs-on }}")
            for name, job in _jobs(documents)
        ),
        "no cache": not any(
            "cache" in step.get("with", {}) or "actions/cache" in step.get("uses", "") for step in steps
        ),
        "artifacts are checked": all(step["with"].get("digest-mismatch") == "error" for step in downloads),
    }


def _gate(texts: Mapping[str, str], documents: Mapping[str, Document]) -> dict[str, bool]:
    document = documents["gate.yml"]
    on, jobs = document["on"], document["jobs"]
    job = next(iter(jobs.values()))
    steps = job["steps"]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    paths = [step["with"].get("path") for step in checkouts]
    scripts = [step["run"] for step in steps if "run" in step]
    judge = [step for step in steps if step.get("id") == "judge"]
    return {
        "gate: one job of the required name": len(jobs) == 1
        and job["name"] == CHECK
        and sum(other["name"].startswith("gatekit / gate") for _, other in _jobs(documents)) == 1,
        "gate: runs for every change": set(on) == {"pull_request", "merge_group"}
        and not {"paths", "paths-ignore", "branches", "branches-ignore"} & set(on["pull_request"] or {})
        and {"opened", "synchronize", "reopened", "edited", "labeled", "unlabeled"} <= set(on["pull_request"]["types"])
        and on["merge_group"] == {"types": ["checks_requested"]},
        "gate: the job always reports": "if" not in job and "needs" not in job and "strategy" not in job,
        "gate: only the upload has a condition": all(
            "upload-artifact@" in step.get("uses", "") for step in steps if "if" in step
        ),
        "gate: no way around a failure": _no_way_around([job, *steps]),
        "gate: only reads": job.get("permissions") == {"contents": "read"},
        "gate: no secret": "secrets." not in texts["gate.yml"] and "github.token" not in texts["gate.yml"],
        "gate: two checkouts, side by side": paths == ["base", "candidate"],
        "gate: the base is the branch as it is now": len(checkouts) == 2
        and checkouts[0]["with"].get("ref")
        == "${{ github.event.pull_request.base.ref && format('refs/heads/{0}', github.event.pull_request.base.ref)"
        " || github.event.merge_group.base_sha }}",
        "gate: the candidate has its history": len(checkouts) == 2
        and checkouts[1]["with"].get("fetch-depth") == 0
        and "ref" not in checkouts[1]["with"],
        "gate: installs from the base": any(s.startswith("bash base/requirements/install-gate.sh ") for s in scripts)
        and not any("pip" in script for script in scripts),
        "gate: nothing of the candidate is run": not any("candidate" in script for script in scripts)
        and not any(re.match(r"\./|\$/", step.get("uses", "")) for step in steps)
        and all("working-directory" not in step for step in steps),
        "gate: isolated": len(judge) == 1
        and judge[0]["run"].startswith('cd -- "$RUNNER_TEMP/')
        and "bin/python -I bin/gatekit action" in judge[0]["run"],
        "gate: enforces": len(judge) == 1
        and judge[0]["env"] == {"GATEKIT_INPUT_MODE": "pr", "GATEKIT_INPUT_WORKING_DIRECTORY": "candidate"},
        "gate: pipefail": document.get("defaults") == {"run": {"shell": "bash"}},
    }


def _reusable(texts: Mapping[str, str], documents: Mapping[str, Document]) -> dict[str, bool]:
    document = documents["gate-reusable.yml"]
    job = next(iter(document["jobs"].values()))
    steps = job["steps"]
    checkouts = {s["with"]["path"]: s["with"] for s in steps if s.get("uses", "").startswith("actions/checkout@")}
    scripts = [step["run"] for step in steps if "run" in step]
    judge = [step for step in steps if step.get("id") == "judge"]
    return {
        "reusable: called, and nothing else": set(document["on"]) == {"workflow_call"},
        "reusable: one job, named after the base": list(document["jobs"]) == ["gate"]
        and job["name"].startswith("gate$" + "{{ inputs.working-directory")
        and job["name"].endswith(CHECK.removeprefix("gatekit / gate ")),
        "reusable: the job always reports": "if" not in job and "needs" not in job and "strategy" not in job,
        "reusable: only the upload has a condition": all(
            "upload-artifact@" in step.get("uses", "") or (_sets_up_python(step) and step["if"] == PYTHON_IS_MISSING)
            for step in steps
            if "if" in step
        ),
        "reusable: no way around a failure": _no_way_around([job, *steps]),
        "reusable: only reads": job.get("permissions") == {"contents": "read"},
        "reusable: no secret": not re.search(r"secrets[.:]|github\.token", texts["gate-reusable.yml"]),
        "reusable: knows its own commit before it checks anything out": "run" in steps[0]
        and steps[0]["env"]
        == {
            "GATE": "${{ inputs.gate }}",
            "REPOSITORY": "${{ job.workflow_repository }}",
            "COMMIT": "${{ job.workflow_sha }}",
        }
        and '-z "$GATE" && -n "$REPOSITORY" && "${REPOSITORY,,}" == "${GITHUB_REPOSITORY,,}"' in steps[0]["run"]
        and steps[0]["run"].count("exit 64") == 2,
        "reusable: the gate is its own commit": set(checkouts) == {"gate", "candidate"}
        and checkouts["gate"].get("repository") == "${{ steps.gate.outputs.repository }}"
        and checkouts["gate"].get("ref") == "${{ steps.gate.outputs.commit }}",
        "reusable: the candidate has its history": checkouts["candidate"].get("fetch-depth") == 0
        and not {"ref", "repository"} & set(checkouts["candidate"]),
        "reusable: nothing of the candidate is run": not any("candidate" in script for script in scripts)
        and not any(re.match(r"\./|\$/", step.get("uses", "")) for step in steps)
        and any(script.startswith("bash gate/requirements/install-gate.sh ") for script in scripts),
        "reusable: isolated": len(judge) == 1
        and judge[0]["run"].startswith('cd -- "$RUNNER_TEMP/')
        and "bin/python -I bin/gatekit action" in judge[0]["run"]
        and judge[0]["env"]["GATEKIT_INPUT_MODE"] == "pr",
    }


def _comment(documents: Mapping[str, Document]) -> dict[str, bool]:
    document = documents["comment.yml"]
    (job,) = document["jobs"].values()
    return {
        "comment: after the gate": document["on"] == {"workflow_run": {"workflows": ["gate"], "types": ["completed"]}}
        and documents["gate.yml"]["name"] == "gate",
        "comment: no checkout": not any("checkout" in step.get("uses", "") for step in job["steps"]),
        "comment: no script": not any("run" in step for step in job["steps"]),
        "comment: the number is not the artifact's": "outputs" not in str(job["steps"]),
        "comment: nothing of the other run but its report": [
            set(step.get("with", {})) for step in job["steps"] if "download-artifact@" in step.get("uses", "")
        ]
        == [{"name", "path", "run-id", "github-token", "digest-mismatch"}],
    }


def _release(documents: Mapping[str, Document]) -> dict[str, bool]:
    document = documents["release.yml"]
    jobs = document["jobs"]
    after = [job for name, job in jobs.items() if name != "build"]
    build = [step.get("run", "") for step in jobs["build"]["steps"]]
    scripts = {name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    publishing = [s for s in jobs["publish"]["steps"] if s.get("uses", "").startswith("pypa/gh-action-pypi-publish@")]
    return {
        "release: only a tag of a version": document["on"]
        == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+", "v[0-9]+.[0-9]+.[0-9]+rc[0-9]+"]}},
        "release: only what is on main": "git merge-base --is-ancestor HEAD refs/remotes/origin/main" in build[1],
        "release: one after the other": {name: job.get("needs") for name, job in jobs.items()}
        == {"build": None, "attest": "build", "publish": "attest", "announce": "publish", "action": "announce"},
        "release: no way around a failure": _no_way_around(
            [*jobs.values(), *(step for name, job in jobs.items() if name != "action" for step in job["steps"])]
        )
        and not any("if" in part for job in jobs.values() for part in [job, *job["steps"]]),
        "release: built twice, by locked tools, as tagged": re.search(
            r'-m release\.build "\$RUNNER_TEMP/dist" --tag "\$GITHUB_REF_NAME"$', scripts["build"], re.MULTILINE
        )
        is not None
        and "--require-hashes --only-binary :all: \\\n  -r requirements/build.lock" in scripts["build"],
        "release: the wheel judges before anybody gets it": scripts["build"].count("python -m release.trial") == 2
        and "install-gate.sh" in scripts["build"]
        and "grep 'no wheel set'" in scripts["build"],
        "release: who builds can do nothing else": jobs["build"]["permissions"] == {"contents": "read"}
        and "github.token" not in str(jobs["build"]),
        "release: who may do something runs nothing of the repository": not any(
            re.search(r"\b(python\d?|pip|make|bash|sh)\b", scripts[name]) for name in scripts if name != "build"
        )
        and not any(re.match(r"\./|\$/", step.get("uses", "")) for job in after for step in job["steps"]),
        "release: no password of the index": len(publishing) == 1
        and set(publishing[0]["with"]) == {"packages-dir"}
        and "secrets." not in str(document),
        "release: people say yes": jobs["publish"].get("environment") == "pypi",
        "release: what is handed over is compared": all(
            "sha256sum --check --strict SHA256SUMS" in scripts[name] for name in ("attest", "publish")
        ),
        "release: only the tag of the major version moves": [
            line.strip() for script in scripts.values() for line in script.splitlines() if "push" in line
        ]
        == ['git push --quiet --force origin "HEAD:refs/tags/$major"'],
    }


def _jobs(documents: Mapping[str, Document]) -> Iterator[tuple[str, Any]]:
    for name, document in documents.items():
        for job in document["jobs"].values():
            yield name, job


def _pinned(text: str) -> bool:
    uses = re.findall(r"^\s*(?:- )?uses: (.*)$", text, re.MULTILINE)
    document = parse(text)
    groups = [document["runs"]] if "runs" in document else [*document["jobs"].values()]
    counted = sum("uses" in step for group in groups for step in group["steps"]) + sum("uses" in g for g in groups)
    return bool(uses) and len(uses) == counted and all(PINNED.fullmatch(value) for value in uses)


def _sets_up_python(step: Mapping[str, Any]) -> bool:
    return str(step.get("uses", "")).startswith("actions/setup-python@")


def _no_way_around(parts: list[Any]) -> bool:
    text = "\n".join(str(part.get("run", "")) for part in parts)
    return not any("continue-on-error" in part for part in parts) and not re.search(
        r"\|\||\|\s*tee\b|;\s*(true|:|exit 0)\s*$|set \+e|\bexit 0\b|&\s*$", text, re.MULTILINE
    )
