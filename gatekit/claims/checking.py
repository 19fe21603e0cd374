"""Registry x documents x policies x evidence -> findings: is everything that is published carried by the evidence?

A pass says that every bound number is the evidence's, every registered sentence stands as registered, and every gate
that a supported claim needs passes. It says nothing about what nobody registered: `scanning` looks for that.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gatekit.claims.bindings import ClaimBlock, ValueBinding
from gatekit.claims.common_bar import below_common_bar
from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.entries import registered_words
from gatekit.claims.finding import Finding, from_error
from gatekit.claims.model import BADGE, Claim, Registry
from gatekit.claims.named_gates import as_alternatives, chosen_among
from gatekit.claims.named_gates import words as words_of_choice
from gatekit.claims.prose import SLOT
from gatekit.claims.registry import check_references
from gatekit.claims.slots import ContextNumber, Judges, is_foreign, shown_in_sentence
from gatekit.claims.values import shown
from gatekit.claims.written import ValuesFiles, compared
from gatekit.errors import GatekitError, Location, did_you_mean
from gatekit.evidence.summary import Summary
from gatekit.exit_codes import ExitCode, worst
from gatekit.gates.evaluate import Signer, evaluate
from gatekit.gates.notes import BEST_OF
from gatekit.gates.verdict import (
    GateResult,
    Outcome,
    Verdict,
    thresholds_in,
    why_not,
)
from gatekit.policy import Policy
from gatekit.policy.model import thresholds
from gatekit.registration.standing import Standing

MOST_JUDGED = 10_000
"""Thresholds that the claims of one registry may ask for: a policy counts once per set of evidence that it judges."""


class Choices(Protocol):
    """What claims pay for having their subject chosen among others; `candidates` knows, and claims do not."""

    def price(self, claim: Claim, policy: Policy, judged: Sequence[Summary]) -> Hashable:
        """Return what a claim pays that stands on these summaries; equal prices give equal verdicts."""

    def paid(self, price: Hashable, policy: Policy, judged: Sequence[Summary]) -> tuple[Policy, Sequence[Summary]]:
        """Return the policy that pays, and what it may judge."""

    def named_late(self, claim: Claim, policy: Policy, judged: Sequence[Summary]) -> bool:
        """Whether a claim may have named its gates after what these read was measured."""


@dataclass(frozen=True)
class ClaimState:
    """What was found out about one claim."""

    claim: Claim
    outcomes: tuple[tuple[str, Outcome | None], ...]
    """Per gate that it needs; None where there is no such gate."""
    places: tuple[Location, ...]
    """Of its blocks."""
    gates: Mapping[str, GateResult]
    """Results of its policy's gates on what it stands on, by name."""


@dataclass(frozen=True)
class CheckResult:
    """The result of a check."""

    claims: tuple[ClaimState, ...]
    findings: tuple[Finding, ...]
    numbers: int
    """Bound numbers that were compared with evidence."""
    documents: int
    context: tuple[ContextNumber, ...]
    """Numbers in the sentences of claims that no gate judges, each declared so."""

    @property
    def code(self) -> ExitCode:
        """The worst finding, or PASS: a registry has at least one claim, so something was checked."""
        return worst([ExitCode.PASS, *(finding.code for finding in self.findings)])


