"""Policy x Summaries -> one candidate, or the reasons why there is none.

A selection says which candidate the policy's fixed scales put first. It does not say that the candidate is good: that
is for the gates, on seeds that did not select, or at a confidence that pays for having chosen the best of several.
"""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from gatekit.candidates.pareto import dominators
from gatekit.candidates.pool import Candidate, candidates_from, pool_errors
from gatekit.candidates.scoring import (
    ReadPlaces,
    Value,
    ValueRead,
    read_places,
    read_values,
    weighted_mean,
    what_is_read,
)
from gatekit.errors import GatekitError
from gatekit.evidence.summary import Subject, Summary
from gatekit.exit_codes import ExitCode, worst
from gatekit.gates.diverged import DivergedSaes, diverged_saes, showing_divergence, why_diverged
from gatekit.gates.effect import effect_of
from gatekit.gates.evaluate import GatesJudge, Signer, in_the_future
from gatekit.gates.verdict import GateResult, Outcome, ThresholdResult, Why, thresholds_in
from gatekit.policy.limits import sides
from gatekit.policy.lint import lint
from gatekit.policy.model import Policy, Selection
from gatekit.second_process import working_ahead


class CandidateStatus(StrEnum):
    """What became of a candidate."""

    SELECTED = "selected"
    RANKED = "ranked"
    TIED = "tied"
    """For the first place, so that nothing was selected."""
    NOT_ELIGIBLE = "not_eligible"
    NOT_RANKED = "not_ranked"
    """Eligible, but a value is missing: nothing is scored as if it were 0."""
    SET_ASIDE = "set_aside"
    """Compared, and given up before: it can not be selected, and whoever is pays for it."""


FEWEST_JUDGED_AHEAD = 1000
"""Candidates from which on a second process judges some of them; with fewer nobody would see it."""
_AT_ONCE = 50
"""Candidates that are handed over together, so that what they share is written once."""

SET_ASIDE_WORDS = "given up before: it is compared, and not selected"


@dataclass(frozen=True)
class ComparedCandidate:
    """One candidate with everything that decided about it."""

    subject: Subject
    standing: CandidateStatus
    rank: int | None
    """1 is the best; equal scores that `ties` does not separate share a rank."""
    score: float | None
    values: tuple[Value, ...]
    gates: tuple[GateResult, ...]
    """The eligibility gates."""
    reasons: tuple[str, ...]
    on_front: bool
    dominated_by: tuple[str, ...]
    """Digests of the eligible candidates that are at least as good in every Pareto measurement, better in one: of many,
    the best ranked (see `pareto.MOST_DOMINATORS`)."""
    cannot_reach: bool
    """A gate's threshold lies beyond what a subject of this shape could reach, or its SAEs have diverged."""


@dataclass(frozen=True)
class SelectionResult:
    """The outcome of a selection."""

    policy: Policy
    selection: Selection
    now: datetime
    candidates: tuple[ComparedCandidate, ...]
    """Best first, then what is not ranked, by digest."""
    compared: int
    """How many were compared; what a bound on the same observations pays for."""
    seeds: tuple[int, ...]
    """Those whose observations decided."""
    evidence: tuple[Summary, ...]
    """Every summary that was read."""
    errors: tuple[GatekitError, ...]

    @property
    def winner(self) -> ComparedCandidate | None:
        """The selected candidate, None when there is none."""
        return next((c for c in self.candidates if c.standing is CandidateStatus.SELECTED), None)

    @property
    def code(self) -> ExitCode:
        """Blocked only when every candidate fails a gate: one that could not be judged leaves the question open."""
        if self.errors:
            return worst(error.exit_code for error in self.errors)
        if self.winner is not None:
            return ExitCode.PASS
        open_ones = [c for c in self.candidates if c.standing is not CandidateStatus.SET_ASIDE]
        failed = [any(gate.outcome is Outcome.FAIL for gate in c.gates) for c in open_ones]
        return ExitCode.BLOCKED if failed and all(failed) else ExitCode.INCONCLUSIVE


