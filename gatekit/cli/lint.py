"""`gatekit lint`: is this policy able to decide anything?"""

from __future__ import annotations

import rich_click as click

from gatekit.cli.inputs import load_policies, the_time
from gatekit.exit_codes import ExitCode, worst
from gatekit.policy import lint, thresholds
from gatekit.report import inert


@click.command("lint")
@click.argument("paths", nargs=-1)
@click.option("--now", metavar="TIME", help="Judge waivers at this UTC time.")
def command(paths: tuple[str, ...], now: str | None) -> int:
    """Check policies without evidence: spelling, ranges, rules that cannot fail, expired waivers.

    PATHS are policy files or folders; default policies/. Exit 0 when all are sound, 4 when one is not.
    """
    time = the_time(now)
    policies, errors = load_policies(paths)
    for policy in policies:
        found = lint(policy, time)
        errors += found
        if not found:
            rules = sum(1 for gate in policy.gates for _ in thresholds(gate.rule))
            click.echo(
                f"{inert.terminal(policy.path)}: sound: policy '{policy.id}', {_count(len(policy.gates), 'gate')}, "
                f"{_count(rules, 'threshold')}, {_count(len(policy.waivers), 'waiver')}"
            )
    for error in errors:
        click.echo(inert.terminal(str(error), limit=1000), err=True)
        if error.location is not None and error.location.source_line is not None:
            click.echo(f"    {inert.terminal(error.location.source_line.strip())}", err=True)
    return worst([ExitCode.PASS, *(error.exit_code for error in errors)])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
