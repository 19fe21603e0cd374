"""The counterfactual of a policy change: which outcomes would be others on today's evidence."""

from __future__ import annotations

from gatekit.gates.verdict import Outcome, Verdict
from gatekit.pull_request.verdict import Flip


def flips(before: Verdict | None, after: Verdict | None) -> list[Flip]:
    """Return every gate whose outcome differs between two verdicts on the same evidence, by policy and gate."""
    old, new = _outcomes(before), _outcomes(after)
    return [
        Flip(policy, gate, old.get((policy, gate)), new.get((policy, gate)))
        for policy, gate in sorted(old.keys() | new.keys())
        if old.get((policy, gate)) != new.get((policy, gate))
    ]


def _outcomes(verdict: Verdict | None) -> dict[tuple[str, str], Outcome]:
    policies = verdict.policies if verdict is not None else ()
    return {(policy.id, gate.name): gate.outcome for policy in policies for gate in policy.gates}
