"""`gatekit doctor`: what the repository's settings leave open."""

from __future__ import annotations

import os
import textwrap

import rich_click as click

from gatekit.errors import UsageError
from gatekit.github.doctor import diagnose, read_exports, read_workflows
from gatekit.github.holes import HoleState, Names, exit_code
from gatekit.report import inert

GROUPS = {
    1: "1. the required check",
    2: "2. review of the trust root",
    3: "3. Actions and workflows",
    4: "4. the GPU runner",
    5: "5. the GPU machine",
}
WORKFLOWS = ".github/workflows"
CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""In the order in which GitHub looks for one."""
WORDS = {HoleState.OPEN: "OPEN", HoleState.CLOSED: "closed", HoleState.UNKNOWN: "unknown"}


@click.command("doctor")
@click.option(
    "--ruleset", multiple=True, metavar="FILE", help="/repos/O/R/rules/branches/main, /repos/O/R/rulesets/ID."
)
@click.option("--environment", multiple=True, metavar="FILE", help="/repos/O/R/environments.")
@click.option(
    "--branch-policies",
    multiple=True,
    metavar="ENV=FILE",
    help="/repos/O/R/environments/ENV/deployment-branch-policies.",
)
@click.option(
    "--runner-groups", multiple=True, metavar="FILE", help="/orgs/O/actions/runner-groups, /repos/O/R/actions/runners."
)
@click.option(
    "--actions",
    multiple=True,
    metavar="FILE",
    help="/repos/O/R/actions/permissions, .../workflow, .../fork-pr-contributor-approval.",
)
@click.option("--workflows", metavar="DIR", help="The workflow files, as a folder.")
@click.option("--codeowners", metavar="FILE", help="CODEOWNERS of the branch.")
@click.option("--branch", default=Names.branch, show_default=True, help="The protected default branch.")
@click.option("--check", default=Names.check, show_default=True, help="Name of the required check.")
@click.option("--runner-group", default=Names.runner_group, show_default=True, help="Group of the GPU machine.")
def command(
    ruleset: tuple[str, ...],
    environment: tuple[str, ...],
    branch_policies: tuple[str, ...],
    runner_groups: tuple[str, ...],
    actions: tuple[str, ...],
    workflows: str | None,
    codeowners: str | None,
    branch: str,
    check: str,
    runner_group: str,
) -> int:
    """Say hole by hole what a repository's settings leave open around the gate.

    Every FILE is what `gh api PATH` answers an administrator; nothing is asked for over the network. Exit 0 when every
    hole that the files speak of is closed, 2 when one is open, 3 when they speak of none. Unknown is never closed.
    """
    policies = {}
    for text in branch_policies:
        name, equals, path = text.partition("=")
        if not equals or not name or not path:
            raise UsageError(f"--branch-policies '{text}' is not ENV=FILE")
        policies[name] = path
    exports = read_exports(ruleset, environment, policies, runner_groups, actions, codeowners)
    names = Names(branch=branch, check=check, runner_group=runner_group)
    holes = diagnose(exports, None if workflows is None else read_workflows(workflows), names)
    for setting, title in GROUPS.items():
        click.echo(title)
        for hole in (hole for hole in holes if hole.setting == setting):
            click.echo(f"  {WORDS[hole.state]:<8} {inert.terminal(hole.name)}: {inert.terminal(hole.finding, 400)}")
            if hole.state is not HoleState.CLOSED:
                for line in textwrap.wrap(inert.terminal(hole.remedy, 600), 100):
                    click.echo(f"           {line}")
    counts = {state: sum(hole.state is state for hole in holes) for state in HoleState}
    click.echo(
        f"\n{counts[HoleState.OPEN]} open, {counts[HoleState.CLOSED]} closed, {counts[HoleState.UNKNOWN]} unknown"
        + (": nothing could be checked" if not counts[HoleState.OPEN] + counts[HoleState.CLOSED] else "")
    )
    here = _readable_here(workflows, codeowners)
    if here:
        click.echo(f"next: `gatekit doctor {here}` reads what is here; `--help` says which exports tell the rest")
    return exit_code(holes)


def _readable_here(workflows: str | None, codeowners: str | None) -> str:
    """Return the options for files of this folder that were not given; they need no administrator."""
    options = []
    if workflows is None and os.path.isdir(WORKFLOWS):
        options.append(f"--workflows {WORKFLOWS}")
    if codeowners is None:
        options += [f"--codeowners {path}" for path in CODEOWNERS if os.path.isfile(path)][:1]
    return " ".join(options)
