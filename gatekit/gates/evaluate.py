"""Policies x Summaries -> Verdict.

A pass says that every required gate's bound met its threshold on observations of one subject. It does not say that the
observations are honest, that the thresholds are wise, or anything about measurements that the policy does not name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gatekit import __version__
from gatekit.errors import GatekitError, Location
from gatekit.evidence.summary import Checkpoints, Subject, Summary
from gatekit.exit_codes import ExitCode, worst
from gatekit.gates.context import EvaluationContext
from gatekit.gates.diverged import DivergedSaes, diverged_saes
from gatekit.gates.every_seed import training_note
from gatekit.gates.looks import exploratory_notes
from gatekit.gates.model_names import two_names
from gatekit.gates.rules import judge_rule
from gatekit.gates.verdict import (
    EvidenceRead,
    GateResult,
    Outcome,
    PolicyResult,
    RuleResult,
    ThresholdResult,
    Verdict,
    WaiverUsed,
    thresholds_in,
)
from gatekit.policy.evidence_folders import reads
from gatekit.policy.lint import lint
from gatekit.policy.model import Gate, Policy, SubjectFilter, Threshold, thresholds
from gatekit.registration.standing import NOT_REGISTERED, Standing


@dataclass(frozen=True)
class Signer:
    """A key whose signature over a summary's bytes was verified."""

    key: str
    """sha256 of the public key's bytes: one key under two names counts once."""
    roles: frozenset[str]


STOP_POLICY = (
    "stop policy: weaker, a failure gives up a branch of a cycle, and a pass only says that nothing speaks for that; "
    "it releases nothing and carries no claim"
)
_NAME_ONE = "name one under `subject:`, or its folder under `evidence:`, in the policy"

CLOCK_SKEW = timedelta(minutes=10)
"""Evidence may be this far in the future; two machines' clocks differ, but not by more."""


