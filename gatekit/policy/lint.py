"""What is wrong with a policy that could be loaded: rules that cannot fail, cannot pass, or excuse what has expired."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import assert_never

from gatekit.errors import GatekitError
from gatekit.policy.limits import better_operator, holds_for_all, sides
from gatekit.policy.model import Gate, Policy, Score, Selection, Threshold, thresholds


def z_ceiling(d_sae: int) -> float:
    """Return the largest z-score that one of `d_sae` values can have: (F - 1) / sqrt(F), with the unbiased deviation.

    CE-Bench scores are such maxima, so no SAE of that width can score higher, and a wider one can without being better.
    """
    return (d_sae - 1) / math.sqrt(d_sae)


def lint(policy: Policy, now: datetime) -> list[GatekitError]:
    """Return every error of a loaded policy, in the order of the file."""
    errors = [error for gate in policy.gates for rule in thresholds(gate.rule) for error in _threshold(rule)]
    if policy.subject.d_sae is not None and not policy.legacy:
        for gate in policy.gates:
            for rule in thresholds(gate.rule):
                errors += infeasible(rule, policy.subject.d_sae, None)
    if isinstance(policy.selection, Selection):
        errors += _selection(policy.selection, policy.gates)
    return errors + list(_waivers(policy, now))


MAX_WEIGHTINGS = 200_000
"""A grid of more would take minutes, and say no more than a coarser one."""


def _selection(selection: Selection, gates: Sequence[Gate]) -> Iterable[GatekitError]:
    for score in selection.scores:
        yield from _scale(score)
    for gate in gates:
        if gate.name in selection.eligibility and any(r.against == "base" for r in thresholds(gate.rule)):
            yield GatekitError(
                "policy.eligibility_base",
                f"'{gate.name}' compares with a base branch, which a selection does not have: nothing would pass it",
                selection.location,
            )
    parts = len(selection.scores) - 1
    if math.comb(selection.weight_grid + parts, parts) > MAX_WEIGHTINGS:
        yield GatekitError(
            "policy.weight_grid",
            f"{len(selection.scores)} weights in steps of 1/{selection.weight_grid} have more than {MAX_WEIGHTINGS} "
            "combinations",
            selection.location,
            "use a smaller weight_grid",
        )


def _scale(score: Score) -> Iterable[GatekitError]:
    measure = score.value.measure
    name = score.value.effect
    low, high = measure.effect_range
    for end, value, place in (
        ("worst", score.worst, score.worst_location),
        ("best", score.best, score.best_location),
    ):
        if not low <= value <= high:
            message = f"{end} {value:g} is outside the range of {name}, [{low:g}, {high:g}]"
            yield GatekitError("policy.out_of_range", message, place)
    if score.best == score.worst or (score.best > score.worst) != (measure.direction == "higher"):
        message = f"{measure.direction} is better for {name}, so best must be {_BEYOND[measure.direction]} worst"
        yield GatekitError("policy.scale_direction", message, score.best_location)


_BEYOND = {"higher": "above", "lower": "below"}


def _threshold(rule: Threshold) -> Iterable[GatekitError]:
    name = rule.effect
    low, high = limit_range(rule)
    for side in sides(rule.limits):
        if not low <= side.limit <= high:
            yield GatekitError(
                "policy.out_of_range",
                f"threshold {side.limit:g} is outside the range of {name}, [{low:g}, {high:g}]",
                rule.limit_location,
            )
            return
    if holds_for_all(rule.limits, low, high):
        yield GatekitError("policy.cannot_fail", f"no value of {name} could fail this threshold", rule.limit_location)
    better = rule.measure.direction
    right = better_operator(rule.limits, better)
    if right is not None:
        yield GatekitError(
            "policy.direction",
            f"{better} is better for {name}, so {rule.operator} rewards the worse",
            rule.limit_location,
            f"use {right}, or between",
        )


def limit_range(rule: Threshold) -> tuple[float, float]:
    """Return the smallest and the largest value that a threshold can be compared with."""
    low, high = rule.measure.effect_range
    match rule.against:
        case "nothing":
            return low, high
        case "base":
            # A difference of two effects.
            return low - high, high - low
    assert_never(rule.against)


def most_reachable(rule: Threshold, d_sae: int, baseline_mean: float | None) -> float | None:
    """Return the largest value that a candidate of this width can have; None where the width sets no end to it.

    The arguments are those of `infeasible`.
    """
    if rule.measure.ceiling != "z_score" or rule.low is None or rule.against != "nothing":
        return None
    ceiling = z_ceiling(d_sae)
    return ceiling - (baseline_mean or 0.0) if rule.measure.compares else ceiling


def infeasible(rule: Threshold, d_sae: int, baseline_mean: float | None) -> list[GatekitError]:
    """Return an error when no candidate of this width could reach the threshold.

    Args:
        rule: the threshold.
        d_sae: number of latents of the candidate.
        baseline_mean: mean of the baseline's scores for a measure that compares; None when unknown, and then 0 is
            assumed, the smallest that it can be.
    """
    best = most_reachable(rule, d_sae, baseline_mean)
    if best is None or rule.low is None or rule.low <= best:
        return []
    ceiling = z_ceiling(d_sae)
    against = f" less the baseline's mean {baseline_mean:.4g}" if baseline_mean is not None else ""
    return [
        GatekitError(
            "policy.infeasible",
            f"no SAE with d_sae={d_sae} can reach {rule.measure.name} >= {rule.low:g}: a z-score over {d_sae} latents "
            f"cannot exceed {ceiling:.2f}{against}, so {best:.2f} is the most",
            rule.limit_location,
            "use a baseline of equal width, or the _normalised_delta measure",
        )
    ]


def _waivers(policy: Policy, now: datetime) -> Iterable[GatekitError]:
    seen: set[str] = set()
    for waiver in policy.waivers:
        if waiver.gate in seen:
            yield GatekitError("policy.duplicate_waiver", f"gate '{waiver.gate}' is waived twice", waiver.location)
        seen.add(waiver.gate)
        if waiver.expires < now.date():
            yield GatekitError(
                "policy.waiver_expired",
                f"the waiver of '{waiver.gate}' by {waiver.owner} expired on {waiver.expires.isoformat()}",
                waiver.location,
                "remove it, or renew it with a reason",
            )
