"""`gatekit check`: the verdict on a laptop and in a pull request."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import rich_click as click

from gatekit.cli.base_evidence import load_base
from gatekit.cli.delivery import complete_output, deliver, parse_outputs
from gatekit.cli.evidence_folders import on_given_evidence, with_notes
from gatekit.cli.inputs import EVIDENCE, POLICIES, load_evidence, load_kinds, load_policies, split_paths, the_time
from gatekit.gates.evaluate import evaluate
from gatekit.kinds import FOLDER
from gatekit.registration.model import FOLDER as REGISTRATIONS
from gatekit.registration.model import PLANS
from gatekit.report import FORMATS

TRUST = "trust"


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

    def judge() -> int:
        return _judged(policies, evidence, candidate, base_evidence, base_ref, outputs, keys, verbose, advisory, now)

    if not watch:
        return judge()
    from gatekit.cli.watching import again_on_change

    also = [FOLDER, REGISTRATIONS, PLANS, *([] if candidate is None else [candidate]), keys or TRUST]
    return again_on_change(judge, [*(policies or [POLICIES]), *(evidence or [EVIDENCE]), *base_evidence, *also])


def _judged(
    policies: Sequence[str],
    evidence: Sequence[str],
    candidate: str | None,
    base_evidence: Sequence[str],
    base_ref: str | None,
    outputs: Sequence[str],
    keys: str | None,
    verbose: bool,
    advisory: bool,
    now: str | None,
) -> int:
    """Read, judge and report once; return the exit code. The arguments are the options of the command."""
    from gatekit.cli.registered import load_standings
    from gatekit.cli.signatures import load_signers
    from gatekit.report import render
    from gatekit.report.verdict.terminal import DEFAULT_WIDTH
    from gatekit.report.verdict.terminal import render as render_terminal

    wanted = parse_outputs(outputs, FORMATS)
    time = the_time(now)
    kinds = load_kinds()
    loaded, policy_errors = load_policies(policies, kinds)
    summaries, evidence_errors = load_evidence(evidence, kinds)
    given = list(evidence) or ([candidate] if candidate is not None else [])
    instead: dict[str, tuple[str, ...]] = {}
    if given:
        loaded, instead = on_given_evidence(loaded)
    base, base_errors = load_base(base_evidence, base_ref, kinds)
    signers, signature_errors = load_signers(evidence, summaries, loaded, keys, time)
    standings, registration_errors = load_standings(summaries, base, kinds)
    errors = [*policy_errors, *evidence_errors, *base_errors, *signature_errors, *registration_errors]
    if candidate is None:
        verdict = evaluate(loaded, summaries, time, errors, advisory, base, signers, standings=standings)
    else:
        from gatekit.candidates.judging import judge_candidate_file

        verdict = judge_candidate_file(candidate, loaded, summaries, time, errors, advisory, base, signers, standings)
    verdict = with_notes(verdict, instead, given)
    if not summaries and not evidence_errors:
        remedy = "write some with `gatekit run` or `gatekit import`, or name its place with --evidence"
        click.echo(f"gatekit: no evidence was found, so nothing was measured; {remedy}", err=True)
    again = None if candidate is not None else _again(policies, given, base_evidence, base_ref, now)

    def for_people(width: int = DEFAULT_WIDTH, color: bool = False) -> str:
        return render_terminal(verdict, width, color, verbose, again)

    deliver(wanted, lambda name: for_people() if name == "terminal" else render(name, verdict), for_people)
    return verdict.exit_code


def _again(
    policies: Sequence[str], evidence: Sequence[str], base: Sequence[str], base_ref: str | None, now: str | None
) -> str:
    """Return the options with which `gatekit explain` judges the same as this command, with a space in front."""
    options = [
        ("--policy", policies),
        ("--evidence", evidence),
        ("--base-evidence", base),
        ("--base-ref", [base_ref] if base_ref else []),
        ("--now", [now] if now else []),
    ]
    return "".join(f" {name} {shlex.quote(value)}" for name, values in options for value in values)
