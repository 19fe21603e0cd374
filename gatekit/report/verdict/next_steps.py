"""What to do about a verdict, each as one sentence that starts with the command or the file to touch."""

from __future__ import annotations

from gatekit.gates.verdict import Outcome, PolicyResult, ThresholdResult, Verdict, Why, thresholds_in
from gatekit.kinds import BUILT_IN

MOST = 4
"""Sentences; they stand above the verdict and share a small screen with it."""
NAMED = 3
"""Kinds or files that one sentence names."""


def next_steps(verdict: Verdict, again: str | None = "", folded: bool = True) -> list[str]:
    """Return what to do next, the most useful first.

    Args:
        verdict: what was found.
        again: options with which `gatekit explain` judges the same, such as ` --policy p.yaml`, a space in front;
            None where it could not judge the same.
        folded: whether the report that it ends leaves out what passed.
    """
    steps: list[str] = []
    if verdict.errors:
        steps.append("mend what the errors name: `gatekit lint` checks policies, `gatekit lint FILE.json` a summary")
    fails, unknown = _names(verdict, Outcome.FAIL), _names(verdict, Outcome.INCONCLUSIVE)
    if fails and again is not None:
        steps.append(f"`gatekit explain {fails[0]}{again}` shows the numbers and what would change it")
    steps += _for_inconclusive(verdict)
    if unknown and not fails and again is not None:
        steps.append(f"`gatekit explain {unknown[0]}{again}` says what would decide it")
    if folded and not steps and verdict.policies and all(map(_has_passed, verdict.policies)):
        steps.append("`--verbose` shows all numbers and what could be detected")
    return steps[:MOST]


def _has_passed(policy: PolicyResult) -> bool:
    return bool(policy.gates) and all(gate.outcome is Outcome.PASS for gate in policy.gates if gate.enforced)


def _names(verdict: Verdict, outcome: Outcome) -> list[str]:
    """Return the gates that count and have this outcome, as `gatekit explain` takes them."""
    several = len(verdict.policies) > 1
    return [
        f"{policy.id}/{gate.name}" if several else gate.name
        for policy in verdict.policies
        for gate in policy.gates
        if gate.enforced and gate.outcome is outcome
    ]


def _for_inconclusive(verdict: Verdict) -> list[str]:
    found: dict[Why, list[tuple[PolicyResult, ThresholdResult]]] = {}
    for policy in verdict.policies:
        for gate in policy.gates:
            if gate.enforced and gate.outcome is Outcome.INCONCLUSIVE:
                for rule in thresholds_in(gate.result):
                    if rule.outcome is Outcome.INCONCLUSIVE:
                        found.setdefault(rule.why, []).append((policy, rule))
    steps = []
    # What was refused may be what is missing.
    if Why.MISSING in found and not verdict.errors:
        kinds = _some([rule.effect.kind for _, rule in found[Why.MISSING]])
        run = "`gatekit run KIND --config FILE --out evidence`, or `gatekit import`"
        if not {rule.effect.kind for _, rule in found[Why.MISSING]} <= set(BUILT_IN):
            run = "`gatekit import table`, or a runner of yours"
        steps.append(f"measure what is missing ({kinds}): {run}")
    if Why.SEVERAL_SUBJECTS in found:
        paths = _some([policy.path for policy, _ in found[Why.SEVERAL_SUBJECTS]])
        steps.append(f"name the folder that is meant under `evidence:`, or the subject under `subject:`, in {paths}")
    if Why.STALE in found:
        steps.append("measure again what is out of date; `gatekit stale --why` names what has changed")
    if Why.TOO_FEW_SEEDS in found:
        paths = _some([policy.path for policy, _ in found[Why.TOO_FEW_SEEDS]])
        steps.append(f"measure more seeds; `gatekit plan --policy {paths}` says how many would do")
    if Why.TOO_FEW_MODELS in found:
        steps.append("measure the control on more re-initialised models: `random_model_seeds` of the runner")
    return steps


def _some(names: list[str]) -> str:
    different = list(dict.fromkeys(names))
    more = f" and {len(different) - NAMED} more" if len(different) > NAMED else ""
    return ", ".join(different[:NAMED]) + more
