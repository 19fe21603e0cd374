"""`gatekit check`: the verdict on a laptop and in a pull request."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import rich_click as click

from gatekit.cli.delivery import complete_output, deliver, parse_outputs
from gatekit.cli.evidence_folders import with_notes
from gatekit.cli.inputs import split_paths
from gatekit.cli.judging_options import JudgingOptions, load_judging_inputs
from gatekit.report import FORMATS


@click.command("check")
@click.argument("paths", nargs=-1)
@click.option("--policy", "policies", multiple=True, metavar="FILE", help="Policy file or folder; default policies/.")
@click.option(
    "--evidence",
    multiple=True,
    metavar="DIR",
    help="Folder, file or pattern of summaries (repeatable), in place of what policies name; default evidence/.",
)
@click.option("--candidate", metavar="FILE", help="Judge what `gatekit select` chose, and let the bounds pay for it.")
@click.option("--base-evidence", multiple=True, metavar="DIR", help="What not_worse_than compares with.")
@click.option("--base-ref", metavar="REF", help="Compare with evidence/ of this tag or commit instead.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT=PATH",
    shell_complete=complete_output(FORMATS),
    help="Also write markdown, html, json, junit, sarif or terminal; PATH - is stdout.",
)
@click.option("--keys", metavar="FILE", help="Whose signatures count; default trust/keys.yaml where there is one.")
@click.option("--verbose", is_flag=True, help="Show what passed as fully as what did not, and what could be detected.")
@click.option("--watch", is_flag=True, help="Judge again whenever a policy or evidence changes, until Ctrl-C.")
@click.option("--advisory", is_flag=True, help="Report a blocked or inconclusive verdict, but exit 0 on it.")
@click.option("--now", metavar="TIME", help="Judge ages and waivers at this UTC time, e.g. 2026-02-16T01:48:20Z.")
def command(
    paths: tuple[str, ...],
    policies: tuple[str, ...],
    evidence: tuple[str, ...],
    candidate: str | None,
    base_evidence: tuple[str, ...],
    base_ref: str | None,
    outputs: tuple[str, ...],
    keys: str | None,
    verbose: bool,
    watch: bool,
    advisory: bool,
    now: str | None,
) -> int:
    """Judge evidence by policies; the exit code is the verdict.

    PATHS are summaries (files, folders, patterns); a YAML file among them is a policy. With nothing given, policies/
    and evidence/ are used: of evidence/, each policy reads what it names under `evidence:`, or all where it names none.
    """
    more_policies, more_evidence = split_paths(paths)
    policies, evidence = (*policies, *more_policies), (*evidence, *more_evidence)

    options = JudgingOptions(policies, evidence, candidate, base_evidence, base_ref, keys, now)

    def judge() -> int:
        return _judged(options, outputs, verbose, advisory)

    if not watch:
        return judge()
    from gatekit.cli.watching import again_on_change

    return again_on_change(judge, options.watched, options.optional)


def _judged(options: JudgingOptions, outputs: Sequence[str], verbose: bool, advisory: bool) -> int:
    """Read, judge and report once; return the exit code. The arguments are the options of the command."""
    from gatekit.report import render
    from gatekit.report.verdict.terminal import DEFAULT_WIDTH
    from gatekit.report.verdict.terminal import render as render_terminal

    wanted = parse_outputs(outputs, FORMATS)
    found, instead = load_judging_inputs(options)
    if options.candidate is None:
        verdict = found.verdict(advisory)
    else:
        from gatekit.candidates.judging import judge_candidate_file

        verdict = judge_candidate_file(
            options.candidate,
            found.policies,
            found.summaries,
            found.now,
            found.errors,
            advisory,
            found.base,
            found.signers,
            found.standings,
        )
    verdict = with_notes(verdict, instead, options.given)
    again = None if options.candidate is not None else _again(options)

    def for_people(width: int = DEFAULT_WIDTH, color: bool = False) -> str:
        return render_terminal(verdict, width, color, verbose, again)

    deliver(wanted, lambda name: for_people() if name == "terminal" else render(name, verdict), for_people)
    return verdict.exit_code


def _again(options: JudgingOptions) -> str:
    """Return the options with which `gatekit explain` judges the same as this command, with a space in front."""
    given = [
        ("--policy", options.policies),
        ("--evidence", options.evidence),
        ("--base-evidence", options.base_evidence),
        ("--base-ref", [options.base_ref] if options.base_ref else []),
        ("--keys", [options.keys] if options.keys else []),
        ("--now", [options.now] if options.now else []),
    ]
    return "".join(f" {name} {shlex.quote(value)}" for name, values in given for value in values)
