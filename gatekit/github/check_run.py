"""The verdict as a check run of its own: its report as the summary, its remarks at their files, through GitHub's API.

A courtesy, like the comment: nothing that happens to it changes a verdict. Its name is never that of the gate's job: a
required check is met by any check of its name, and this one can be written by every token that may write checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import WORDS
from gatekit.github.annotations import LEVELS, Annotation
from gatekit.github.api import ApiError, api, segment
from gatekit.github.event import EVENTS, is_repository, read_event
from gatekit.github.summary import fit
from gatekit.report import inert

NAME = "gatekit / gate"
SUMMARY_LIMIT = 65_535
"""Bytes, to be safe; GitHub says characters."""
AT_ONCE = 50
"""Annotations that GitHub takes in one request."""
MOST = 200
"""Annotations in all; the report has every remark."""
NOTE = "The report is longer than a check run takes; the uploaded files have all of it."

_LEVELS = {"error": "failure", "warning": "warning", "notice": "notice"}


def publish(
    environment: Mapping[str, str],
    token: str,
    code: int,
    advisory: bool,
    root: str,
    markdown: str,
    remarks: Sequence[Annotation],
) -> str | None:
    """Make the check run, and return why it could not be made, in one line, where it could not.

    Args:
        environment: of a run in GitHub Actions.
        token: one that may write checks.
        code: the gate's exit code.
        advisory: whether the job succeeds all the same.
        root: folder of the project in its repository.
        markdown: the report of this very run.
        remarks: with paths from the top of the repository.
    """
    try:
        event = read_event(environment) if environment.get("GITHUB_EVENT_NAME") in EVENTS else None
        repository = environment.get("GITHUB_REPOSITORY", "")
        head = event.head_sha if event is not None else environment.get("GITHUB_SHA", "")
        if not is_repository(repository) or not head:
            return "GITHUB_REPOSITORY and GITHUB_SHA do not say where it belongs"
        server = api({**environment, "GITHUB_TOKEN": token})
        owner, _, name = repository.partition("/")
        path = f"/repos/{segment(owner)}/{segment(name)}/check-runs"
        base = f"refs/heads/{event.base_ref}" if event is not None else ""
        shown = {"title": f"{WORDS[ExitCode(code)]} (exit {code})", "summary": fit(markdown, SUMMARY_LIMIT, NOTE)}
        annotations = _annotations(remarks)
        made = server.send(
            "POST",
            path,
            {
                "name": check_run_name(root, base),
                "head_sha": head,
                "status": "completed",
                "conclusion": _conclusion(code, advisory),
                "output": {**shown, "annotations": annotations[:AT_ONCE]},
            },
        )
        number = made.get("id")
        for start in range(AT_ONCE, len(annotations) if isinstance(number, int) else 0, AT_ONCE):
            more = {**shown, "annotations": annotations[start : start + AT_ONCE]}
            server.send("PATCH", f"{path}/{number}", {"output": more})
    except (ApiError, GatekitError) as error:
        return error.message
    return None


def check_run_name(root: str, base: str) -> str:
    """Return the name: that of the project's gate job with `report` in it, and the base that judged.

    Args:
        root: folder of the project.
        base: full name of the base branch, "" where there is none.
    """
    project = f" {inert.terminal(root, 80)}" if root else ""
    return f"{NAME}{project} report{f' ({base})' if base else ''}"


def _conclusion(code: int, advisory: bool) -> str:
    if code == ExitCode.PASS:
        return "success"
    if code == ExitCode.APPROVAL_NEEDED:
        return "action_required"
    # Neutral counts as a success, as the job of an advisory gate does; nothing else that is no pass may.
    return "neutral" if advisory and code in (ExitCode.BLOCKED, ExitCode.INCONCLUSIVE) else "failure"


def _annotations(remarks: Sequence[Annotation]) -> list[dict[str, Any]]:
    """Return those that stand at a file of the repository, the most severe first; the summary has the others."""
    placed = [remark for remark in dict.fromkeys(remarks) if remark.path is not None and _is_of_repository(remark.path)]
    placed.sort(key=lambda remark: LEVELS.index(remark.level))
    return [_annotation(remark, remark.path or "") for remark in placed[:MOST]]


def _annotation(remark: Annotation, path: str) -> dict[str, Any]:
    line = max(1, remark.line or 1)
    return {
        "path": path,
        "start_line": line,
        "end_line": line,
        "annotation_level": _LEVELS[remark.level],
        "title": inert.terminal(remark.title, 200),
        "message": inert.terminal(remark.message, 2000),
    }


def _is_of_repository(path: str) -> bool:
    return path.isprintable() and not path.startswith(("/", "../")) and len(path) <= 1000
