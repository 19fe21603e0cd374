"""The bar that all supported claims of a registry share: the policy that its rules name under `at_least`.

A sentence can be said in many words, and a claim in other words may name a weaker policy. With `at_least` no supported
claim asks less of any measure than that policy does, and none stands on a measure that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterable

from gatekit.claims.finding import Finding
from gatekit.claims.model import Claim, Registry
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.policy import Policy
from gatekit.policy.strictness import Bar, comparisons, in_words, judged_measures, shortfalls_on_common_measures

MOST_COMPARISONS = 50_000
"""Pairs of rules, of all claims with `at_least` together: some three seconds."""


def below_common_bar(registry: Registry, policies: Iterable[Policy]) -> list[Finding]:
    """Return each supported claim that asks less than the policy under `at_least`, once a policy and list of gates.

    A policy or gate that is not there is `check_references`' to name.

    Raises:
        GatekitError: `claims.too_many_thresholds`, more rules would have to be compared than `MOST_COMPARISONS`.
    """
    known = {policy.id: policy for policy in policies if not policy.stops}
    common = known.get(registry.rules.at_least or "")
    if common is None:
        return []
    wanted = Bar(common, common.gates)
    judged: dict[tuple[str, tuple[str, ...]], str | None] = {}
    left = MOST_COMPARISONS
    found = []
    for claim in registry.claims:
        if claim.status != "supported" or claim.policy not in known:
            continue
        key = (claim.policy, claim.gates)
        if key not in judged:
            policy = known[claim.policy]
            bar = Bar(policy, tuple(gate for gate in policy.gates if gate.name in claim.gates))
            left -= comparisons(wanted, bar)
            if left < 0:
                message = f"more rules of gates would have to be compared with `at_least` than {MOST_COMPARISONS:,}"
                remedy = "let claims share policies and gates"
                raise GatekitError("claims.too_many_thresholds", message, claim.location, remedy)
            judged[key] = _less(wanted, bar)
        less = judged[key]
        if less is not None:
            found.append(_finding(claim, common, less))
    return found


def _less(wanted: Bar, bar: Bar) -> str | None:
    """Return what a bar lacks, in words; None where it lacks nothing."""
    unknown = judged_measures(bar.gates) - judged_measures(wanted.gates)
    if unknown:
        return f"it judges {', '.join('.'.join(one) for one in sorted(unknown))}, of which that policy asks nothing"
    return in_words(shortfalls_on_common_measures(wanted, bar)) or None


def _finding(claim: Claim, common: Policy, less: str) -> Finding:
    message = (
        f"claim '{claim.id}' is registered as supported by gates that are not at least as strict as policy "
        f"'{common.id}', which the rules ask `at_least`: {less}"
    )
    remedy = f"name gates that ask as much, or change policy '{common.id}'"
    return Finding("claims.below_bar", message, claim.policy_location, remedy, ExitCode.REFUSED, claim.id)
