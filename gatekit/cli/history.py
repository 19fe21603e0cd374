"""`gatekit history`: what the gates said along a branch, from git alone."""

from __future__ import annotations

import rich_click as click

from gatekit.cli.delivery import complete_output, deliver, parse_outputs
from gatekit.cli.gate_names import complete_gate
from gatekit.cli.root import open_project
from gatekit.errors import UsageError, did_you_mean
from gatekit.exit_codes import ExitCode
from gatekit.report import HISTORY_FORMATS, inert

MOST = 1000
"""Commits; each is judged anew."""
LINE = 1000
"""Characters of a complaint."""


@click.command("history")
@click.argument("ref", default="HEAD")
@click.option("--limit", type=click.IntRange(1, MOST), default=20, show_default=True, help="Newest commits, at most.")
@click.option("--releases", is_flag=True, help="Only commits that have a tag.")
@click.option(
    "--gate",
    "gates",
    multiple=True,
    metavar="GATE",
    shell_complete=complete_gate,
    help="Only this gate, or POLICY/GATE (repeatable).",
)
@click.option("--repo", metavar="DIR", help="The clone, with its whole history; default here.")
@click.option("--root", metavar="DIR", help="The project's root in it; default here, or the folder of --repo.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT=PATH",
    shell_complete=complete_output(HISTORY_FORMATS),
    help="Also write json, svg or terminal; PATH - is stdout.",
)
def command(
    ref: str,
    limit: int,
    releases: bool,
    gates: tuple[str, ...],
    repo: str | None,
    root: str | None,
    outputs: tuple[str, ...],
) -> int:
    """Show outcome, estimate and bound of every gate over time, along the branch REF (default: what is checked out).

    Each commit that changed policies or evidence is judged as it was: its evidence by its policies, at the time of the
    commit, read from git objects. Along first parents, so a merge counts once. Exit 0 when at least one commit was
    judged, whatever its verdict; 3 when none could be.
    """
    from gatekit.history.judging import read_history
    from gatekit.history.series import series_of
    from gatekit.pull_request.projects import other_projects
    from gatekit.repo import below
    from gatekit.report import render_history
    from gatekit.report.history.terminal import render

    wanted = parse_outputs(outputs, HISTORY_FORMATS)
    repository, place = open_project(repo, root)
    with repository:
        found = read_history(repository, ref, place, limit, releases)
        others = other_projects(below(repository.tree(found.tip), place)) if place and not found.commits else ""
    series = series_of(found, gates)
    if gates and not series:
        known = {each.gate for each in series_of(found)}
        remedy = did_you_mean(gates[0], known) or f"known: {', '.join(sorted(known)) or 'none'}"
        raise UsageError(f"no commit that was judged has a gate '{gates[0]}'", remedy)
    deliver(
        wanted,
        lambda name: render_history(name, found, series),
        lambda width, color: render(found, series, width, color),
    )
    if others:
        click.echo(inert.terminal(f"gatekit: no policies or evidence in {place}{others}", LINE), err=True)
    return ExitCode.PASS if any(commit.verdict is not None for commit in found.commits) else ExitCode.INCONCLUSIVE
