"""`gatekit dossier`: the folder of a final candidate, whatever its verdict."""

from __future__ import annotations

import os
from pathlib import Path

import rich_click as click

from gatekit.cli.base_evidence import base_originals, load_base
from gatekit.cli.delivery import deliver
from gatekit.cli.evidence_folders import on_given_evidence
from gatekit.cli.inputs import EVIDENCE, load_evidence, load_kinds, load_policies, the_time
from gatekit.errors import GatekitError, UsageError, without_frames
from gatekit.evidence.several_files import check_apart
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import Verdict
from gatekit.report import inert

WRITTEN = (ExitCode.PASS, ExitCode.BLOCKED, ExitCode.INCONCLUSIVE, ExitCode.APPROVAL_NEEDED)
"""A verdict of any other code says nothing about the candidate."""


@click.command("dossier")
@click.option("--policy", "policies", multiple=True, required=True, metavar="FILE", help="What judges (repeatable).")
@click.option("--candidate", metavar="FILE", help="The candidate.json of `gatekit select`; its policy must judge too.")
@click.option(
    "--evidence",
    multiple=True,
    metavar="DIR",
    help="Folder, file or pattern of summaries (repeatable), in place of what policies name; default evidence/.",
)
@click.option("--base-evidence", multiple=True, metavar="DIR", help="What not_worse_than compares with.")
@click.option("--base-ref", metavar="REF", help="Compare with evidence/ of this tag or commit instead.")
@click.option("--out", required=True, metavar="DIR", help="Folder to write: free, or an earlier dossier.")
@click.option("--keys", metavar="FILE", help="Whose signatures count; default trust/keys.yaml where there is one.")
@click.option("--now", metavar="TIME", help="Judge ages and waivers at this UTC time, e.g. 2026-02-16T01:48:20Z.")
def command(
    policies: tuple[str, ...],
    candidate: str | None,
    evidence: tuple[str, ...],
    base_evidence: tuple[str, ...],
    base_ref: str | None,
    out: str,
    keys: str | None,
    now: str | None,
) -> int:
    """Write a candidate's dossier: what may be claimed, the gate report, the evidence itself, and plots.

    The folder is written whole or not at all, for a verdict of any outcome; refused input writes none. The exit code
    is the verdict's.
    """
    from gatekit.candidates import read_candidate
    from gatekit.cli.registered import load_standings
    from gatekit.cli.signatures import load_signers
    from gatekit.dossier.contents import contents
    from gatekit.dossier.folder import MANIFEST, check_target, write_folder
    from gatekit.dossier.gathering import gather
    from gatekit.dossier.judging import judge, judge_gathered

    target = Path(os.path.normpath(out))
    check_apart(target, [*(evidence or [EVIDENCE]), *base_evidence])
    check_target(target)
    time = the_time(now)
    kinds = load_kinds()
    loaded, policy_errors = load_policies(policies, kinds)
    stop = next((policy for policy in loaded if policy.stops), None)
    if stop is not None:
        raise UsageError(f"{stop.path} is a stop policy, which no release stands on", "name the release's policy")
    summaries, evidence_errors = load_evidence(evidence, kinds)
    if evidence or candidate is not None:
        loaded, _ = on_given_evidence(loaded)
    base, base_errors = load_base(base_evidence, base_ref, kinds)
    signers, signature_errors = load_signers(evidence, summaries, loaded, keys, time)
    standings, registration_errors = load_standings(summaries, base, kinds)
    errors = [*policy_errors, *evidence_errors, *base_errors, *signature_errors, *registration_errors]
    chosen = None
    if candidate is not None:
        try:
            chosen = read_candidate(candidate)
        except UsageError:
            raise
        except GatekitError as error:
            errors.append(without_frames(error))
            summaries = []  # no evidence is judged in its name
    verdict, _ = judge(loaded, summaries, base, chosen, time, errors, signers, standings)
    if verdict.code not in WRITTEN or verdict.errors:
        _show(verdict)
        earlier = f"; {inert.terminal(out)} is still the earlier one" if (target / MANIFEST).exists() else ""
        click.echo(f"gatekit: no dossier was written{earlier}", err=True)
        return verdict.exit_code
    with base_originals(base_ref) as base_original:
        gathered = gather(loaded, summaries, base, chosen, kinds, base_original)
    judged = judge_gathered(gathered, verdict, time, signers, standings)
    files = contents(judged)
    write_folder(target, files)
    _show(judged.verdict)
    click.echo(
        f"gatekit: {len(files)} files in {inert.terminal(str(target))}; README.md is the first to read", err=True
    )
    return judged.verdict.exit_code


def _show(verdict: Verdict) -> None:
    from gatekit.report.verdict.terminal import render

    deliver([], lambda _: "", lambda width, color: render(verdict, width, color, verbose=True, again=None))