def select(
    policy: Policy,
    selection: Selection,
    summaries: Sequence[Summary],
    now: datetime,
    errors: Sequence[GatekitError] = (),
    signers: Mapping[str, frozenset[Signer]] | None = None,
    set_aside: Collection[str] = (),
) -> SelectionResult:
    """Choose one of the candidates that the summaries are about.

    Args:
        policy: with `selection` as its section.
        selection: the section.
        summaries: of any number of subjects; those that the selection does not read are passed over, but where they
            show that a candidate has diverged.
        now: aware UTC time for the ages of evidence.
        errors: what reading policy and evidence already found wrong; any error leaves nothing selected.
        signers: as for `gates.evaluate.evaluate`.
        set_aside: digests of subjects that were given up before: they count, and are not selected.
    """
    unsound = lint(policy, now)
    # A scale without length, say, has no scores: nobody is judged by an unsound policy.
    pool = [] if unsound else candidates_from(policy, selection, summaries)
    found = [*errors, *unsound, *pool_errors(pool, selection)]
    judge = _Judge.of(policy, selection, now, signers, diverged_saes(summaries))
    judged = []
    for candidate, (compared, own_errors) in zip(pool, _each_judged(judge, pool), strict=True):
        if candidate.subject.digest in set_aside:
            compared = replace(compared, standing=CandidateStatus.SET_ASIDE, reasons=(SET_ASIDE_WORDS,))
        judged.append(compared)
        found += own_errors
    # Candidates judged by one policy repeat its errors; each is told once.
    found = list({(error.error_id, str(error)): error for error in found}.values())
    ranked = [] if found else _ranked([c for c in judged if not c.reasons], selection)
    rest = [c for c in judged if c.reasons]
    seeds = {seed for c in pool for s in c.on(selection.select_seeds) for seed in s.protocol.seeds}
    return SelectionResult(
        policy=policy,
        selection=selection,
        now=now,
        candidates=(*ranked, *sorted(rest, key=lambda c: (c.standing.value, c.subject.digest))),
        compared=sum(candidate.compared(selection.select_seeds) for candidate in pool),
        seeds=tuple(sorted(seeds)),
        evidence=tuple(sorted(_read(pool, summaries), key=lambda s: (s.path, s.sha256))),
        errors=tuple(found),
    )


def _each_judged(
    judge: _Judge, pool: Sequence[Candidate]
) -> Iterator[tuple[ComparedCandidate, Sequence[GatekitError]]]:
    """Yield what `_Judge.judged` returns of each candidate; of thousands, a second process judges every other part."""
    parts = [pool[start : start + _AT_ONCE] for start in range(0, len(pool), _AT_ONCE)]

    def judged_ahead(number: int) -> bytes | None:
        judged = [judge.judged(candidate) for candidate in parts[number]]
        # Errors are made again by whoever tells them.
        return None if any(errors for _, errors in judged) else pickle.dumps([compared for compared, _ in judged])

    share = (1, 2) if len(pool) >= FEWEST_JUDGED_AHEAD else (0, 1)
    with working_ahead(len(parts), share, judged_ahead) as taken:
        for number, part in enumerate(parts):
            done = taken(number)
            if done is None:
                yield from map(judge.judged, part)
            else:
                yield from ((compared, ()) for compared in pickle.loads(done))


def _read(pool: Sequence[Candidate], summaries: Sequence[Summary]) -> list[Summary]:
    """Return what was read of the candidates: what the selection names, and what shows that one has diverged."""
    own = [summary for candidate in pool for summary in candidate.summaries]
    return [*own, *showing_divergence(own, summaries)]


