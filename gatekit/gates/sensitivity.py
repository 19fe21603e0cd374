"""What the gates say wherever a policy's thresholds stood: on the evidence that it judges, and on every other subject.

Of a threshold's numbers only the comparison depends: which evidence answers it, its estimate and its bound do not. So
three judgements tell all: as the policy is written, with every threshold met, and with every threshold missed. What
withholds a pass (no spread, diverged SAEs, a doubtful control) shows in the second; what withholds a failure, in the
third. A threshold that lint refuses refuses the policy, wherever the bound is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from gatekit.errors import GatekitError
from gatekit.evidence.summary import Measurement, Summary
from gatekit.gates.judging_inputs import JudgingInputs
from gatekit.gates.notes import baseline_mean
from gatekit.gates.regression import difference_to
from gatekit.gates.spread import values_of_seeds
from gatekit.gates.verdict import EvidenceUsed, Outcome, PolicyResult, ThresholdResult, thresholds_in
from gatekit.policy.limits import AtLeast, AtMost, Between, Limits, sides
from gatekit.policy.lint import most_reachable
from gatekit.policy.model import Combined, Policy, Rule, SubjectFilter, Threshold, thresholds
from gatekit.policy.operators import LARGEST

OF_LIMITS = frozenset({"policy.out_of_range", "policy.cannot_fail", "policy.infeasible"})
"""Errors that another threshold would not have."""


@dataclass(frozen=True)
class ThresholdAnswer:
    """What one piece of evidence answers to one threshold, wherever that stood."""

    result: ThresholdResult
    """As the policy is written."""
    compared: tuple[float, ...] | None
    """What is compared with each end of the limits, in their order; None where nothing was measured."""
    met: Outcome
    """Where everything compared lies inside the limits."""
    missed: Outcome
    """Where anything compared does not."""
    withheld: str | None
    """Why it does not pass where it is met."""
    seeds: tuple[float, ...]
    """One value a seed; empty where a seed has none of its own."""
    most: float | None
    """The largest value that a candidate of this width can have: a higher lower limit is refused."""


@dataclass(frozen=True)
class PolicyAnswer:
    """What one policy says of the evidence that it judges, or of one subject instead."""

    subject: str | None
    """The subject in words; None for the evidence that the policy judges."""
    result: PolicyResult
    """As the policy is written."""
    refused: bool
    """Whether it is refused wherever its thresholds stood."""
    thresholds: tuple[ThresholdAnswer, ...]
    """In the policy's order."""

    @property
    def evidence(self) -> tuple[str, ...]:
        """Paths of the summaries that answer a threshold, each once."""
        used = [answer.result.evidence for answer in self.thresholds]
        return tuple(dict.fromkeys(one.path for one in used if one is not None))

    @property
    def is_measured(self) -> bool:
        """Whether anything was measured for any threshold."""
        return any(answer.compared is not None for answer in self.thresholds)


MOST_SUBJECTS = 40
"""Beside the evidence that a policy judges; more are not compared at a glance, and each is judged three times."""


def policy_answers(policy: Policy, given: JudgingInputs) -> tuple[list[PolicyAnswer], int]:
    """Return what a policy says of the evidence that it judges, and of every other subject that it could judge.

    The first is the verdict of `gatekit check`. The others leave out which evidence and subject the policy names; also
    returned is how many subjects beyond MOST_SUBJECTS were left out, the last by the paths of their evidence.
    """
    own = _answer(policy, given, None)
    judged = {answer.result.evidence.subject for answer in own.thresholds if answer.result.evidence is not None}
    asked = {(rule.kind, rule.measure.name) for gate in policy.gates for rule in thresholds(gate.rule)}
    subjects: dict[str, list[Summary]] = {}
    for summary in sorted(given.summaries, key=lambda s: s.path):
        if summary.subject.digest not in judged and any((summary.kind, name) in asked for name in summary.measurements):
            subjects.setdefault(summary.subject.digest, []).append(summary)
    others = []
    for digest, summaries in list(subjects.items())[:MOST_SUBJECTS]:
        of_one = replace(policy, evidence=(), subject=SubjectFilter(digest=digest))
        answer = _answer(of_one, replace(given, summaries=summaries), summaries[0].subject.words)
        if answer.is_measured:
            others.append(answer)
    return [own, *others], max(0, len(subjects) - MOST_SUBJECTS)


