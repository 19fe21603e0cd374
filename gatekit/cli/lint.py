"""`gatekit lint`: is this policy able to decide anything, and is this summary one that the gate accepts?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import rich_click as click

from gatekit.cli.inputs import load_policies, the_time
from gatekit.errors import GatekitError
from gatekit.evidence import Summary, find_summaries, read_summaries
from gatekit.exit_codes import ExitCode, worst
from gatekit.policy import lint, thresholds
from gatekit.report import inert


@click.command("lint")
@click.argument("paths", nargs=-1)
@click.option("--now", metavar="TIME", help="Judge waivers at this UTC time.")
def command(paths: tuple[str, ...], now: str | None) -> int:
    """Check policies without evidence: spelling, ranges, rules that cannot fail, expired waivers.

    PATHS are policy files or folders; default policies/. A path that ends in .json is a summary, and is checked against
    its schema and against itself. Exit 0 when all are sound, 4 when one is not.
    """
    time = the_time(now)
    evidence = [path for path in paths if path.endswith(".json")]
    policies = [path for path in paths if path not in evidence]
    errors = _summaries(evidence)
    if policies or not evidence:
        errors = _policies(policies, time) + errors
    for error in errors:
        click.echo(inert.terminal(str(error), limit=1000), err=True)
        if error.location is not None and error.location.source_line is not None:
            click.echo(f"    {inert.terminal(error.location.source_line.strip())}", err=True)
    return worst([ExitCode.PASS, *(error.exit_code for error in errors)])


def _policies(paths: Sequence[str], time: datetime) -> list[GatekitError]:
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
    return errors


def _summaries(paths: Sequence[str]) -> list[GatekitError]:
    summaries, errors = read_summaries(find_summaries(paths))
    for summary in summaries:
        click.echo(f"{inert.terminal(summary.path)}: sound: {summary.kind} summary{_content(summary)}")
    return errors


def _content(summary: Summary) -> str:
    if summary.status != "ok":
        return f" without measurements: the run {'was skipped' if summary.status == 'skipped' else 'failed'}"
    reported = sum(measurement.reported is not None for measurement in summary.measurements.values())
    only = f" ({reported} reported, without observations)" if reported else ""
    return f", {_count(len(summary.measurements), 'measurement')}{only}, {_count(len(summary.protocol.seeds), 'seed')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
