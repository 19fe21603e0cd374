"""How a gate's workflow may be green, or absent, without having judged.

A skipped job counts as a success for a required check, and so does one whose failing step is swallowed; a check that
never comes holds a merge queue for ever. See GitHub's "Troubleshooting required status checks" and "Workflow syntax".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gatekit.github.holes import Json, objects

_FILTERS = {"paths", "paths-ignore", "branches", "branches-ignore"}
_PULL_REQUEST_TYPES = ("opened", "synchronize", "reopened")
"""GitHub's own when none are named: a new pull request, a push to it, one that is opened again."""
_RUNS_ALWAYS = re.compile(r"(\$\{\{)?\s*(always\(\)|!\s*cancelled\(\)|success\(\))\s*(\}\})?", re.ASCII)
_GATE = re.compile(r"\bgatekit[ \t]+[a-z-]", re.ASCII)
"""A command of it, and not its installation."""
_FAILS = re.compile(r"\bexit\s+([1-9]|\"?\$)", re.ASCII)
"""Ends a script with another code than 0, or with one that was kept."""
_ENDS_WITH_KEPT = re.compile(r"\bexit\s+\"?\$", re.ASCII)
_CONDITION = re.compile(r"^\s*(if|elif|while|until|!)\s", re.ASCII)
_ONE_PIPE = re.compile(r"(?<!\|)\|(?!\|)", re.ASCII)
_BACKGROUND = re.compile(r"(?<!&)&\s*$", re.ASCII)
_PIPEFAIL = re.compile(r"\bset\s[^\n#]*pipefail", re.ASCII)
_NO_ERREXIT = re.compile(r"\bset\s+\+(e|o\s+errexit)", re.ASCII)


def silences(workflow: Json, triggers: Mapping[str, Any], job: Json) -> Iterator[str]:
    """Yield each way in which a gate's job may say nothing, or success, without having judged.

    Args:
        workflow: the file's content.
        triggers: event -> its options, of the same file.
        job: the gate's.
    """
    yield from _trigger_silences(triggers)
    if "if" in job:
        yield "its job has a condition"
    if job.get("needs"):
        yield "its job has `needs`: when a job before it fails it is skipped, and skipped is a success"
    if job.get("continue-on-error", False) is not False:
        yield "its job has continue-on-error"
    if is_gate_call(job) and str(called_with(job).get("advisory", "false")).lower() != "false":
        yield "the workflow that it calls is advisory: it never fails"
    for step in _judging(objects(job.get("steps"))):
        yield from _step_silences(step, _shell(workflow, job, step))


def is_gate_call(job: Json) -> bool:
    """Whether a job calls gatekit's reusable workflow, whose one job is named `gate`."""
    used = job.get("uses")
    return isinstance(used, str) and used.partition("@")[0].endswith("/.github/workflows/gate-reusable.yml")


def called_with(job: Json) -> Json:
    """Return what a job gives to the workflow that it calls."""
    given = job.get("with")
    return given if isinstance(given, Mapping) else {}


def _trigger_silences(triggers: Mapping[str, Any]) -> Iterator[str]:
    for event, needed in (("pull_request", _PULL_REQUEST_TYPES), ("merge_group", ("checks_requested",))):
        if event not in triggers:
            yield f"it does not run on {event}"
            continue
        options = triggers[event]
        if not isinstance(options, Mapping):
            continue
        if _FILTERS & set(options):
            yield f"it filters what it runs for on {event}"
        types = options.get("types")
        named = [types] if isinstance(types, str) else types
        lacking = [each for each in needed if named is not None and each not in named]
        if lacking:
            yield f"its types of {event} lack {' and '.join(lacking)}"


def _judging(steps: list[Json]) -> list[Json]:
    """Return the steps that run gatekit or an action of that name; where there is none, all that may do so unseen."""
    plain = [step for step in steps if _GATE.search(_script(step)) or "gatekit" in str(step.get("uses", ""))]
    return plain or [step for step in steps if not str(step.get("uses", "")).startswith("actions/")]


def _script(step: Json) -> str:
    """Return what a step runs, lines that go on in the next one joined; empty for an action."""
    run = step.get("run")
    return run.replace("\\\n", " ") if isinstance(run, str) else ""


def _step_silences(step: Json, shell: str) -> Iterator[str]:
    if "if" in step and not _RUNS_ALWAYS.fullmatch(str(step["if"]).strip()):
        yield "the step that judges has a condition"
    if step.get("continue-on-error", False) is not False:
        yield "the step that judges has continue-on-error"
    for place, key in (("with", "advisory"), ("env", "GATEKIT_INPUT_ADVISORY")):
        given = step.get(place)
        if isinstance(given, Mapping) and str(given.get(key, "false")).lower() != "false":
            yield "the step that judges is advisory: it never fails"
    yield from _script_silences(_script(step), shell)


def _script_silences(script: str, shell: str) -> Iterator[str]:
    """Yield how a script may end in 0 although gatekit, which it runs, does not."""
    lines = [line for line in script.split("\n") if not line.lstrip().startswith("#")]
    places = [place for place, line in enumerate(lines) if _GATE.search(line)]
    for place in places:
        # What stands before gatekit decides nothing about what becomes of its exit code.
        before, _, behind = lines[place].partition("gatekit")
        later = "\n".join(lines[place + 1 :])
        if "||" in behind and not _FAILS.search(behind) and not _ENDS_WITH_KEPT.search(later):
            yield "the script that judges swallows its failure by ||"
        if _CONDITION.match(lines[place]) and not _FAILS.search(f"{behind}\n{later}"):
            yield "the script that judges takes its failure for a condition"
        goes_on = _NO_ERREXIT.search("\n".join([*lines[:place], before])) or (
            "{0}" in shell and not re.search(r"\s-\w*e", shell)
        )
        after_it = f"{behind.partition(';')[2]}\n{later}"
        if goes_on and after_it.strip() and not _FAILS.search(after_it):
            yield "the script that judges goes on after an error"
    judging = [lines[place] for place in places]
    if any("--advisory" in line for line in judging):
        yield "the step that judges is advisory: it never fails"
    if any(_BACKGROUND.search(line) for line in judging):
        yield "the script that judges does not wait for it"
    piped = any(_ONE_PIPE.search(line.partition("gatekit")[2]) for line in judging)
    if piped and shell != "bash" and "pipefail" not in shell and not any(_PIPEFAIL.search(line) for line in lines):
        yield "the script that judges pipes it on without pipefail"


def _shell(workflow: Json, job: Json, step: Json) -> str:
    """Return a step's shell as it is written nearest to it; empty for the default, which has -e and no pipefail."""
    if isinstance(step.get("shell"), str):
        return str(step["shell"])
    for holder in (job, workflow):
        defaults = holder.get("defaults")
        run = defaults.get("run") if isinstance(defaults, Mapping) else None
        if isinstance(run, Mapping) and isinstance(run.get("shell"), str):
            return str(run["shell"])
    return ""