def evaluate(
    policies: Sequence[Policy],
    summaries: Sequence[Summary],
    now: datetime,
    errors: Sequence[GatekitError] = (),
    advisory: bool = False,
    base: Sequence[Summary] | None = None,
    signers: Mapping[str, frozenset[Signer]] | None = None,
    stale: Mapping[str, str] | None = None,
    standings: Mapping[str, Standing] | None = None,
    beside: Sequence[Summary] = (),
) -> Verdict:
    """Judge every policy on the evidence.

    Args:
        policies: loaded policies; they are linted here.
        summaries: every summary that could be read.
        now: aware UTC time for ages and waivers.
        errors: what reading policies and evidence already found wrong; any error refuses the verdict.
        advisory: report a blocked or inconclusive verdict without its exit code.
        base: the base branch's summaries, which not_worse_than compares with; None when there is no base.
        stale: path of a summary -> why it is out of date with the files that are judged, e.g. "measured runners/x.py,
            which has changed".
        signers: per sha256 of a summary's bytes, the keys whose signatures were verified; None when none was.
        standings: per sha256 of a summary's bytes, what it is to the registrations; where it is not there, exploratory.
        beside: what else was read and is not judged, and may still show that the SAEs have diverged.
    """
    standings = standings or {}
    diverged = diverged_saes([*summaries, *(base or ()), *beside])
    found = [*errors, *in_the_future(summaries, now)]
    # Files of evidence are the ones whose errors point into JSON; each counts once, however many errors it has.
    refused = len({e.location.path for e in errors if e.location is not None and e.location.pointer is not None})
    results = []
    for policy in policies:
        judge = GatesJudge(policy, now, base, signers or {}, stale or {}, refused, standings, diverged)
        result, policy_errors = _policy(judge, summaries)
        results.append(result)
        found += policy_errors
    codes = [error.exit_code for error in found] + [result.code for result in results]
    return Verdict(
        version=__version__,
        now=now,
        policies=tuple(sorted(results, key=lambda r: (r.path, r.id))),
        evidence=tuple(
            EvidenceRead(s.path, s.sha256, s.kind, s.status, s.subject.digest, _standing(s, standings).state)
            for s in sorted(summaries, key=lambda s: s.path)
        ),
        errors=tuple(found),
        code=worst(codes),
        advisory=advisory,
    )


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return one verdict of several on different parts of the same evidence, judged at the same time.

    Args:
        verdicts: at least one.
    """
    errors = list({str(error): error for verdict in verdicts for error in verdict.errors}.values())
    policies = [policy for verdict in verdicts for policy in verdict.policies]
    read = {one.path: one for verdict in verdicts for one in verdict.evidence}
    return replace(
        verdicts[0],
        policies=tuple(sorted(policies, key=lambda r: (r.path, r.id))),
        evidence=tuple(read[path] for path in sorted(read)),
        errors=tuple(errors),
        code=worst([verdict.code for verdict in verdicts]),
    )


def in_the_future(summaries: Sequence[Summary], now: datetime) -> list[GatekitError]:
    """Return an error for every summary that was finished later than now, beyond what clocks differ by."""
    return [
        GatekitError(
            "summary.future",
            f"finished at {summary.finished:%Y-%m-%dT%H:%M:%SZ}, which is in the future",
            Location(summary.path, pointer="/producer/finished"),
        )
        for summary in summaries
        if summary.finished - now > CLOCK_SKEW
    ]


@dataclass(frozen=True, slots=True)
class JudgedGates:
    """What became of the gates of one policy."""

    gates: tuple[GateResult, ...]
    errors: list[GatekitError]
    """Of signatures, and of rules that evidence of this shape cannot meet."""
    evidence: list[Summary]
    """What the policy judged."""
    subjects: list[Subject]
    """Whom that is about, in the order of paths."""


@dataclass(frozen=True, slots=True)
class GatesJudge:
    """A policy and all that is the same whatever evidence its gates are judged on; fields as of `evaluate`."""

    policy: Policy
    """One that `lint` has nothing against, or whose errors are told beside what becomes of its gates."""
    now: datetime
    base: Sequence[Summary] | None
    signers: Mapping[str, frozenset[Signer]]
    stale: Mapping[str, str]
    refused: int
    """Files of evidence with errors."""
    standings: Mapping[str, Standing]
    diverged: DivergedSaes

    def judged(self, summaries: Sequence[Summary]) -> JudgedGates:
        """Judge every gate on the summaries that are the policy's."""
        policy = self.policy
        kinds = {rule.kind for gate in policy.gates for rule in thresholds(gate.rule)}
        relevant = [s for s in summaries if s.kind in kinds]
        mine = [s for s in relevant if judged_by(policy, s)]
        # Only evidence that this policy judges must be signed as this policy asks.
        errors = unsigned(policy, mine, self.signers)
        # Kept, so that a gate without evidence can say that another subject was measured.
        others = [s for s in relevant if reads(policy.evidence, s.path) and not matches(policy.subject, s)]
        outside = [s for s in relevant if not reads(policy.evidence, s.path)]
        # In the order of paths, so that messages do not depend on the order of arguments.
        subjects = list({s.subject.digest: s.subject for s in sorted(mine, key=lambda s: s.path)}.values())
        context = EvaluationContext(
            policy,
            mine,
            others,
            outside,
            self.refused,
            _several(subjects) if policy.one_subject and len(subjects) > 1 else None,
            self.base,
            self.stale,
            self.now,
            self.standings,
            None if policy.legacy else two_names(mine),
            self.diverged,
        )
        gates = []
        for gate in policy.gates:
            result, gate_errors = judge_rule(gate.rule, context)
            errors += gate_errors
            gates.append(_gate(gate, result, policy))
        return JudgedGates(tuple(gates), errors, mine, subjects)


def _several(subjects: Sequence[Subject]) -> str:
    """Return why no one subject of several could be chosen."""
    some = [subject.words for subject in subjects]
    listed = "; ".join(some[:10]) + (f"; and {len(some) - 10} more" if len(some) > 10 else "")
    remedy = _two_digests(subjects) or _NAME_ONE
    return f"the evidence is about {len(subjects)} subjects ({listed}); {remedy}"


def _policy(judge: GatesJudge, summaries: Sequence[Summary]) -> tuple[PolicyResult, list[GatekitError]]:
    policy = judge.policy
    judged = judge.judged(summaries)
    errors = lint(policy, judge.now) + judged.errors
    notes = []
    if policy.legacy:
        notes.append("legacy policy: reproduces another system's rules, fallbacks included; not for a release")
    if policy.stops:
        notes.append(STOP_POLICY)
    if not policy.one_subject:
        notes.append("one_subject is off: its gates may be about different models")
    notes += exploratory_notes([(s, _standing(s, judge.standings)) for s in judged.evidence if s.is_measured])
    training = None if policy.legacy else training_note(_judged(policy, judged.gates))
    notes += [] if training is None else [training]
    return (
        PolicyResult(
            path=policy.path,
            id=policy.id,
            sha256=policy.sha256,
            legacy=policy.legacy,
            subject=_subject_words(judged.subjects),
            gates=judged.gates,
            code=worst([_code(judged.gates), *(error.exit_code for error in errors)]),
            notes=tuple(notes),
            purpose=policy.purpose,
            evidence=policy.evidence,
        ),
        errors,
    )


def _judged(policy: Policy, gates: Sequence[GateResult]) -> Iterator[tuple[Threshold, ThresholdResult]]:
    """Yield every threshold of a policy with what became of it."""
    for gate, result in zip(policy.gates, gates, strict=True):
        yield from zip(thresholds(gate.rule), thresholds_in(result.result), strict=True)


