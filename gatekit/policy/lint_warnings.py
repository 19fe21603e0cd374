"""What a sound policy leaves open that its author may not have meant: `gatekit lint` says it and blocks nothing."""

from __future__ import annotations

from collections.abc import Iterator

from gatekit.errors import GatekitError
from gatekit.policy.limits import effect_name
from gatekit.policy.model import Policy, Threshold, thresholds
from gatekit.policy.rule_changes import demands


def warnings(policy: Policy) -> list[GatekitError]:
    """Return what lint warns of, in the order of the file; its error ids are `policy.no_floor`, `policy.weak_stop`."""
    return list(_weak_stops(policy) if policy.stops else _no_floor(policy))


def _no_floor(policy: Policy) -> Iterator[GatekitError]:
    """Yield the rules against a base that moves: each change may lose the margin again, and every one passes."""
    floors = {(rule.kind, rule.measure.name) for rule in _asked(policy) if _is_floor(rule)}
    for gate in policy.gates:
        for rule in thresholds(gate.rule):
            if rule.against != "base" or (rule.kind, rule.measure.name) in floors:
                continue
            name = effect_name(rule.kind, rule.measure.name, "nothing")
            falls, operator = ("fall", "at_least") if rule.measure.direction == "higher" else ("rise", "at_most")
            yield GatekitError(
                "policy.no_floor",
                f"{name} may {falls} by the margin with every change, and nothing says where that ends: the next base "
                "has the new value",
                rule.limit_location,
                f"ask for `{operator}` of {name} in a required gate of this policy as well",
            )


def _asked(policy: Policy) -> Iterator[Threshold]:
    """Yield every threshold without which the policy cannot pass."""
    waived = {waiver.gate for waiver in policy.waivers}
    for gate in policy.gates:
        if gate.required and gate.level == "enforce" and gate.name not in waived:
            yield from (rule for rule in demands(gate.rule) if isinstance(rule, Threshold))


def _is_floor(rule: Threshold) -> bool:
    """Whether a rule ends on the side that is worse, whatever the base has."""
    worse = rule.low if rule.measure.direction == "higher" else rule.high
    return rule.against == "nothing" and worse is not None


def _weak_stops(policy: Policy) -> Iterator[GatekitError]:
    """Yield the rules of a stop policy that fail where the evidence is only too weak to pass."""
    for gate in policy.gates:
        for rule in thresholds(gate.rule):
            if rule.bound == "confidence" and not rule.every_seed:
                yield GatekitError(
                    "policy.weak_stop",
                    f"{rule.effect} stops also what is only measured too weakly to pass",
                    rule.location,
                    "write `bound: optimistic`, which stops what the evidence shows to miss the threshold",
                )
