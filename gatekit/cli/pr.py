"""`gatekit pr`: what a pull request changes, judged by its base branch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import rich_click as click

from gatekit.cli.delivery import complete_output, deliver, parse_outputs
from gatekit.cli.inputs import the_time
from gatekit.cli.root import open_project
from gatekit.pull_request.approval import APPROVAL_LABEL, ApprovalSource, Reviewers
from gatekit.pull_request.verdict import PullRequestVerdict
from gatekit.report import PULL_REQUEST_FORMATS

if TYPE_CHECKING:
    from gatekit.github.event import Event


@click.command("pr")
@click.option("--base", metavar="REF", help="What judges, like main; default: what the event says.")
@click.option("--head", metavar="REF", help="What is judged; default: what the event says, else HEAD.")
@click.option("--repo", metavar="DIR", help="The clone, with its whole history; default here.")
@click.option("--root", metavar="DIR", help="The project's root in it; default here, or the folder of --repo.")
@click.option(
    "--approval-label",
    default=APPROVAL_LABEL,
    show_default=True,
    metavar="NAME",
    help="Start of the label that approves changes to what judges; behind it stand the commit's first digits.",
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT=PATH",
    shell_complete=complete_output(PULL_REQUEST_FORMATS),
    help="Also write markdown, html, json or terminal; PATH - is stdout.",
)
@click.option("--verbose", is_flag=True, help="Show what passed as fully as what did not, and what could be detected.")
@click.option("--now", metavar="TIME", help="Judge ages, waivers and keys at this UTC time, e.g. 2026-02-16T01:48:20Z.")
def command(
    base: str | None,
    head: str | None,
    repo: str | None,
    root: str | None,
    approval_label: str,
    outputs: tuple[str, ...],
    verbose: bool,
    now: str | None,
) -> int:
    """Judge a change by the policies of its base branch; the exit code is the verdict.

    Both sides are read from git objects, never from the work tree, below the project's root. In GitHub Actions the
    event says what base and head are, and which labels the pull request has. A claim that is added or strengthened, a
    changed number, and a supported claim whose gate the change turns must have their gates pass; withdrawing a claim is
    never blocked. A change to what judges needs approval (exit 5).
    """
    from gatekit.github.event import EVENTS, read_event, sides
    from gatekit.pull_request.judging import judge_pull_request
    from gatekit.report import render_pull_request

    wanted = parse_outputs(outputs, PULL_REQUEST_FORMATS)
    time = the_time(now)
    # With a base given, it does not matter that another event, like a push, has none.
    needed = base is None or os.environ.get("GITHUB_EVENT_NAME") in EVENTS
    event = read_event(os.environ) if needed else None
    repository, place = open_project(repo, root)
    with repository:
        compared = sides(repository, event, base, head)
        approvals = ApprovalSource()
        if event is not None and event.name == "pull_request":
            approvals = ApprovalSource(event.head_sha, event.labels, approval_label, lambda: _reviewers(event))
        verdict = judge_pull_request(repository, compared, time, approvals, place)
    deliver(
        wanted,
        lambda name: render_pull_request(name, verdict),
        lambda width, color: _for_people(verdict, width, color, verbose),
    )
    return verdict.code


def _reviewers(event: Event) -> Reviewers:
    """Return who approved the pull request's last commit; nobody where no token is given that could ask."""
    from gatekit.github.reviews import approving_reviewers

    return approving_reviewers(os.environ, event)


def _for_people(verdict: PullRequestVerdict, width: int, color: bool, verbose: bool) -> str:
    from gatekit.report.pull_request.terminal import render

    return render(verdict, width, color, verbose)
