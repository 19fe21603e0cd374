"""What a registration, or having none, does to one threshold: may it be judged, and at which confidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from gatekit.evidence.summary import Summary
from gatekit.gates.verdict import Why
from gatekit.policy.model import Policy, Threshold
from gatekit.registration.left_out import LeftOut
from gatekit.registration.standing import Standing
from gatekit.stats.spending import extension_alpha, look_alphas

UNANNOUNCED = "exploratory: no registration announced this evidence before it was measured"
"""The note of a policy all of whose evidence was measured without an announcement."""
_UNANNOUNCED = "no registration announced"
"""How the reason of a standing begins that says no more than that."""


def why_not_judged(path: str, standing: Standing, policy: Policy) -> tuple[Why, str] | None:
    """Return why the summary at a path may not be judged as what it is to the registrations; None where it may."""
    if standing.state == "not_as_registered":
        return Why.NOT_AS_REGISTERED, standing.reason(path)
    if standing.state == "exploratory" and policy.registered == "required":
        return Why.EXPLORATORY, f"exploratory: {standing.reason(path)}; the policy asks for registered evidence"
    return None


MOST_CHOICES = 10**9
"""Sets of seeds for whose choice a bound pays; the share of more of them is an error that no few seeds speak of."""


def why_left_out(rule: Threshold, standing: Standing, seeds: int) -> tuple[Why, str] | None:
    """Return why evidence that leaves seeds out may not be judged by a rule; None where it may, or leaves none out.

    Args:
        rule: the threshold.
        standing: of the summary that is judged.
        seeds: how many that has.
    """
    left = _left_out(rule, standing)
    if left is None:
        return None
    if rule.every_seed:
        return Why.MISSING, f"every seed is asked for, and {left.words} of the base's evidence {left.are} left out"
    # Computed only where it is no number of thousands of digits.
    if min(seeds, left.seeds) > 30 or math.comb(seeds + left.seeds, seeds) > MOST_CHOICES:
        reason = f"{left.words} of the base's evidence {left.are} left out: too many choices for any bound to pay for"
        return Why.NO_BOUND, reason
    return None


def _left_out(rule: Threshold, standing: Standing) -> LeftOut | None:
    """Return what the evidence leaves out that a rule is about; what is compared with the base chooses no base."""
    return standing.left_out if rule.against == "nothing" else None


def paid_for_looks(rule: Threshold, confidence: float, summary: Summary, standing: Standing) -> tuple[float, list[str]]:
    """Return the confidence that a bound must have, and what it pays for in words.

    Args:
        rule: the threshold.
        confidence: what it would be at one look, candidates paid for.
        summary: what is judged.
        standing: of that.
    """
    paid, seeds = confidence, len(summary.protocol.seeds)
    notes = [standing.reason(summary.path)] if standing.state == "registered" else []
    registration, look = standing.registration, standing.look
    if registration is not None and look is not None and len(registration.looks) > 1:
        paid = 1.0 - look_alphas(confidence, registration.looks, registration.spending)[look - 1]
        said = (
            f"not registered in time, and judged as at look {look} of {len(registration.looks)} of {registration.path}"
        )
        notes = [f"{notes[0] if notes else said}: {_bounded(rule, paid)}"]
    left = _left_out(rule, standing)
    shown = min(seeds, standing.extends or seeds, seeds if left is None else left.fewest)
    if shown < seeds or left is not None:
        # A base whose past nobody tells may itself have been extended, seed by seed since a gate judged it first.
        before = shown if standing.past_known else min(shown, rule.min_seeds)
        step = 1 if left is not None else _step(standing, before)
        extended = 1.0 - extension_alpha(confidence, before, seeds, 0 if left is None else left.seeds, step)
        if extended > paid:
            paid = extended
            said = f"an unregistered extension from {shown} to {seeds} seeds of the same subject"
            if before < shown:
                said += f", of which {before} may have been looked at first: nothing tells what the base held before"
            elif step > 1:
                said += f", after one to {' and to '.join(map(str, standing.earlier_looks[1:]))}"
            if left is not None:
                total = seeds + left.seeds
                said = (
                    f"{left.words} of the base's evidence {left.are} left out; {seeds} of {total} seeds can be chosen "
                    f"in {math.comb(total, seeds)} ways, at any of {total - before + 1} looks"
                )
            notes = [f"{said}: {_bounded(rule, paid)}"]
    return paid, notes


def _step(standing: Standing, before: int) -> int:
    """Return which extension of the first look it is: the next one, or where the past is not known, at most."""
    if standing.past_known:
        return max(1, len(standing.earlier_looks))
    return max(1, standing.earlier_looks[-1] - before + 1)


def _bounded(rule: Threshold, confidence: float) -> str:
    return "a point estimate does not pay for it" if not rule.is_bounded else f"bounded at {confidence:.6g}"


def exploratory_notes(found: Sequence[tuple[Summary, Standing]]) -> list[str]:
    """Return, for a policy's report, which of its evidence was not announced before it was measured."""
    exploratory = [(summary, standing) for summary, standing in found if standing.state == "exploratory"]
    if not exploratory:
        return []
    plain = [summary for summary, standing in exploratory if _is_plain(standing)]
    otherwise = [summary for summary, standing in exploratory if standing.announced_otherwise is not None]
    if len(plain) + len(otherwise) == len(found):
        return [UNANNOUNCED + "".join(_announced_otherwise(exploratory))]
    reasons = sorted({standing.reason(summary.path) for summary, standing in exploratory if not _is_plain(standing)})
    notes = [f"exploratory: {reason}" for reason in reasons]
    if plain:
        files = ", ".join(sorted(summary.path for summary in plain))
        notes.append(f"exploratory: {_UNANNOUNCED} {files}")
    return notes


def _is_plain(standing: Standing) -> bool:
    return standing.words.startswith(_UNANNOUNCED)


def is_unannounced(note: str) -> bool:
    """Whether a note says that none of a policy's evidence was announced; one word says it where space is short."""
    return note.startswith(UNANNOUNCED)


def _announced_otherwise(found: Sequence[tuple[Summary, Standing]]) -> Iterator[str]:
    others = sorted({standing.announced_otherwise for _, standing in found if standing.announced_otherwise is not None})
    for path in dict.fromkeys(path for path, _ in others):
        words = [words for other, words in others if other == path]
        kinds = sorted({s.kind for s, one in found if one.announced_otherwise and one.announced_otherwise[0] == path})
        registers = words[0] if len(words) == 1 else f"{', '.join(kinds)} by other configurations or protocols"
        yield f"; {path} registers {registers}"
