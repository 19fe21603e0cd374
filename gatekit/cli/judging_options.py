"""From options to everything that is judged, for every command that judges exactly what `gatekit check` does."""

from __future__ import annotations

import os
from dataclasses import dataclass

import rich_click as click

from gatekit.cli.base_evidence import load_base
from gatekit.cli.evidence_folders import on_given_evidence
from gatekit.cli.inputs import EVIDENCE, POLICIES, load_evidence, load_kinds, load_policies, the_time
from gatekit.cli.project_above import project_above
from gatekit.gates.judging_inputs import JudgingInputs
from gatekit.kinds import FOLDER
from gatekit.registration.model import FOLDER as REGISTRATIONS
from gatekit.registration.model import PLANS

TRUST = "trust"


@dataclass(frozen=True)
class JudgingOptions:
    """What the command line says is judged."""

    policies: tuple[str, ...]
    evidence: tuple[str, ...]
    candidate: str | None
    base_evidence: tuple[str, ...]
    base_ref: str | None
    keys: str | None
    now: str | None

    @property
    def given(self) -> list[str]:
        """What is read in place of the folders that policies name, as the command line names it."""
        return list(self.evidence) or ([self.candidate] if self.candidate is not None else [])

    @property
    def watched(self) -> list[str]:
        """Files, folders and patterns whose change may change the verdict."""
        return [*(self.policies or [POLICIES]), *(self.evidence or [EVIDENCE]), *self.base_evidence, *self.optional]

    @property
    def optional(self) -> list[str]:
        """Those of them that most projects do not have."""
        candidate = [] if self.candidate is None else [self.candidate]
        return [FOLDER, REGISTRATIONS, PLANS, *candidate, self.keys or TRUST]


def load_judging_inputs(options: JudgingOptions) -> tuple[JudgingInputs, dict[str, tuple[str, ...]]]:
    """Read everything; also return, per policy's id, the folders that it names and that were not read for that.

    Raises:
        GatekitError: an option is wrong. What is wrong with files stands in the inputs' errors.
    """
    # Needed only where there is something to verify or to date, and `gatekit check --help` needs none of it.
    from gatekit.cli.registered import load_standings
    from gatekit.cli.signatures import load_signers

    time = the_time(options.now)
    kinds = load_kinds()
    policies, errors = load_policies(options.policies, kinds)
    summaries, evidence_errors = load_evidence(options.evidence, kinds)
    instead: dict[str, tuple[str, ...]] = {}
    if options.given:
        policies, instead = on_given_evidence(policies)
    base, base_errors = load_base(options.base_evidence, options.base_ref, kinds)
    signers, signature_errors = load_signers(options.evidence, summaries, policies, options.keys, time)
    standings, registration_errors = load_standings(summaries, base, kinds)
    if not summaries and not evidence_errors:
        above = None if options.evidence or os.path.isdir(EVIDENCE) else project_above(EVIDENCE)
        remedy = above or "write some with `gatekit run` or `gatekit import`, or name its place with --evidence"
        click.echo(f"gatekit: no evidence was found, so nothing was measured; {remedy}", err=True)
    errors = [*errors, *evidence_errors, *base_errors, *signature_errors, *registration_errors]
    return JudgingInputs(policies, summaries, time, errors, base, signers, standings), instead
