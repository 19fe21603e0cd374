"""A selection in numbers and sentences: what its reports say, whatever they look like.

Everything here is raw text that may hold what other people wrote; each format makes it inert for its own readers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gatekit.candidates import CandidateStatus, ComparedCandidate, Robustness, SelectionResult, StableRange, Value
from gatekit.gates.effect import effect_of
from gatekit.policy.limits import effect_name, exact
from gatekit.policy.model import Threshold
from gatekit.report.verdict.wording import number

STANDINGS = {
    CandidateStatus.SELECTED: "selected",
    CandidateStatus.RANKED: "ranked",
    CandidateStatus.TIED: "tied",
    CandidateStatus.NOT_ELIGIBLE: "not eligible",
    CandidateStatus.NOT_RANKED: "not ranked",
    CandidateStatus.SET_ASIDE: "set aside",
}


@dataclass(frozen=True)
class CandidateRow:
    """One candidate in a table."""

    rank: str
    candidate: str
    score: str
    front: str
    values: tuple[str, ...]
    """In the order of `columns`."""
    standing: str


def columns(selected: SelectionResult) -> tuple[str, ...]:
    """Return the headings of the values: everything that the selection reads, with the side that is compared."""
    first = next(iter(selected.candidates), None)
    return () if first is None else tuple(column(value.rule) for value in first.values)


def column(rule: Threshold) -> str:
    """Return what a value is: `saebench.auc_delta >=` for a lower bound, `<=` for an upper, `~` for an estimate."""
    sign = "~" if rule.point else ">=" if rule.measure.direction == "higher" else "<="
    return f"{effect_of(rule).name} {sign}"


def rows(selected: SelectionResult) -> list[CandidateRow]:
    """Return one row per candidate, best first."""
    return list(map(_row, selected.candidates))


def _row(candidate: ComparedCandidate) -> CandidateRow:
    rank = front = "-"
    if candidate.rank is not None:
        rank, front = str(candidate.rank), "yes" if candidate.on_front else "no"
    return CandidateRow(
        rank=rank,
        candidate=candidate.subject.words,
        score="-" if candidate.score is None else f"{candidate.score:.4f}",
        front=front,
        values=tuple(map(cell, candidate.values)),
        standing=STANDINGS[candidate.standing],
    )


def cell(value: Value) -> str:
    """Return a value with its score, `-` when it is missing; an asterisk marks one that lies outside its scale."""
    if value.value is None:
        return "-"
    scored = "" if value.score is None else f" ({value.score:.3f}{'*' if value.clamped else ''})"
    return number(value.value) + scored


def headline(selected: SelectionResult) -> str:
    """Return the outcome in one line, without `selection: ` in front."""
    code = int(selected.code)
    ranked = sum(c.rank is not None for c in selected.candidates)
    total = len(selected.candidates)
    winner = selected.winner
    if selected.errors:
        return f"refused (exit {code}): {len(selected.errors)} error{'s' * (len(selected.errors) != 1)}"
    if winner is not None:
        return f"{winner.subject.words} (exit {code}): first of {ranked} ranked, {total} candidate{'s' * (total != 1)}"
    tied = [c for c in selected.candidates if c.standing is CandidateStatus.TIED]
    if tied:
        return f"none (exit {code}): {len(tied)} candidates tie for the first place; add a measurement under `ties`"
    return f"none (exit {code}): no candidate can be ranked of {total}"


Named = Callable[[str], str]
"""How a name that others chose is written: as it is, or as a code span."""


def why_selected(selected: SelectionResult, winner: ComparedCandidate, named: Named = str) -> list[str]:
    """Return sentences on why the winner was selected; all but the names in them are gatekit's own words."""
    ranked = [c for c in selected.candidates if c.rank is not None]
    sentences = [
        f"Its score is {winner.score or 0.0:.4f} on the policy's fixed scales, where 0 is worst and 1 is best."
    ]
    if len(ranked) == 1:
        sentences.append("It is the only candidate that could be ranked, so nothing was weighed.")
    else:
        sentences.append(_lead(selected, winner, ranked[1], named))
    axes = ", ".join(named(effect_of(axis).name) for axis in selected.selection.pareto)
    if winner.on_front:
        sentences.append(f"No ranked candidate is at least as good in all of {axes} and better in one.")
    else:
        names = ", ".join(named(_words_of(selected, digest)) for digest in winner.dominated_by)
        sentences.append(f"It is not on the Pareto front of {axes}: {names} is at least as good in all of them.")
    for value in winner.values:
        if value.clamped:
            end = "best" if value.score == 1.0 else "worst"
            sentences.append(f"Its {named(effect_of(value.rule).name)} lies beyond the scale's {end} end.")
    return sentences


