"""`gatekit stale`: is each piece of evidence still about the files that lie here?"""

from __future__ import annotations

import os
from pathlib import Path

import rich_click as click

from gatekit.cli.inputs import EVIDENCE, load_evidence, load_kinds
from gatekit.cli.project_above import project_above
from gatekit.evidence import Summary
from gatekit.evidence.staleness import changed_sources, why_stale, work_tree_digest
from gatekit.exit_codes import ExitCode, worst
from gatekit.gates.verdict import WORDS
from gatekit.report import inert

LINE = 1000
"""Characters shown of one summary."""


@click.command("stale")
@click.argument("paths", nargs=-1)
@click.option("--why", is_flag=True, help="Name every file that changed, each on a line of its own.")
def command(paths: tuple[str, ...], why: bool) -> int:
    """Say of each summary whether the files that it measured are still the same.

    PATHS are files, folders or patterns; default evidence/. Exit 0 when at least one is fresh and none is stale, 3 when
    one is stale or nothing is bound to files, 4 when one is malformed. A change to any other file makes nothing stale.
    """
    summaries, errors = load_evidence(paths, load_kinds())
    digest_of = work_tree_digest(Path("."))
    counts = {"fresh": 0, "stale": 0, "unbound": 0}
    for summary in summaries:
        reason = why_stale(summary, digest_of)
        state = "stale" if reason is not None else "fresh" if summary.sources else "unbound"
        counts[state] += 1
        changed = changed_sources(summary, digest_of) if why and reason is not None else {}
        # Where every file has a line of its own, the sentence need not name them.
        told = reason if reason is not None and not changed else _unbound(summary) if state == "unbound" else None
        click.echo(inert.terminal(f"{state:<7}  {summary.path}{f': it {told}' if told else ''}", LINE))
        for path, what in changed.items():
            click.echo(inert.terminal(f"         {path} {what}", LINE))
    for error in errors:
        click.echo(inert.terminal(str(error), LINE), err=True)
    codes = [error.exit_code for error in errors]
    codes.append(ExitCode.PASS if counts["fresh"] and not counts["stale"] else ExitCode.INCONCLUSIVE)
    code = worst(codes)
    told = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    above = None if paths or summaries or errors or os.path.isdir(EVIDENCE) else project_above(EVIDENCE)
    told = told or f"no evidence in {inert.terminal(', '.join(paths) or EVIDENCE, LINE)}"
    told += f"; {above}" if above else ""
    click.echo(f"stale: {WORDS[code]} (exit {int(code)}): {told}")
    return code


def _unbound(summary: Summary) -> str:
    if not summary.is_measured:
        return f"measured nothing: the run {summary.status}"
    return "holds another tool's numbers, which are about no file here"
