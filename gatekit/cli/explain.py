"""`gatekit explain`: one gate in full sentences, with the observations that decided it and what would change it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import rich_click as click

from gatekit.cli.base_evidence import load_base
from gatekit.cli.evidence_folders import on_given_evidence
from gatekit.cli.gate_names import complete_gate
from gatekit.cli.inputs import load_evidence, load_kinds, load_policies, the_time
from gatekit.cli.registered import load_standings
from gatekit.cli.signatures import load_signers
from gatekit.errors import GatekitError, UsageError, did_you_mean
from gatekit.exit_codes import ExitCode, worst
from gatekit.gates.evaluate import evaluate
from gatekit.policy import Gate, Policy
from gatekit.report import inert
from gatekit.report.explanation.terminal import explanation


@click.command("explain")
@click.argument("gate", shell_complete=complete_gate)
@click.option("--policy", "policies", multiple=True, metavar="FILE", help="Policy file or folder; default policies/.")
@click.option(
    "--evidence",
    multiple=True,
    metavar="DIR",
    help="Folder, file or pattern of summaries (repeatable); default evidence/.",
)
@click.option("--base-evidence", multiple=True, metavar="DIR", help="What not_worse_than compares with.")
@click.option("--base-ref", metavar="REF", help="Compare with evidence/ of this tag or commit instead.")
@click.option("--keys", metavar="FILE", help="Whose signatures count; default trust/keys.yaml where there is one.")
@click.option("--now", metavar="TIME", help="Judge ages and waivers at this UTC time, e.g. 2026-02-16T01:48:20Z.")
def command(
    gate: str,
    policies: tuple[str, ...],
    evidence: tuple[str, ...],
    base_evidence: tuple[str, ...],
    base_ref: str | None,
    keys: str | None,
    now: str | None,
) -> int:
    """Say why a gate has its outcome, on which numbers, and what would change it.

    GATE is a gate's name, or POLICY-ID/NAME where several policies have one of that name. The exit code is 0 when the
    explanation could be given, whatever the outcome; 4 when an input is refused.
    """
    time = the_time(now)
    kinds = load_kinds()
    loaded, errors = load_policies(policies, kinds)
    if errors:
        return _refuse(errors)
    policy, found = _choose(gate, loaded)
    summaries, errors = load_evidence(evidence, kinds)
    if evidence:
        policy = on_given_evidence([policy])[0][0]
    base, base_errors = load_base(base_evidence, base_ref, kinds)
    signers, signature_errors = load_signers(evidence, summaries, [policy], keys, time)
    standings, registration_errors = load_standings(summaries, base, kinds)
    found_wrong = [*errors, *base_errors, *signature_errors, *registration_errors]
    verdict = evaluate([policy], summaries, time, found_wrong, base=base, signers=signers, standings=standings)
    if verdict.errors:
        return _refuse(verdict.errors)
    result = next(result for result in verdict.policies[0].gates if result.name == found.name)
    width = max(60, min(140, shutil.get_terminal_size((100, 40)).columns))
    for line in explanation(policy, found, result, [*summaries, *(base or ())], time, width):
        click.echo(inert.terminal(line, limit=None))
    return ExitCode.PASS


def _refuse(errors: Sequence[GatekitError]) -> ExitCode:
    for error in errors:
        click.echo(inert.terminal(str(error), limit=1000), err=True)
        if error.location is not None and error.location.source_line is not None:
            click.echo(f"    {inert.terminal(error.location.source_line.strip())}", err=True)
    return worst(error.exit_code for error in errors)


def _choose(name: str, policies: Sequence[Policy]) -> tuple[Policy, Gate]:
    """Return the gate that NAME or POLICY-ID/NAME means.

    Raises:
        UsageError: none, or several.
    """
    policy_id, slash, gate_name = name.rpartition("/")
    named = [policy for policy in policies if not slash or policy.id == policy_id]
    if not named:
        known = [policy.id for policy in policies]
        raise UsageError(f"no policy '{policy_id}'", did_you_mean(policy_id, known) or f"known: {', '.join(known)}")
    found = [(policy, gate) for policy in named for gate in policy.gates if gate.name == gate_name]
    if len(found) > 1:
        choices = " or ".join(f"'{policy.id}/{gate.name}'" for policy, gate in found)
        raise UsageError(f"{len(found)} policies have a gate '{gate_name}'", f"write {choices}")
    if not found:
        gates = list(dict.fromkeys(gate.name for policy in named for gate in policy.gates))
        remedy = did_you_mean(gate_name, gates) or f"known: {', '.join(gates)}"
        raise UsageError(f"no gate '{gate_name}' in {', '.join(policy.path for policy in named)}", remedy)
    return found[0]
