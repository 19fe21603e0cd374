"""One threshold in several verdicts: what it is known by, so that its numbers can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gatekit.gates.verdict import GateResult, ThresholdResult, Verdict, thresholds_in

ThresholdKey = tuple[str, str, str, int]
"""Policy, gate, what the threshold is called inside its gate, and which one of that name."""


def followed(verdict: Verdict | None) -> Iterator[tuple[ThresholdKey, GateResult, ThresholdResult]]:
    """Yield every threshold of a verdict by what it is known by, in the policies' order."""
    for policy in verdict.policies if verdict is not None else ():
        for gate in policy.gates:
            seen: Counter[str] = Counter()
            for rule in thresholds_in(gate.result):
                name = rule.effect.name_in(gate.name)
                yield (policy.id, gate.name, name, seen[name]), gate, rule
                seen[name] += 1


def decisive_bounds(rule: ThresholdResult) -> tuple[float | None, float | None]:
    """Return what was compared with the lower and with the upper limit; None where there is none, or no number."""
    below, above = rule.compared
    return None if rule.effect.low is None else below, None if rule.effect.high is None else above
