"""`gatekit comment`: what the gate said, on the pull request, in one comment that stays up to date."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rich_click as click

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.strict_json import JsonLimits, read_json, read_regular_file
from gatekit.exit_codes import ExitCode
from gatekit.github import comment
from gatekit.github.annotations import Annotation
from gatekit.github.annotations import render as render_annotations
from gatekit.github.api import Api, ApiError, api
from gatekit.github.judgement import read_report
from gatekit.report import inert

EVENT_LIMITS = JsonLimits(size=25 << 20, string=1 << 20, depth=64)
MARKDOWN_LIMIT = 4 << 20
"""Bytes."""
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}", re.ASCII)


@click.command("comment")
@click.option("--report", "report_path", required=True, metavar="FILE", help="JSON report of `gatekit pr` or `check`.")
@click.option(
    "--id", "identifier", default="gate", show_default=True, metavar="ID", help="One comment per ID: a policy's."
)
@click.option(
    "--mode", type=click.Choice(comment.MODES), default="on-failure", show_default=True, help="When to comment at all."
)
@click.option(
    "--markdown", metavar="FILE", help="Show this report instead of a short list. Never a file from another run."
)
@click.option("--author", default=comment.AUTHOR, show_default=True, help="Login that the token comments as.")
def command(report_path: str, identifier: str, mode: comment.Mode, markdown: str | None, author: str) -> int:
    """Put a verdict on its pull request as one comment, updated in place.

    The pull request is the event's, the token GITHUB_TOKEN, the server GITHUB_API_URL. Whatever GitHub answers, the
    exit code is 0 and a failure is a warning: a comment never decides. 4: the report is no report; 64: usage.
    """
    if not comment.is_identifier(identifier):
        raise UsageError(f"--id '{identifier}' has not the form of a policy's id", "lower case, digits and hyphens")
    report = read_report(Path(report_path))
    text = None
    if markdown is not None:
        text = read_regular_file(markdown, "markdown", MARKDOWN_LIMIT).decode("utf-8", "replace")
    repository = os.environ.get("GITHUB_REPOSITORY", "")
    if not _REPOSITORY.fullmatch(repository):
        raise UsageError("GITHUB_REPOSITORY names no repository", "run this in GitHub Actions, or set it to OWNER/NAME")
    event, server = _event(os.environ), api(os.environ)
    run = event.get("workflow_run")
    if isinstance(run, dict):
        said = {True: "success", False: "failure"}[report.exit_code == ExitCode.PASS]
        if run.get("conclusion") != said:
            return _warn(f"the report says '{report.word}' but the run ended as '{run.get('conclusion')}': not shown")
        if text is not None:
            raise UsageError("--markdown in a workflow_run event", "leave it out: that file was made by the other run")
    try:
        place = comment.Place(repository, _number(server, repository, event))
        written = comment.body(identifier, report, text, _link(os.environ, repository, run))
        passes = report.exit_code == ExitCode.PASS
        done = comment.publish(server, place, written, passes, mode, author)
    except ApiError as error:
        return _warn(f"no comment: {error.message}")
    click.echo(f"comment on {inert.terminal(repository)} pull request {place.number}: {inert.terminal(done)}")
    return ExitCode.PASS


def _event(environment: Mapping[str, str]) -> dict[str, Any]:
    path = environment.get("GITHUB_EVENT_PATH", "")
    if not path:
        raise UsageError("GITHUB_EVENT_PATH is not set", "run this in GitHub Actions")
    value = read_json(path, EVENT_LIMITS).value
    if not isinstance(value, dict):
        raise GatekitError("event.field", "the event is not an object", Location(path))
    return value


def _number(server: Api, repository: str, event: dict[str, Any]) -> int:
    run, request = event.get("workflow_run"), event.get("pull_request")
    if isinstance(run, dict):
        return comment.retried(lambda: comment.number_of(server, repository, run))
    number = request.get("number") if isinstance(request, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise UsageError("the event is for no pull request", "comment on pull_request or workflow_run events only")
    return number


def _link(environment: Mapping[str, str], repository: str, run: Any) -> str | None:
    """Return the address of the run that judged, made from its number alone."""
    number = run.get("id") if isinstance(run, dict) else environment.get("GITHUB_RUN_ID", "")
    server = environment.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    if not str(number).isdecimal() or not re.fullmatch(r"https?://[A-Za-z0-9.:-]+", server, re.ASCII):
        return None
    return f"{server}/{repository}/actions/runs/{number}"


def _warn(message: str) -> int:
    click.echo(render_annotations([Annotation("warning", "gatekit comment", message)]), nl=False)
    return ExitCode.PASS
