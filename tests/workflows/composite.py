"""Runs the bash steps of a composite action as GitHub's runner does, without GitHub.

Expressions are a small subset: `inputs.x`, `steps.x.outputs.y`, `runner.temp`, `github.token`, string literals, `==`,
`!=`, `!`, `&&`, `cancelled()`, `failure()`, `always()`. Anything else is an error, so that an action that uses more is
not tested by accident. Steps with `uses:` are recorded, not run.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
STATUS = re.compile(r"\b(cancelled|failure|always)\(\)")


@dataclass
class Ran:
    """What became of a run."""

    code: int = 0
    """Of the first step that failed."""
    outputs: dict[str, str] = field(default_factory=dict)
    """Of the action."""
    step_outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    summary: str = ""
    log: str = ""
    used: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Actions that a step would have used, with their inputs."""
    skipped: list[str] = field(default_factory=list)


def run(
    action: Path,
    temp: Path,
    inputs: Mapping[str, str],
    environment: Mapping[str, str],
    instead: Mapping[str, str] | None = None,
) -> Ran:
    """Run an action.

    Args:
        action: the action.yml.
        temp: an empty folder for the runner's files.
        inputs: what the caller gives; the defaults of the action fill up.
        environment: variables of the job.
        instead: step id -> script that is run in place of the step's own.
    """
    document = YAML(typ="safe").load(action)
    known = {name: str(spec.get("default", "")) for name, spec in document.get("inputs", {}).items()}
    assert set(inputs) <= set(known), f"no such inputs: {set(inputs) - set(known)}"
    context: dict[str, Any] = {"inputs": known | dict(inputs), "steps": {}, "runner": {"temp": str(temp / "runner")}}
    context["github"] = {"token": environment.get("GITHUB_TOKEN", "")}
    (temp / "runner").mkdir(parents=True, exist_ok=True)
    ran = Ran()
    job = {**environment, "RUNNER_TEMP": str(temp / "runner"), "GITHUB_ACTION_PATH": str(action.parent)}
    for number, step in enumerate(document["runs"]["steps"]):
        condition = str(step.get("if", "success()"))
        wanted = _condition(condition, context, ran.code != 0)
        if not wanted:
            ran.skipped.append(step.get("id", step.get("name", str(number))))
            continue
        if "uses" in step:
            ran.used.append((step["uses"], {k: fill(str(v), context) for k, v in step.get("with", {}).items()}))
            continue
        assert step["shell"] == "bash"
        files = {name: temp / f"{number}-{name}" for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.touch()
        script = (instead or {}).get(step.get("id", ""), fill(step["run"], context))
        env = {k: fill(str(v), context) for k, v in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=environment["GITHUB_WORKSPACE"],
            env={**job, **env, **{name: str(file) for name, file in files.items()}},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        ran.log += done.stdout.decode("utf-8", "replace")
        ran.code = ran.code or done.returncode
        job |= parse_file_command(files["GITHUB_ENV"].read_text("utf-8"))
        outputs = parse_file_command(files["GITHUB_OUTPUT"].read_text("utf-8"))
        ran.summary += files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        if "id" in step:
            context["steps"][step["id"]] = {"outputs": outputs}
            ran.step_outputs[step["id"]] = outputs
    ran.outputs = {name: fill(spec["value"], context) for name, spec in document.get("outputs", {}).items()}
    return ran


def parse_file_command(text: str) -> dict[str, str]:
    """The format of GITHUB_OUTPUT and GITHUB_ENV, as the runner reads it (actions/runner, FileCommandManager)."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        equals, heredoc = line.find("="), line.find("<<")
        if not line:
            continue
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            found[line[:equals]] = line[equals + 1 :]
            continue
        assert heredoc > 0, f"not a file command: {line!r}"
        name, delimiter, value = line[:heredoc], line[heredoc + 2 :], []
        for inside in lines:
            if inside == delimiter:
                break
            value.append(inside)
        else:
            raise AssertionError(f"no end of {name}")
        found[name] = "\n".join(value)
    return found


def fill(text: str, context: Mapping[str, Any]) -> str:
    """Replace every expression by its value, as text: no quoting, as on GitHub."""
    return EXPRESSION.sub(lambda found: _value(found[1].strip(), context), text)


def _condition(text: str, context: Mapping[str, Any], failed: bool) -> bool:
    text = EXPRESSION.sub(lambda found: found[1], text).strip()
    if text == "success()":
        return not failed
    # A condition that asks for no status is and-ed with success().
    asked = {"cancelled": False, "failure": failed, "always": True}
    terms = [term.strip() for term in text.split("&&")]
    values = []
    for term in terms:
        status = re.fullmatch(r"(!?)\s*(\w+)\(\)", term)
        compared = re.fullmatch(r"(\S+) (==|!=) ('[^']*')", term)
        if status:
            values.append(asked[status[2]] != bool(status[1]))
        else:
            assert compared, f"not understood: {term}"
            same = _value(compared[1], context) == _value(compared[3], context)
            values.append(same == (compared[2] == "=="))
    return all(values) and (bool(STATUS.search(text)) or not failed)


def _value(name: str, context: Mapping[str, Any]) -> str:
    if re.fullmatch(r"'[^']*'", name):
        return name[1:-1]
    value: Any = context
    for part in name.split("."):
        assert isinstance(value, Mapping), f"not understood: {name}"
        # What a step that did not run would have put out is empty.
        value = value.get(part, {} if value is context.get("steps") or part == "outputs" else "")
    return str(value)


def clean_environment(workspace: Path, **more: str) -> dict[str, str]:
    """The variables that GitHub sets and this test needs, and nothing of this process's own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(workspace), "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(workspace), **more}