def _answer(policy: Policy, given: JudgingInputs, subject: str | None) -> PolicyAnswer:
    written, errors = _judged(policy, given)
    met, _ = _judged(_with_limits(policy, _anything), given)
    missed, _ = _judged(_with_limits(policy, _nothing), given)
    rules = [rule for gate in policy.gates for rule in thresholds(gate.rule)]
    as_written, where_met, where_missed = (
        [rule for gate in result.gates for rule in thresholds_in(gate.result)] for result in (written, met, missed)
    )
    files = {summary.path: summary for summary in (*(given.base or ()), *given.summaries)}
    return PolicyAnswer(
        subject=subject,
        result=written,
        refused=any(error.error_id not in OF_LIMITS for error in errors),
        thresholds=tuple(
            _threshold(policy, rule, one, if_met, if_missed, files)
            for rule, one, if_met, if_missed in zip(rules, as_written, where_met, where_missed, strict=True)
        ),
    )


def _judged(policy: Policy, given: JudgingInputs) -> tuple[PolicyResult, Sequence[GatekitError]]:
    """Return what became of one policy, and the errors that refuse it alone."""
    verdict = replace(given, policies=[policy], errors=()).verdict()
    return verdict.policies[0], [error for error in verdict.errors if error.error_id != "summary.future"]


def _threshold(
    policy: Policy,
    rule: Threshold,
    written: ThresholdResult,
    met: ThresholdResult,
    missed: ThresholdResult,
    files: Mapping[str, Summary],
) -> ThresholdAnswer:
    measurement = _measurement(rule, written, files)
    seeds = () if measurement is None else _values(measurement)
    compared: tuple[float, ...] | None = None
    if written.measured is not None:
        # Of every seed each must pass, so that the worst one is another at each end.
        ends = (min(seeds), max(seeds)) if rule.every_seed else written.compared
        found = [side.bound(*ends) for side in sides(rule.limits)]
        compared = tuple(bound for bound in found if bound is not None)
    return ThresholdAnswer(
        result=written,
        compared=compared,
        met=met.outcome,
        missed=missed.outcome,
        withheld=None if met.outcome is Outcome.PASS else met.reason,
        seeds=seeds,
        most=None if policy.legacy else _most(policy, rule, written, measurement, files),
    )


def _measurement(rule: Threshold, result: ThresholdResult, files: Mapping[str, Summary]) -> Measurement | None:
    """Return the observations that a threshold was judged on, the base's subtracted where it asks for that."""

    def of(used: EvidenceUsed | None) -> Measurement | None:
        return None if used is None else files[used.path].measurements[rule.measure.name]

    if result.measured is None:
        return None
    head = of(result.evidence)
    match rule.against:
        case "nothing":
            return head
        case "base":
            base = of(result.base_evidence)
            return None if head is None or base is None else difference_to(head, base, rule.common_seeds)
    assert_never(rule.against)


def _values(measurement: Measurement) -> tuple[float, ...]:
    if measurement.reported is not None or measurement.baseline_keys is not None:
        return ()
    return tuple(values_of_seeds(measurement) or ())


def _most(
    policy: Policy,
    rule: Threshold,
    result: ThresholdResult,
    measurement: Measurement | None,
    files: Mapping[str, Summary],
) -> float | None:
    """Return the smaller of what lint knows of the policy's own width and of what the evidence shows."""
    found = [] if policy.subject.d_sae is None else [most_reachable(rule, policy.subject.d_sae, None)]
    if measurement is not None and result.evidence is not None:
        summary = files[result.evidence.path]
        found.append(most_reachable(rule, summary.subject.d_sae, baseline_mean(rule, measurement, summary)))
    return min((most for most in found if most is not None), default=None)


def _with_limits(policy: Policy, limits: Callable[[Limits], Limits]) -> Policy:
    def changed(rule: Rule) -> Rule:
        if isinstance(rule, Combined):
            return replace(rule, rules=tuple(map(changed, rule.rules)))
        return replace(rule, limits=limits(rule.limits))

    return replace(policy, gates=tuple(replace(gate, rule=changed(gate.rule)) for gate in policy.gates))


def _anything(limits: Limits) -> Limits:
    """Return limits of the same form that every value meets."""
    match limits:
        case AtLeast():
            return AtLeast(-LARGEST)
        case AtMost():
            return AtMost(LARGEST)
        case Between():
            return Between(-LARGEST, LARGEST)
    assert_never(limits)


def _nothing(limits: Limits) -> Limits:
    """Return limits of the same form that no value meets."""
    match limits:
        case AtLeast():
            return AtLeast(LARGEST)
        case AtMost():
            return AtMost(-LARGEST)
        case Between():
            return Between(LARGEST, LARGEST)
    assert_never(limits)