def check(
    registry: Registry,
    documents: Sequence[ClaimsDocument],
    policies: Sequence[Policy],
    summaries: Mapping[str, Summary],
    now: datetime,
    errors: Sequence[GatekitError] = (),
    stale: Mapping[str, str] | None = None,
    base: Sequence[Summary] | None = None,
    signers: Mapping[str, frozenset[Signer]] | None = None,
    standings: Mapping[str, Standing] | None = None,
    written: ValuesFiles | None = None,
    choices: Choices | None = None,
) -> CheckResult:
    """Check everything that the documents publish.

    Args:
        registry: the claims.
        documents: what the registry's rules name, as far as it could be read.
        policies: all that claims may need; only those that one needs are evaluated.
        summaries: by path relative to the registry.
        now: aware UTC time for ages and waivers.
        errors: what reading any of these already found wrong.
        stale: path of a summary -> why it is out of date with the files that are judged.
        base: the base branch's summaries, which not_worse_than compares with; None when there is no base.
        signers: per sha256 of a summary's bytes, the keys whose signatures were verified.
        standings: per sha256 of a summary's bytes, what it is to the registrations.
        written: the files that documents show values from, as `with_written` gives them with the documents.
        choices: what claims pay for a choice among candidates; None where nothing is known of one.

    Returns:
        Findings with their codes: BLOCKED for a number that is not the evidence's and for a supported claim whose gate
        fails, INCONCLUSIVE where evidence is missing, REFUSED where registry, documents or policies are malformed or
        disagree with each other.
    """
    findings = [from_error(error) for error in errors]
    findings += [from_error(error) for error in check_references(registry, policies)]
    findings += below_common_bar(registry, policies)
    findings += compared(written) if written is not None else []
    # What a stop policy passes carries no claim; check_references says so where one needs it.
    by_id = {policy.id: policy for policy in policies if not policy.stops}

    left = MOST_JUDGED

    verdicts: dict[Hashable, Verdict] = {}
    stood_on: dict[tuple[str, ...], Sequence[Summary]] = {}

    def evaluated(policy: Policy, chosen: Sequence[Summary], key: Hashable, claim: Claim) -> Verdict:
        nonlocal left
        if key in verdicts:
            return verdicts[key]
        left -= sum(1 for gate in policy.gates for _ in thresholds(gate.rule))
        if left < 0:
            message = f"the claims ask for more than {MOST_JUDGED} thresholds, counted once per policy and evidence"
            raise GatekitError("claims.too_many_thresholds", message, claim.location, "let claims share evidence")
        verdicts[key] = evaluate(
            [policy],
            chosen,
            now,
            base=base,
            signers=signers,
            stale=stale,
            standings=standings,
            beside=list(summaries.values()),
        )
        return verdicts[key]

    def judge(claim: Claim) -> tuple[Verdict, int] | None:
        policy = by_id.get(claim.policy)
        if policy is None:
            return None
        if claim.evidence not in stood_on:
            stood_on[claim.evidence] = [summary for path, summary in summaries.items() if claim.stands_on(path)]
        chosen: Sequence[Summary] = stood_on[claim.evidence]
        price = None if choices is None else choices.price(claim, policy, chosen)
        late = claim.status == "supported" and choices is not None and choices.named_late(claim, policy, chosen)
        if choices is not None:
            policy, chosen = choices.paid(price, policy, chosen)
        verdict = evaluated(policy, chosen, (claim.policy, claim.evidence, price), claim)
        number = chosen_among(claim, verdict.policies[0].gates) if late else 1
        if number > 1:
            key = (claim.policy, claim.evidence, price, number)
            verdict = evaluated(as_alternatives(policy, number), chosen, key, claim)
        return verdict, number

    states, gate_findings = _judged(registry, documents, summaries, judge, stale or {})
    findings += gate_findings
    context: list[ContextNumber] = []
    judges = {
        state.claim.id: Judges(
            state.claim, by_id.get(state.claim.policy), state.gates, summaries, now, stale or {}, signers
        )
        for state in states
    }
    for document in documents:
        findings += [from_error(error) for error in document.errors]
        numbers = _by_claim(document)
        for block in document.blocks:
            findings += _block(registry, block)
            if block.claim in judges:
                found, beside = shown_in_sentence(judges[block.claim], numbers.get(block.claim, []))
                findings += found
                context += beside
        for binding in document.values:
            findings += _number(judges.get(binding.claim or ""), binding, summaries)
    for state in states:
        if not state.places:
            message = f"no document holds a block of claim '{state.claim.id}'"
            remedy = "bind it where it stands, or remove it from the registry"
            findings.append(
                Finding("claims.unbound", message, state.claim.location, remedy, ExitCode.REFUSED, state.claim.id)
            )
    return CheckResult(
        tuple(states), tuple(findings), sum(len(d.values) for d in documents), len(documents), tuple(context)
    )


