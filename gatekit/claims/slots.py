"""What a claim's sentence may show: the numbers that its gates judged, and others only where they are named as context.

A sentence says what its gates found. A number of another measure, another file, one observation or a count in its place
would be true of something and say nothing of the claim; so a supported claim shows it only as declared context, and
from evidence that its policy would accept: of its subject, signed, young enough and about the files that are there now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatekit.claims.bindings import ValueBinding
from gatekit.claims.finding import Finding
from gatekit.claims.model import Claim, Slot
from gatekit.claims.statistic import Bound
from gatekit.claims.values import FACTORS
from gatekit.errors import Location
from gatekit.evidence.summary import Measurement, Summary
from gatekit.exit_codes import ExitCode
from gatekit.gates.bounds import effective_confidence, level_generalised
from gatekit.gates.evaluate import Signer, matches, unsigned
from gatekit.gates.verdict import GateResult, ThresholdResult, thresholds_in
from gatekit.policy import Policy
from gatekit.policy.model import thresholds

_ROUNDING = 1e-12
"""Two ways to the same confidence may differ in the last bits."""


@dataclass(frozen=True)
class ContextNumber:
    """A number in a claim's sentence that none of its gates judges, as the registry declares."""

    claim: str
    shows: str
    """FILE MEASURE STATISTIC."""
    printed: str
    location: Location


@dataclass(frozen=True)
class Judges:
    """What judged one claim, and what its evidence must be."""

    claim: Claim
    policy: Policy | None
    gates: Mapping[str, GateResult]
    """Of the policy, by name, as evaluated on what the claim stands on."""
    summaries: Mapping[str, Summary]
    """By path relative to the registry."""
    now: datetime
    stale: Mapping[str, str]
    signers: Mapping[str, frozenset[Signer]] | None

    def rules(self) -> Iterator[ThresholdResult]:
        """Yield every rule of the claim's own gates."""
        for name in self.claim.gates:
            if name in self.gates:
                yield from thresholds_in(self.gates[name].result)


def shown_in_sentence(judges: Judges, numbers: Sequence[ValueBinding]) -> tuple[list[Finding], list[ContextNumber]]:
    """Compare the numbers of one block with what its claim may show.

    Args:
        judges: of the claim.
        numbers: bound in the block, in its order.

    Returns:
        Findings: REFUSED for a number that the registry fixes otherwise, BLOCKED for one that no gate judges, and what
        the claim's policy would say of the evidence behind declared context. And the context, for reports.
    """
    claim = judges.claim
    findings: list[Finding] = []
    context: list[ContextNumber] = []
    for index, number in enumerate(numbers):
        slot = claim.slots[index] if claim.slots is not None and index < len(claim.slots) else None
        if slot is not None and not _is_as_fixed(slot, number):
            findings.append(_otherwise(claim, slot, index, number))
            continue
        if slot is not None and slot.context:
            context.append(ContextNumber(claim.id, _shows(number), number.printed, number.location))
        if claim.status != "supported" or is_foreign(judges, number):  # what is foreign has its own finding
            continue
        if slot is not None and slot.context:
            findings += _context(judges, number)
        elif not any(_judges(rule, number, judges.summaries.get(number.file)) for rule in judges.rules()):
            findings.append(_unjudged(judges, number))
    return findings, context


def is_foreign(judges: Judges, number: ValueBinding) -> bool:
    """Whether a number comes from other evidence than its claim names, or, where it names none, another subject."""
    claim = judges.claim
    if claim.evidence:
        return not claim.stands_on(number.file)
    summary = judges.summaries.get(number.file)
    subjects = {rule.evidence.subject for rule in judges.rules() if rule.evidence is not None}
    return summary is not None and bool(subjects) and summary.subject.digest not in subjects


def _shows(number: ValueBinding) -> str:
    return number.shows


def _is_as_fixed(slot: Slot, number: ValueBinding) -> bool:
    return (number.target if slot.format is not None else _shows(number)) == slot.words