@dataclass(frozen=True)
class _Judge:
    """What every candidate is judged with."""

    policy: Policy
    selection: Selection
    eligibility: GatesJudge
    """Of the eligibility gates alone, and without waivers: a waived gate still makes a candidate ineligible."""
    reads: tuple[ValueRead, ...]
    now: datetime
    diverged: DivergedSaes

    @classmethod
    def of(
        cls,
        policy: Policy,
        selection: Selection,
        now: datetime,
        signers: Mapping[str, frozenset[Signer]] | None,
        diverged: DivergedSaes,
    ) -> _Judge:
        """Work out once what is the same for all candidates; arguments as of `select`."""
        eligibility = replace(
            policy,
            gates=tuple(g for g in policy.gates if g.name in selection.eligibility),
            waivers=(),
            selection=None,
            # To choose is to explore; whether the chosen one was registered is for the gates that judge it.
            registered="shown",
            # Who is compared was given to the selection; a candidate's summaries may lie in any folder.
            evidence=(),
        )
        gates = GatesJudge(eligibility, now, None, signers or {}, {}, 0, {}, diverged)
        return cls(policy, selection, gates, what_is_read(selection), now, diverged)

    def judged(self, candidate: Candidate) -> tuple[ComparedCandidate, list[GatekitError]]:
        """Return a candidate with everything that decides about it, and the errors of its evidence."""
        summaries = candidate.on(self.selection.select_seeds)
        judged = self.eligibility.judged(summaries)
        gates = judged.gates
        reasons = [_why(gate) for gate in gates if gate.outcome is not Outcome.PASS]
        # A threshold that this width cannot reach is this candidate's failure; every other error is the evidence's.
        infeasible = [error for error in judged.errors if error.error_id == "policy.infeasible"]
        reasons += [error.message for error in infeasible]
        why = None if self.policy.legacy else why_diverged(candidate.subject, self.diverged)
        if why is not None and not any(
            rule.why is Why.DIVERGED for gate in gates for rule in thresholds_in(gate.result)
        ):
            reasons.insert(0, why)
        values = read_values(self.policy, self.reads, summaries, self.now)
        standing = CandidateStatus.NOT_ELIGIBLE if reasons else CandidateStatus.NOT_RANKED
        # A missing value matters for those only that could be ranked.
        if not reasons:
            reasons = [f"{effect_of(v.rule).name}: {v.reason}" for v in values if v.value is None]
        compared = ComparedCandidate(
            candidate.subject, standing, None, None, values, gates, tuple(reasons), False, (), bool(infeasible or why)
        )
        errors = [error for error in judged.errors if error not in infeasible]
        return compared, [*in_the_future(summaries, self.now), *errors]


def _why(gate: GateResult) -> str:
    """Return in words which thresholds keep a gate from passing."""
    words = [_told(rule) for rule in thresholds_in(gate.result) if rule.outcome is not Outcome.PASS]
    return f"gate {gate.name} {'fails' if gate.outcome is Outcome.FAIL else 'is inconclusive'}: {'; '.join(words)}"


def _told(rule: ThresholdResult) -> str:
    told = f"{rule.effect.name}: {rule.reason}"
    measured = rule.measured
    if measured is None:
        return told
    point = rule.bound == "point"
    lower, upper = (measured.estimate, measured.estimate) if point else (measured.lower, measured.upper)
    numbers = []
    for side in sides(rule.effect.limits):
        found = side.bound(lower, upper)
        if found is not None:
            numbers.append(f"{found:.4g}, asked for {side.words} {side.limit:g}")
    return f"{told} ({'; '.join(numbers)})"


def _ranked(candidates: Sequence[ComparedCandidate], selection: Selection) -> list[ComparedCandidate]:
    """Return the candidates best first; each has a key of its own, so that who else is compared cannot reorder them."""
    places = read_places(selection)
    weights = [score.weight for score in selection.scores]
    keyed = sorted(
        ((_key(candidate, places, weights), candidate) for candidate in candidates),
        key=lambda pair: (*pair[0], pair[1].subject.digest),
    )
    # Everybody with the best key: more than one is a tie, and nothing is selected.
    first = [c for key, c in keyed if key == keyed[0][0]]
    digests = [candidate.subject.digest for _, candidate in keyed]
    better = dominators([tuple(c.values[place].goodness for place in places.pareto) for _, c in keyed])
    ranked = []
    rank_of: dict[tuple[float, ...], int] = {}
    for position, ((key, candidate), above) in enumerate(zip(keyed, better, strict=True)):
        standing = CandidateStatus.RANKED
        if position < len(first):
            standing = CandidateStatus.SELECTED if len(first) == 1 else CandidateStatus.TIED
        ranked.append(
            replace(
                candidate,
                standing=standing,
                rank=rank_of.setdefault(key, position + 1),
                score=-key[0],
                on_front=not above,
                dominated_by=tuple(map(digests.__getitem__, above)),
            )
        )
    return ranked


def _key(candidate: ComparedCandidate, places: ReadPlaces, weights: Sequence[float]) -> tuple[float, ...]:
    scores = [candidate.values[place].score for place in places.scores]
    mean = weighted_mean([score for score in scores if score is not None], weights)
    # Negated, so that the smallest key is the best.
    return (-mean, *(-candidate.values[place].goodness for place in places.ties))
