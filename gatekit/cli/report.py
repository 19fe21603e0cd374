"""`gatekit report`: the page on which thresholds can be moved, as a file or served on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from gatekit.cli.inputs import split_paths
from gatekit.cli.judging_options import JudgingOptions
from gatekit.errors import UsageError
from gatekit.exit_codes import ExitCode

if TYPE_CHECKING:
    from gatekit.cli.report_page import ReportPage

MOST_COMMITS = 100
"""Each is judged anew before the page is there."""


@click.command("report")
@click.argument("paths", nargs=-1)
@click.option("--policy", "policies", multiple=True, metavar="FILE", help="Policy file or folder; default policies/.")
@click.option(
    "--evidence",
    multiple=True,
    metavar="DIR",
    help="Folder, file or pattern of summaries (repeatable), in place of what policies name; default evidence/.",
)
@click.option("--base-evidence", multiple=True, metavar="DIR", help="What not_worse_than compares with.")
@click.option("--base-ref", metavar="REF", help="Compare with evidence/ of this tag or commit instead.")
@click.option("--keys", metavar="FILE", help="Whose signatures count; default trust/keys.yaml where there is one.")
@click.option("--now", metavar="TIME", help="Judge ages and waivers at this UTC time, e.g. 2026-02-16T01:48:20Z.")
@click.option("--serve", is_flag=True, help="Serve the page on 127.0.0.1 until Ctrl-C; it follows the files.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of --serve; default any free one.")
@click.option("--html", "file", metavar="FILE", help="Write the page as one file that needs nothing else.")
@click.option(
    "--history",
    "commits",
    type=click.IntRange(0, MOST_COMMITS),
    default=10,
    show_default=True,
    help="Newest commits that are judged for the history, at most; 0 for none.",
)
def command(
    paths: tuple[str, ...],
    policies: tuple[str, ...],
    evidence: tuple[str, ...],
    base_evidence: tuple[str, ...],
    base_ref: str | None,
    keys: str | None,
    now: str | None,
    serve: bool,
    port: int,
    file: str | None,
    commits: int,
) -> int:
    """Show policies, evidence, outcomes and history on one page, with thresholds that can be moved.

    For who edits policies: moving a threshold shows which outcomes flip on which evidence, and the line of the policy
    that would change. Nothing is written but the page. What is judged, and the exit code, are those of `gatekit check`;
    of --serve it is that of the last page.
    """
    if serve == (file is not None):
        raise UsageError("the page is either served or written", "give --serve or --html FILE")
    if port and not serve:
        raise UsageError("--port is for --serve")
    more_policies, more_evidence = split_paths(paths)
    options = JudgingOptions(
        (*policies, *more_policies), (*evidence, *more_evidence), None, base_evidence, base_ref, keys, now
    )
    from gatekit.cli.report_page import ReportPage

    page = ReportPage(options, commits)
    if file is not None:
        from gatekit.evidence.atomic import write_whole
        from gatekit.gates.verdict import WORDS
        from gatekit.report import inert

        write_whole(file, page.render(None).encode("utf-8"))
        click.echo(f"gatekit: wrote {inert.terminal(file)}; the verdict is {WORDS[ExitCode(page.code)]}", err=True)
        return page.code
    return _served(page, options, port)


def _served(page: ReportPage, options: JudgingOptions, port: int) -> int:
    from gatekit.cli.serving import LivePage, PageServer

    with PageServer(LivePage(page.render_anyhow, options.watched), port) as server:
        try:
            click.echo(f"gatekit: {server.address} (Ctrl-C ends it)", err=True)
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            return page.code
    return page.code
