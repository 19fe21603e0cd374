"""How a gate's workflow may be green, or absent, without having judged.

A skipped job counts as a success for a required check, and so does one whose failing step is swallowed; a check that
never comes holds a merge queue for ever. See GitHub's "Troubleshooting required status checks" and "Workflow syntax".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gatekit.github.holes import Json, objects
from gatekit.github.judging_scripts import commands, judges, script_silences

_FILTERS = {"paths", "paths-ignore", "branches", "branches-ignore"}
_PULL_REQUEST_TYPES = ("opened", "synchronize", "reopened")
"""GitHub's own when none are named: a new pull request, a push to it, one that is opened again."""
_RUNS_ALWAYS = re.compile(r"(\$\{\{)?\s*(always\(\)|!\s*cancelled\(\)|success\(\))\s*(\}\})?", re.ASCII)
_ADVISORY, _MODE, _BASE = "GATEKIT_INPUT_ADVISORY", "GATEKIT_INPUT_MODE", "GATEKIT_INPUT_BASE_REF"
_DECIDES_WHAT_RUNS = ("PATH", "BASH_ENV", "ENV", "LD_PRELOAD", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")
_JUDGES = {"action", "pr"}
"""Commands that judge a change by the policies of its base."""
_OWN_POLICIES = "the step that judges does so by the policies of the change itself (mode check)"
_WRITTEN = re.compile(rf"\b({_ADVISORY}=[\"']?(?!false\b)\w|{_MODE}=[\"']?check\b)", re.ASCII)
"""In a script, for a later step or for itself."""


def silences(workflow: Json, triggers: Mapping[str, Any], job: Json, branch: str) -> Iterator[str]:
    """Yield each way in which a gate's job may say nothing, or success, without having judged.

    Args:
        workflow: the file's content.
        triggers: event -> its options, of the same file.
        job: the gate's.
        branch: that it guards.
    """
    yield from _trigger_silences(triggers)
    if "if" in job:
        yield "its job has a condition"
    if job.get("needs"):
        yield "its job has `needs`: when a job before it fails it is skipped, and skipped is a success"
    if job.get("continue-on-error", False) is not False:
        yield "its job has continue-on-error"
    strategy = job.get("strategy")
    if isinstance(strategy, Mapping) and "matrix" in strategy:
        yield "its job has a matrix: its checks have the values behind their names, and none comes of an empty one"
    if is_gate_call(job) and _asks(job, "with", "advisory"):
        yield "the workflow that it calls is advisory: it never fails"
    if isinstance(job.get("uses"), str) and not is_gate_call(job):
        yield "its job calls another workflow, whose checks have names of their own"
    if any(_asks(holder, "env", _ADVISORY) for holder in (workflow, job)):
        yield "the step that judges is advisory: it never fails"
    if is_gate_call(job):
        return
    steps = objects(job.get("steps"))
    yield from _otherwise(workflow, job, steps, branch)
    for step in _judging(steps):
        yield from _step_silences(step, _shell(workflow, job, step))


def _otherwise(workflow: Json, job: Json, steps: list[Json], branch: str) -> Iterator[str]:
    """Yield how something else is run or judged than a change by the policies of its base."""
    plain = [step for step in steps if _is_plain(step)]
    if not plain and "uses" not in job:
        yield "no step of its job is known to run gatekit"
    run = {command for step in plain for command in commands(_script(step))}
    if run and not run & _JUDGES and not any("gatekit" in str(step.get("uses", "")) for step in plain):
        yield _OWN_POLICIES if "check" in run else f"its job runs gatekit {min(run)} alone, which judges no change"
    for holder in (workflow, job, *plain):
        given = [_given(holder, "env", _MODE), _given(holder, "with", "mode")]
        if any(mode is not None and mode != "pr" for mode in given):
            yield _OWN_POLICIES
        for base in (_given(holder, "env", _BASE), _given(holder, "with", "base-ref")):
            if base and not _is_base(base, branch):
                yield f"the step that judges takes {base!r} for the base"
        deciding = [name for name in _DECIDES_WHAT_RUNS if _given(holder, "env", name) is not None]
        if deciding:
            yield f"its environment decides what is run: {', '.join(deciding)}"
    if any(_WRITTEN.search(_script(step)) for step in steps):
        yield "a script of its job makes the step that judges advisory, or lets it judge by the change's own policies"


def _is_plain(step: Json) -> bool:
    """Whether a step runs gatekit or an action of that name."""
    return judges(_script(step)) or "gatekit" in str(step.get("uses", ""))


def _is_base(text: str, branch: str) -> bool:
    """Whether a name or an expression is plainly the base's."""
    plain = {branch, f"origin/{branch}", f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"}
    return text in plain or ("${{" in text and "base" in text and "head" not in text.replace("refs/heads/", ""))


def _given(holder: Json, place: str, key: str) -> str | None:
    """Return what a step, or what is around it, gives under a name, in words; None where it gives nothing."""
    given = holder.get(place)
    return str(given[key]) if isinstance(given, Mapping) and key in given else None


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
    return [step for step in steps if _is_plain(step)] or [
        step for step in steps if not str(step.get("uses", "")).startswith("actions/")
    ]


def _script(step: Json) -> str:
    """Return what a step runs; empty for an action."""
    run = step.get("run")
    return run if isinstance(run, str) else ""


def _step_silences(step: Json, shell: str) -> Iterator[str]:
    if "if" in step and not _RUNS_ALWAYS.fullmatch(str(step["if"]).strip()):
        yield "the step that judges has a condition"
    if step.get("continue-on-error", False) is not False:
        yield "the step that judges has continue-on-error"
    if _asks(step, "with", "advisory") or _asks(step, "env", _ADVISORY):
        yield "the step that judges is advisory: it never fails"
    if script := _script(step):
        yield from script_silences(script, shell)


def _asks(holder: Json, place: str, key: str) -> bool:
    """Whether a step, or what is around it, says anything but false."""
    given = holder.get(place)
    return isinstance(given, Mapping) and str(given.get(key, "false")).lower() != "false"


def _shell(workflow: Json, job: Json, step: Json) -> str:
    """Return a step's shell as it is written nearest to it; empty for Linux's default, with -e and no pipefail."""
    if isinstance(step.get("shell"), str):
        return str(step["shell"])
    for holder in (job, workflow):
        defaults = holder.get("defaults")
        run = defaults.get("run") if isinstance(defaults, Mapping) else None
        if isinstance(run, Mapping) and isinstance(run.get("shell"), str):
            return str(run["shell"])
    return "pwsh" if str(job.get("runs-on", "")).startswith("windows") else ""