def _by_claim(document: ClaimsDocument) -> dict[str | None, list[ValueBinding]]:
    """Return the bindings of a document per claim in whose block they stand, in its order."""
    found: dict[str | None, list[ValueBinding]] = {}
    for binding in document.values:
        found.setdefault(binding.claim, []).append(binding)
    return found


def _judged(
    registry: Registry,
    documents: Sequence[ClaimsDocument],
    summaries: Mapping[str, Summary],
    judge: Callable[[Claim], tuple[Verdict, int] | None],
    stale: Mapping[str, str],
) -> tuple[list[ClaimState], list[Finding]]:
    """Return what each claim's gates say; `judge` evaluates a policy once per set of evidence and price.

    It also returns among how many gates the claim may have chosen those that it names.
    """
    states: list[ClaimState] = []
    findings: dict[str, Finding] = {}
    places: dict[str, list[Location]] = {}
    for document in documents:
        for block in document.blocks:
            places.setdefault(block.claim, []).append(block.location)
    for claim in registry.claims:
        verdict, number = judge(claim) or (None, 1)
        gates = {gate.name: gate for gate in verdict.policies[0].gates} if verdict is not None else {}
        # Several claims may need one policy: what is wrong with it is said once.
        findings.update({str(error): from_error(error) for error in (verdict.errors if verdict is not None else ())})
        outcomes = tuple((name, gates[name].outcome if name in gates else None) for name in claim.gates)
        states.append(ClaimState(claim, outcomes, tuple(places.get(claim.id, ())), gates))
        for finding in [*_evidence(claim, summaries), *_gates(claim, gates, number, stale)]:
            findings[str(finding)] = finding
    return states, list(findings.values())


def _evidence(claim: Claim, summaries: Mapping[str, Summary]) -> list[Finding]:
    found = []
    for place, location in zip(claim.evidence, claim.evidence_locations, strict=True):
        if not any(path == place or path.startswith(f"{place}/") for path in summaries):
            message = f"claim '{claim.id}' stands on '{place}', where there is no evidence"
            remedy = did_you_mean(place, summaries)
            found.append(Finding("claims.no_evidence", message, location, remedy, ExitCode.INCONCLUSIVE, claim.id))
    return found


def _gates(claim: Claim, gates: Mapping[str, GateResult], number: int, stale: Mapping[str, str]) -> list[Finding]:
    if claim.status != "supported":
        return []
    found = []
    for name in claim.gates:
        gate = gates.get(name)
        if gate is None or gate.outcome is Outcome.PASS:  # a gate that is not there was found by check_references
            continue
        if gate.outcome is Outcome.FAIL:
            error_id, verb, code = "claims.gate_fails", "fails", ExitCode.BLOCKED
        else:
            error_id, verb, code = "claims.gate_inconclusive", "is inconclusive", ExitCode.INCONCLUSIVE
        found.append(
            Finding(
                error_id,
                f"claim '{claim.id}' is registered as supported, but gate '{name}' of policy '{claim.policy}' "
                f"{verb}: {why_not(gate.result)}{_chosen(gate)}"
                + (f" ({words_of_choice(number)})" if number > 1 else ""),
                claim.status_location,
                f"{_where_to_look(gate, stale)}; until it passes, the status is pending or not_supported",
                code,
                claim.id,
                name,
            )
        )
    return found


def _chosen(gate: GateResult) -> str:
    """Return what a gate paid for the choice of its subject: the same numbers pass where nothing was chosen."""
    notes = {note for rule in thresholds_in(gate.result) for note in rule.notes if note.startswith(BEST_OF)}
    return "".join(f" ({note})" for note in sorted(notes))