def _otherwise(claim: Claim, slot: Slot, index: int, number: ValueBinding) -> Finding:
    shows = number.target if slot.format is not None else _shows(number)
    return Finding(
        "claims.slot",
        f"number {index + 1} of claim '{claim.id}' shows {shows}; the registry fixes {slot.words}",
        number.marker_location,
        f"bind it as {slot.location} says; changing that changes the claim",
        ExitCode.REFUSED,
        claim.id,
    )


def _judges(rule: ThresholdResult, number: ValueBinding, summary: Summary | None) -> bool:
    """Whether a number is what a rule judged: its estimate, or a bound at the rule's confidence or above."""
    if rule.effect.measure != number.measure:
        return False
    if rule.evidence is None:  # not measured, which is said where the gate is
        return summary is None or summary.kind == rule.effect.kind
    measurement = None if summary is None else summary.measurements.get(number.measure)
    if summary is None or measurement is None or summary.path != rule.evidence.path:
        return False
    if isinstance(number.statistic, Bound):
        wanted = rule.measured.confidence if rule.measured is not None else 0.0
        over_levels = level_generalised(measurement, FACTORS) is not None
        confidence, _ = effective_confidence(number.statistic.confidence, summary.protocol, 1, over_levels=over_levels)
        return wanted is not None and confidence >= wanted - _ROUNDING
    return number.statistic == "estimate" or (number.statistic == "candidate" and not _has_baseline(measurement))


def _has_baseline(measurement: Measurement) -> bool:
    return measurement.baseline is not None or measurement.baseline_values is not None


def _unjudged(judges: Judges, number: ValueBinding) -> Finding:
    claim = judges.claim
    paths = {summary.path: path for path, summary in judges.summaries.items()}
    judged = dict.fromkeys(
        f"{paths.get(rule.evidence.path, rule.evidence.path)} {rule.effect.measure}"
        for rule in judges.rules()
        if rule.evidence is not None
    )
    listed = f" of {'; '.join(judged)}" if judged else ""
    return Finding(
        "claims.unjudged_number",
        f"claim '{claim.id}' shows {_shows(number)}, which none of its gates judges",
        number.marker_location,
        f"show the estimate, or a bound at the gate's confidence,{listed}; or list the claim's `slots` in claims.yaml "
        "and give this one `context: true`",
        ExitCode.BLOCKED,
        claim.id,
    )


def _context(judges: Judges, number: ValueBinding) -> Iterator[Finding]:
    """Yield what the claim's policy would say of the file behind a number that it does not judge."""
    claim, policy = judges.claim, judges.policy
    summary = judges.summaries.get(number.file)
    if summary is None or policy is None:  # each said by its own check
        return

    def finding(error_id: str, message: str, remedy: str, code: ExitCode) -> Finding:
        return Finding(error_id, message, number.marker_location, remedy, code, claim.id)

    if not matches(policy.subject, summary):
        message = f"{number.file} is about {summary.subject.words}, which is not the subject of policy '{policy.id}'"
        yield finding("claims.foreign_number", message, "bind it to evidence of the subject", ExitCode.REFUSED)
    for error in unsigned(policy, [summary], judges.signers or {}):
        yield finding(error.error_id, f"{number.file}: {error.message}", error.remedy or "", error.exit_code)
    if number.file in judges.stale or summary.path in judges.stale:
        why = judges.stale.get(number.file) or judges.stale[summary.path]
        message = f"{number.file}, which claim '{claim.id}' shows, {why}"
        yield finding(
            "claims.stale_number", message, "`gatekit stale --why` names what to measure again", ExitCode.INCONCLUSIVE
        )
    oldest = _oldest(judges)
    age = judges.now - summary.finished
    if oldest is not None and age > oldest:
        message = f"{number.file} is {_days(age)} old; claim '{claim.id}' allows {_days(oldest)}"
        yield finding("claims.stale_number", message, "measure it again", ExitCode.INCONCLUSIVE)


def _oldest(judges: Judges) -> timedelta | None:
    """Return the strictest age that a rule of the claim's gates allows; None where none is limited."""
    if judges.policy is None:
        return None
    gates = [gate for gate in judges.policy.gates if gate.name in judges.claim.gates]
    ages = [rule.max_age for gate in gates for rule in thresholds(gate.rule) if rule.max_age is not None]
    return min(ages, default=None)


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.3g} days"