def _lead(selected: SelectionResult, winner: ComparedCandidate, second: ComparedCandidate, named: Named) -> str:
    total = sum(score.weight for score in selected.selection.scores)
    parts = []
    for score in selected.selection.scores:
        pair = [_score_of(c, score.value) for c in (winner, second)]
        share = score.weight / total * (pair[0] - pair[1])
        parts.append(f"{named(score.value.measure.name)} {number(share, signed=True)}")
    if winner.score == second.score:
        ties = ", ".join(named(effect_of(tie).name) for tie in selected.selection.ties)
        return f"{named(second.subject.words)} has the same score; {ties} decided."
    lead = (winner.score or 0.0) - (second.score or 0.0)
    return f"It leads {named(second.subject.words)} by {number(lead)}, of which {', '.join(parts)}."


def _score_of(candidate: ComparedCandidate, rule: Threshold) -> float:
    return next(v.score or 0.0 for v in candidate.values if "score" in v.roles and v.rule.measure == rule.measure)


def _words_of(selected: SelectionResult, digest: str) -> str:
    return next(c.subject.words for c in selected.candidates if c.subject.digest == digest)


def what_gates_judge(selected: SelectionResult) -> str:
    """Return the sentence on what the choice costs."""
    confirm = selected.selection.confirm_seeds
    seeds = _listed(selected.seeds)
    if confirm is not None:
        return (
            f"Seeds {seeds} selected; `gatekit check --candidate` judges seeds {_listed(confirm)} alone. Bounds that "
            f"also speak for datasets or rows pay for the best of {selected.compared} all the same, because those are "
            "shared."
        )
    if selected.compared == 1:
        return "There was one candidate, so its bounds pay for no choice."
    return (
        f"Seeds {seeds} selected and will be judged again, so `gatekit check --candidate` takes every bound at a "
        f"confidence that pays for the best of {selected.compared}."
    )


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds)) if seeds else "none"


def range_words(stand: StableRange) -> tuple[str, str, str]:
    """Return what a number of the policy is, its value, and the range in which the choice stands."""
    name = effect_name(stand.kind, stand.measure, "nothing")
    what = f"{stand.gate}: {name} {stand.what}" if stand.gate is not None else f"{stand.what} of {name}"
    if stand.low is None and stand.high is None:
        return what, exact(stand.now), "always"
    if stand.low is None:
        return what, exact(stand.now), f"below {number(stand.high or 0.0)}"
    if stand.high is None:
        return what, exact(stand.now), f"above {number(stand.low)}"
    return what, exact(stand.now), f"{number(stand.low)} to {number(stand.high)}"


def stands(robust: Robustness) -> list[StableRange]:
    """Return all ranges in the order of the report."""
    return [*robust.weights, *robust.scales, *robust.thresholds]


def grid_words(robust: Robustness) -> str:
    """Return the sentence on the grid of weightings."""
    share = 100.0 * robust.grid_selected / robust.grid_points
    return (
        f"Under {robust.grid_selected} of {robust.grid_points} weightings in steps of 1/{robust.grid_steps} "
        f"({share:.0f} %) the choice is the same."
    )