def _where_to_look(gate: GateResult, stale: Mapping[str, str]) -> str:
    evidence = {rule.evidence.path for rule in thresholds_in(gate.result) if rule.evidence is not None}
    if evidence & stale.keys():
        return "`gatekit stale --why` names what to measure again"
    return f"`gatekit explain {gate.name}` says more"


def _block(registry: Registry, block: ClaimBlock) -> list[Finding]:
    claim = registry.claim(block.claim)
    if claim is None:
        remedy = did_you_mean(block.claim, [c.id for c in registry.claims]) or f"register it in {registry.path}"
        message = f"claim '{block.claim}' is not registered"
        return [Finding("claims.unknown_claim", message, block.location, remedy, ExitCode.REFUSED, block.claim)]
    return [*_status(claim, block), *_sentence(claim, block)]


def _status(claim: Claim, block: ClaimBlock) -> list[Finding]:
    """A reader must see that a sentence is not supported; any other status may be left out, but not be told wrongly."""
    wanted = BADGE[claim.status]
    if block.badge is None and claim.status == "not_supported":
        message = f"claim '{claim.id}' is registered as not_supported, and its block does not say so"
        place = block.location
    elif block.badge is not None and block.badge.printed != wanted:
        said = block.badge.printed or "nothing that is sure to be seen"
        message = f"claim '{claim.id}' is registered as {claim.status}, and its block says '{said}'"
        place = block.badge.location
    else:
        return []
    remedy = f"`gatekit claims sync` writes '{wanted}' before the sentence"
    return [Finding("claims.status", message, place, remedy, ExitCode.BLOCKED, claim.id)]


def _sentence(claim: Claim, block: ClaimBlock) -> list[Finding]:
    wanted = registered_words(claim)
    if block.sentence == wanted:
        return []
    message = f"{_difference(block.sentence, wanted)} (claim '{claim.id}')"
    remedy = f"make it the sentence of {claim.location}, where {{}} stands for a bound number"
    return [Finding("claims.sentence", message, block.location, remedy, ExitCode.REFUSED, claim.id)]


def _number(judges: Judges | None, binding: ValueBinding, summaries: Mapping[str, Summary]) -> list[Finding]:
    """Check one number; `judges` are those of the claim in whose block it stands."""
    if judges is not None and is_foreign(judges, binding):
        name = judges.claim.id
        message = f"the number is bound to {binding.file}, on which claim '{name}' does not stand"
        remedy = "bind it to evidence of the claim, or register the file under the claim's `evidence`"
        return [Finding("claims.foreign_number", message, binding.marker_location, remedy, ExitCode.REFUSED, name)]
    try:
        text = shown(binding, summaries).text
    except GatekitError as error:
        return [from_error(error, binding.claim)]
    if text == binding.printed:
        return []
    sync = "`gatekit claims sync` writes it"
    if not binding.printed:
        message = f"is empty, evidence says {text}"
        return [Finding("claims.empty", message, binding.location, sync, ExitCode.REFUSED, binding.claim)]
    message = f"says {binding.printed}, evidence says {text}"
    return [Finding("claims.number", message, binding.location, sync, ExitCode.BLOCKED, binding.claim)]


def _difference(found: str, wanted: str) -> str:
    """Return where two sentences part, from the first word that differs on."""
    ours, theirs = found.replace(SLOT, "{}").split(), wanted.replace(SLOT, "{}").split()
    same = 0
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    return f"says '{_passage(ours, same)}' where the registered sentence says '{_passage(theirs, same)}'"


def _passage(words: list[str], start: int) -> str:
    shown_words = words[max(0, start - 2) : start + 4]
    lead = "... " if start > 2 else ""
    return lead + " ".join(shown_words) + (" ..." if start + 4 < len(words) else "")
