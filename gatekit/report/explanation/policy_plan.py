"""The power of a whole policy: all of its rules must pass together, and each has its own chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatekit.evidence.summary import Summary
from gatekit.gates.bounds import interval
from gatekit.gates.verdict import GateResult, RuleResult, ThresholdResult, Verdict
from gatekit.policy.limits import margin
from gatekit.policy.model import Policy, Rule, Threshold, thresholds
from gatekit.report.explanation.outlook import LEVELS, spread
from gatekit.report.verdict.wording import number
from gatekit.stats import power_with

SHOWN = (5, 8, 10, 15, 20, 30, 50)
MOST = 1000

Power = Callable[[int], float]
"""Number of seeds -> probability that a rule passes."""


@dataclass(frozen=True)
class RulePlan:
    """One rule of a policy, as far as a pilot tells its chance."""

    name: str
    power: Power | None
    why_not: str | None
    """Why nothing can be planned for it."""


def policy_plan_lines(policy: Policy, verdict: Verdict, summaries: Sequence[Summary], power: float) -> list[str]:
    """Return the report: each rule's chance, that of all together, and the seeds for the power that is asked for.

    The pilot's estimates and spreads are taken for the truth. Rules are multiplied as if they were independent; all of
    them pass at most as often as the least likely one.

    Args:
        policy: whose gates count.
        verdict: on the pilot's evidence.
        summaries: the pilot's evidence.
        power: wanted probability that all required gates pass.
    """
    by_digest = {summary.sha256: summary for summary in summaries}
    results = {gate.name: gate for gate in verdict.policies[0].gates}
    plans: list[RulePlan] = []
    gates: list[Power] = []
    for gate in policy.gates:
        if results[gate.name].enforced:
            gates.append(_gate(gate.rule, results[gate.name], by_digest, plans))
    missing = [plan for plan in plans if plan.power is None]
    lines = [f"policy {policy.id}: {len(plans)} rules that count, planned as the pilot's evidence says"]
    lines += [f"  {plan.name}: {plan.why_not}" for plan in missing]
    if missing:
        lines.append("  for these no number of seeds can be planned; the others:")
    planned = [plan.power for plan in plans if plan.power is not None]
    if not planned:
        return lines

    def joint(n: int) -> float:
        return math.prod(one(n) for one in gates) if not missing else math.prod(one(n) for one in planned)

    lines += ["", "  seeds  all pass  least likely rule"]
    for n in SHOWN:
        chance, name = min((plan.power(n), plan.name) for plan in plans if plan.power is not None)
        lines.append(f"  {n:>5}  {joint(n):>8.2f}  {chance:.2f} {name}")
    found = _fewest(joint, power)
    alike = f"{len(planned)} rules at power {power:g} each pass together with probability {power ** len(planned):.2g}"
    lines += ["", f"  {alike}, if they were independent"]
    if found is None:
        lines.append(f"  no number of seeds up to {MOST} gives all of them {power:g} together")
    else:
        lines.append(f"  {found} seeds give all of them {joint(found):.2f} together (asked for: {power:g})")
    return lines


def alike_lines(rules: int, power_of: Power, power: float) -> list[str]:
    """Return the report where every rule of a policy is as far from its threshold as the others.

    Args:
        rules: how many must pass.
        power_of: number of seeds -> one rule's power.
        power: wanted for all together.
    """

    def joint(n: int) -> float:
        return power_of(n) ** rules

    found = _fewest(joint, power)
    lines = [f"{rules} rules at power {power:g} each pass together with probability {power**rules:.2g}, if independent"]
    lines += ["", "  seeds  one rule  all rules"]
    lines += [f"  {n:>5}  {power_of(n):>8.2f}  {joint(n):>9.2f}" for n in sorted({*SHOWN, *([found] if found else [])})]
    if found is None:
        return [*lines, "", f"  no number of seeds up to {MOST} gives all of them {power:g} together"]
    return [*lines, "", f"  {found} seeds give all of them {joint(found):.2f} together (asked for: {power:g})"]


def count_rules(policy: Policy) -> int:
    """Return how many rules of a policy must pass: all that no `any_of` leaves a choice about, and one of each such."""

    def needed(rule: Rule) -> int:
        if isinstance(rule, Threshold):
            return 1
        return sum(map(needed, rule.rules)) if rule.operator == "all_of" else 1

    return sum(needed(gate.rule) for gate in policy.gates if gate.required and gate.level == "enforce")


def _fewest(joint: Power, power: float) -> int | None:
    return next((n for n in range(3, MOST + 1) if joint(n) >= power), None)


def _gate(rule: Rule, result: GateResult, by_digest: Mapping[str, Summary], plans: list[RulePlan]) -> Power:
    flat = iter(list(thresholds(rule)))
    return _tree(result.result, flat, by_digest, plans)


def _tree(
    result: RuleResult, rules: Iterator[Threshold], by_digest: Mapping[str, Summary], plans: list[RulePlan]
) -> Power:
    if isinstance(result, ThresholdResult):
        plan = _rule(next(rules), result, by_digest)
        plans.append(plan)
        return plan.power or (lambda _: 0.0)
    parts = [_tree(child, rules, by_digest, plans) for child in result.children]
    if result.operator == "all_of":
        return lambda n: math.prod(part(n) for part in parts)
    return lambda n: 1.0 - math.prod(1.0 - part(n) for part in parts)


def _rule(rule: Threshold, result: ThresholdResult, by_digest: Mapping[str, Summary]) -> RulePlan:
    name = f"{result.effect.name} {result.effect.asks}"
    measured, evidence = result.measured, result.evidence
    if measured is None or evidence is None:
        return RulePlan(name, None, result.reason)
    measurement = by_digest[evidence.sha256].measurements[rule.measure.name]
    distance = margin(rule.limits, measured.estimate, measured.estimate)
    if distance <= 0.0:
        return RulePlan(name, None, f"the estimate, {number(measured.estimate)}, is on the wrong side of the threshold")
    if measurement.reported is not None or measured.confidence is None or rule.against == "base":
        return RulePlan(name, None, "no spread over seeds is known of it")
    found = spread(measurement, interval(measurement, rule.confidence, rule.generalize_over), rule.generalize_over)
    sd = math.sqrt(found.seeds * found.n_seeds)
    given: dict[str, Any] = {}
    if measurement.design in LEVELS:
        sd_levels = math.sqrt(found.levels * found.n_levels)
        given = {"design": "per_seed_dataset", "sd_dataset": sd_levels, "n_datasets": found.n_levels}
    elif measurement.design == "per_seed_pair":
        given, sd = {"design": "per_seed_pair"}, sd / 2.0
    return RulePlan(name, lambda n: power_with(n, distance, sd, rule.confidence, **given), None)
