"""`gatekit policy diff`: what a change of policy means, and which outcomes it would turn."""

from __future__ import annotations

from collections.abc import Sequence

import rich_click as click

from gatekit.cli.delivery import terminal_width
from gatekit.cli.evidence_folders import on_given_evidence
from gatekit.cli.inputs import load_evidence, load_kinds, load_policies, the_time
from gatekit.cli.registered import load_standings
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode, worst
from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import WORDS
from gatekit.policy import Policy, PolicyDiff, diff_policies, lint
from gatekit.report import inert


@click.group("policy")
def command() -> None:
    """Work with policies: what a change of one means."""


@command.command("diff")
@click.argument("before")
@click.argument("after")
@click.option(
    "--evidence",
    multiple=True,
    metavar="DIR",
    help="Also say which outcomes flip on this evidence (folder, file or pattern; repeatable).",
)
@click.option("--now", metavar="TIME", help="Judge ages and waivers at this UTC time, e.g. 2026-02-16T01:48:20Z.")
def diff_command(before: str, after: str, evidence: tuple[str, ...], now: str | None) -> int:
    """Say per gate whether AFTER is tighter or looser than BEFORE; both are policy files or folders.

    Exit 0 when nothing changed or it only asks for more, 5 when anything is loosened, removed or cannot be compared, 4
    when a policy or evidence is malformed.
    """
    from gatekit.pull_request.preview import flips
    from gatekit.pull_request.verdict import Flip
    from gatekit.report.pull_request.terminal import policy_changes, text

    time = the_time(now)
    kinds = load_kinds()
    old, old_errors = load_policies([before], kinds, stop_policies=True)
    new, new_errors = load_policies([after], kinds, stop_policies=True)
    summaries, evidence_errors = load_evidence(evidence, kinds) if evidence else ([], [])
    errors = [*old_errors, *new_errors, *evidence_errors, *(error for policy in new for error in lint(policy, time))]
    if errors:
        return _refuse(errors)
    diffs = diff_policies(old, new)
    turned: list[Flip] = []
    if evidence and diffs:
        standings, registration_errors = load_standings(summaries, None, kinds)
        if registration_errors:
            return _refuse(registration_errors)
        if {p.id: p.evidence for p in old} == {p.id: p.evidence for p in new}:
            # Where it is not the change itself: what was given is judged, wherever it lies.
            old, new = on_given_evidence(old)[0], on_given_evidence(new)[0]
        before_and_after = [evaluate(side, summaries, time, standings=standings) for side in (old, new)]
        turned = flips(*before_and_after)
    click.echo(text(policy_changes(diffs, turned, terminal_width())), nl=False)
    if evidence and diffs and not turned:
        click.echo("  on this evidence no outcome flips")
    loosened = [diff.policy for diff in diffs if diff.needs_approval]
    code = ExitCode.APPROVAL_NEEDED if loosened else ExitCode.PASS
    click.echo(f"policy: {WORDS[code]} (exit {int(code)}): {_told(old, diffs, loosened)}")
    return code


def _told(old: Sequence[Policy], diffs: Sequence[PolicyDiff], loosened: Sequence[str]) -> str:
    if not diffs:
        return f"nothing changed in {len(old)} polic{'y' if len(old) == 1 else 'ies'}"
    if loosened:
        return f"{inert.terminal(', '.join(loosened))} may judge only after approval"
    return "every change asks for more"


def _refuse(errors: Sequence[GatekitError]) -> ExitCode:
    for error in errors:
        click.echo(inert.terminal(str(error), limit=1000), err=True)
    return worst(error.exit_code for error in errors)