def _standing(summary: Summary, standings: Mapping[str, Standing]) -> Standing:
    return standings.get(summary.sha256, NOT_REGISTERED)


def _two_digests(subjects: Sequence[Subject]) -> str | None:
    """Return what is to be done where one model's name stands for two digests: naming it would not help."""
    digests: dict[str, set[str | None]] = {}
    for subject in subjects:
        digests.setdefault(subject.model_name, set()).add(subject.model_digest)
    name = next((name for name, found in digests.items() if len(found) > 1), None)
    if name is not None:
        shown = " and ".join(sorted("none" if digest is None else digest[:12] for digest in digests[name]))
        return (
            f"the model '{name}' has the digests {shown}: if it is one model, take the digest that `gatekit digest "
            "FOLDER` prints for all of its evidence"
        )
    return _two_checkpoints(subjects)


def _two_checkpoints(subjects: Sequence[Subject]) -> str | None:
    """Return what is to be done where subjects that agree in all else give one seed's SAE two digests."""
    first, none = subjects[0], Checkpoints((), ())
    alike = replace(first, checkpoints=none, digest="")
    if any(replace(other, checkpoints=none, digest="") != alike for other in subjects):
        return None
    seeds = [{one.seed: one.sha256 for one in subject.checkpoints} for subject in subjects]
    for seed in sorted(set(seeds[0]).intersection(*seeds[1:])):
        found = sorted({checkpoints[seed][:12] for checkpoints in seeds})
        if len(found) > 1:
            return (
                f"seed {seed} of {first.model_name} has the checkpoints {' and '.join(found)}: if it is one SAE, take "
                f"the sha256 that `gatekit digest SAE` prints for all of its evidence; else {_NAME_ONE}"
            )
    return None


def _subject_words(subjects: Sequence[Subject]) -> str | None:
    if len(subjects) > 1:
        return f"several ({len(subjects)})"
    return subjects[0].words if subjects else None


def unsigned(
    policy: Policy, summaries: Sequence[Summary], signers: Mapping[str, frozenset[Signer]]
) -> list[GatekitError]:
    """Return an error for every summary that too few distinct keys of the wanted roles have signed."""
    if policy.signed_by is None:
        return []
    wanted = policy.signed_by
    errors = []
    for summary in summaries:
        # A key counts when it has at least one of the wanted roles.
        keys = {s.key for s in signers.get(summary.sha256, frozenset()) if set(wanted.roles) & s.roles}
        if len(keys) < wanted.threshold:
            errors.append(
                GatekitError(
                    "signature.missing",
                    f"signed by {len(keys)} of the {wanted.threshold} keys with role {' or '.join(wanted.roles)} "
                    f"that policy '{policy.id}' requires",
                    Location(summary.path, pointer=""),
                    "sign it with `gatekit attest`, and check keys and roles with `gatekit verify`",
                )
            )
    return errors


def judged_by(policy: Policy, summary: Summary) -> bool:
    """Whether a summary lies where a policy reads evidence and is about the subject that it names."""
    return reads(policy.evidence, summary.path) and matches(policy.subject, summary)


def matches(wanted: SubjectFilter, summary: Summary) -> bool:
    """Whether a summary is about the subject that a policy names."""
    subject = summary.subject
    return (
        wanted.model in (None, subject.model_name)
        and wanted.model_digest in (None, subject.model_digest)
        and wanted.hook in (None, subject.hook)
        and wanted.architecture in (None, subject.architecture)
        and wanted.d_sae in (None, subject.d_sae)
        and wanted.k in (None, subject.k)
        and (wanted.digest is None or subject.digest.startswith(wanted.digest))
    )


def _gate(gate: Gate, result: RuleResult, policy: Policy) -> GateResult:
    # Only looked up here: a waiver that has expired, or is there twice, is an error of the linter.
    waiver = next((w for w in policy.waivers if w.gate == gate.name), None)
    return GateResult(
        name=gate.name,
        description=gate.description,
        result=result,
        required=gate.required,
        level=gate.level,
        waiver=None if waiver is None else WaiverUsed(waiver.owner, waiver.reason, waiver.expires, waiver.location),
        location=gate.location,
    )


def _code(gates: Sequence[GateResult]) -> ExitCode:
    """Pass only when at least one enforced gate was there to pass; waived, warned and optional ones never count."""
    outcomes = [gate.outcome for gate in gates if gate.enforced]
    if Outcome.FAIL in outcomes:
        return ExitCode.BLOCKED
    if not outcomes or Outcome.INCONCLUSIVE in outcomes:
        return ExitCode.INCONCLUSIVE
    return ExitCode.PASS
