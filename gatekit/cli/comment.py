"""`gatekit comment`: what the gate said, on the pull request, in one comment that stays up to date."""

from __future__ import annotations

import os
from pathlib import Path

import rich_click as click

from gatekit.errors import UsageError
from gatekit.evidence.strict_json import read_regular_file
from gatekit.exit_codes import ExitCode
from gatekit.github import comment
from gatekit.github.annotations import Annotation
from gatekit.github.annotations import render as render_annotations
from gatekit.github.api import ApiError, api
from gatekit.github.comment_event import link_to_run, number_of_event
from gatekit.github.event import is_repository, read_comment_event
from gatekit.github.judgement import read_report
from gatekit.github.project_names import ending
from gatekit.report import inert


@click.command("comment")
@click.option("--report", "report_path", required=True, metavar="FILE", help="JSON report of `gatekit pr` or `check`.")
@click.option(
    "--id", "identifier", metavar="ID", help="One comment per ID; default gate, with the project's folder behind it."
)
@click.option(
    "--mode", type=click.Choice(comment.MODES), default="on-failure", show_default=True, help="When to comment at all."
)
@click.option(
    "--markdown", metavar="FILE", help="Show this report instead of a short list. Never a file from another run."
)
@click.option("--author", default=comment.AUTHOR, show_default=True, help="Login that the token comments as.")
def command(report_path: str, identifier: str | None, mode: comment.Mode, markdown: str | None, author: str) -> int:
    """Put a verdict on its pull request as one comment, updated in place.

    The pull request is the event's, the token GITHUB_TOKEN, the server GITHUB_API_URL. Whatever GitHub answers, the
    exit code is 0 and a failure is a warning: a comment never decides. 4: the report is no report; 64: usage.
    """
    if identifier and not comment.is_identifier(identifier):
        raise UsageError(f"--id '{identifier}' has not the form of a policy's id", "lower case, digits and hyphens")
    report = read_report(Path(report_path))
    identifier = identifier or f"gate{ending(report.root)}"
    text = None
    if markdown is not None:
        text = read_regular_file(markdown, "markdown", comment.MARKDOWN_LIMIT).decode("utf-8", "replace")
    repository = os.environ.get("GITHUB_REPOSITORY", "")
    if not is_repository(repository):
        raise UsageError("GITHUB_REPOSITORY names no repository", "run this in GitHub Actions, or set it to OWNER/NAME")
    event, server = read_comment_event(os.environ), api(os.environ)
    if event.run is not None:
        agreed = "success" if report.exit_code == ExitCode.PASS else "failure"
        if event.run.conclusion != agreed:
            return _warn(f"the report says '{report.word}' but the run ended as '{event.run.conclusion}': not shown")
        if text is not None:
            raise UsageError("--markdown in a workflow_run event", "leave it out: that file was made by the other run")
    try:
        place = comment.CommentPlace(repository, number_of_event(server, repository, event))
        written = comment.body(identifier, report, text, link_to_run(os.environ, repository, event.run))
        passes = report.exit_code == ExitCode.PASS
        done = comment.publish(server, place, written, passes, mode, author)
    except ApiError as error:
        return _warn(f"no comment: {error.message}")
    click.echo(f"comment on {inert.terminal(repository)} pull request {place.number}: {inert.terminal(done)}")
    return ExitCode.PASS


def _warn(message: str) -> int:
    click.echo(render_annotations([Annotation("warning", "gatekit comment", message)]), nl=False)
    return ExitCode.PASS
