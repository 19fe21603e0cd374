"""A claim that names its gates after they were measured: those that failed then were its alternatives.

Of many gates at their thresholds some pass, and a claim may name these alone. Written afterwards it is an `any_of`
over what it could have named, and its bounds pay as those of an `any_of` do (Bonferroni). A gate that passes as well
need not be left out, so only those count that do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gatekit.claims.model import Claim
from gatekit.gates.verdict import GateResult, Outcome
from gatekit.policy.model import Combined, Policy, Rule


def chosen_among(claim: Claim, gates: Iterable[GateResult]) -> int:
    """Return among how many gates of its policy one that a claim names may be the best: itself, and those that fail.

    Args:
        claim: written after the gates were measured.
        gates: of its policy, judged on the evidence that it stands on.
    """
    return 1 + sum(gate.outcome is Outcome.FAIL and gate.name not in claim.gates for gate in gates)


def as_alternatives(policy: Policy, number: int) -> Policy:
    """Return the policy with every rule judged as one of so many alternatives, beside those that it has."""
    return replace(policy, gates=tuple(replace(gate, rule=_shared(gate.rule, number)) for gate in policy.gates))


def words(number: int) -> str:
    """Return what such a claim pays for, for people."""
    beside = f"{number - 1} gate{'s' * (number != 2)} that fail{'s' * (number == 2)}"
    return f"named after it was measured, beside {beside}: judged as one of {number} alternatives"


def _shared(rule: Rule, number: int) -> Rule:
    if isinstance(rule, Combined):
        return replace(rule, rules=tuple(_shared(part, number) for part in rule.rules))
    return replace(rule, alternatives=rule.alternatives * number)
