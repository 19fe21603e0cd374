"""Which of several candidates are on the Pareto front of a policy's selection, asked of a pilot: for stop rules.

It says what the values at hand show; a candidate that cannot be ranked, because it fails a gate or a value is missing,
is neither on the front nor dominated, and a stop rule holds for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePath

from gatekit.candidates.selecting import ComparedCandidate, select
from gatekit.errors import GatekitError, Location
from gatekit.evidence import Summary, find_summaries, read_summaries
from gatekit.kinds import INSTALLED, Kinds
from gatekit.policy import read_policy
from gatekit.policy.model import Combined, Policy, Rule, Selection, Threshold


@dataclass(frozen=True)
class CandidateOnFront:
    """Where one candidate stands."""

    digest: str
    """Of its subject."""
    words: str
    """The subject in one line."""
    paths: tuple[str, ...]
    """The summaries that are about it."""
    on_front: bool | None
    """None where it cannot be ranked, so that it is neither on the front nor dominated."""
    dominated_by: tuple[str, ...]
    """Digests of the candidates that are at least as good on every axis and better on one."""
    reasons: tuple[str, ...]
    """Why it cannot be ranked."""


@dataclass(frozen=True)
class ParetoFront:
    """Every candidate that some evidence is about."""

    candidates: tuple[CandidateOnFront, ...]

    def all_dominated(self, places: Collection[str]) -> bool | None:
        """Return whether every candidate whose evidence lies at these places is dominated by another.

        False as soon as one is on the front; None where that is open: one cannot be ranked, or none lies there.

        Args:
            places: files or folders, written as the evidence's paths were.
        """
        asked = [candidate for candidate in self.candidates if any(_lies(path, places) for path in candidate.paths)]
        standings = [candidate.on_front for candidate in asked]
        if True in standings:
            return False
        return None if not asked or None in standings else True


def _lies(path: str, places: Collection[str]) -> bool:
    own = PurePath(path)
    return any(own.is_relative_to(PurePath(place)) for place in places)


def pareto_front(
    policy: str,
    evidence: Sequence[str],
    now: datetime,
    min_seeds: int | None = None,
    kinds: Kinds = INSTALLED,
) -> ParetoFront:
    """Return the Pareto front of the candidates that evidence is about, by a policy's `selection`.

    Args:
        policy: path of a policy with a `selection` by fixed scales.
        evidence: files, folders and patterns of summaries, of any number of subjects.
        now: aware UTC time for the ages of evidence.
        min_seeds: so many seeds are enough here where the policy asks for more: a pilot has fewer than a release, and
            what is read here only stops.
        kinds: what policy and evidence are read by.

    Raises:
        GatekitError: policy or evidence is malformed, the policy has no such `selection`, or candidates were measured
            by two protocols; of several errors the first.
    """
    loaded = read_policy(policy, kinds)
    if not isinstance(loaded.selection, Selection):
        message = "the policy has no `selection` by fixed scales, so it has no Pareto front"
        raise GatekitError("policy.no_selection", message, Location(loaded.path, 1))
    summaries, errors = read_summaries(find_summaries(list(evidence)), kinds)
    if min_seeds is not None:
        loaded = from_fewer_seeds(loaded, min_seeds)
    section = loaded.selection
    assert isinstance(section, Selection)
    selected = select(loaded, section, summaries, now, errors)
    if selected.errors:
        raise selected.errors[0]
    return ParetoFront(tuple(_stands(candidate, selected.evidence) for candidate in selected.candidates))


def _stands(candidate: ComparedCandidate, evidence: Sequence[Summary]) -> CandidateOnFront:
    return CandidateOnFront(
        digest=candidate.subject.digest,
        words=candidate.subject.words,
        paths=tuple(s.path for s in evidence if s.subject.digest == candidate.subject.digest),
        on_front=None if candidate.rank is None else candidate.on_front,
        dominated_by=candidate.dominated_by,
        reasons=candidate.reasons,
    )


def from_fewer_seeds(policy: Policy, seeds: int) -> Policy:
    """Return a policy with a `selection` that ranks candidates already on so many seeds, whichever they are.

    It serves to stop, never to release: a pilot has fewer seeds than a release, and none that are set apart.
    """
    section = policy.selection
    assert isinstance(section, Selection)

    def fewer(rule: Threshold) -> Threshold:
        return replace(rule, min_seeds=min(rule.min_seeds, seeds))

    def within(rule: Rule) -> Rule:
        if isinstance(rule, Combined):
            return replace(rule, rules=tuple(map(within, rule.rules)))
        return fewer(rule)

    section = replace(
        section,
        select_seeds=None,
        confirm_seeds=None,
        scores=tuple(replace(score, value=fewer(score.value)) for score in section.scores),
        pareto=tuple(map(fewer, section.pareto)),
        ties=tuple(map(fewer, section.ties)),
    )
    return replace(policy, gates=tuple(replace(g, rule=within(g.rule)) for g in policy.gates), selection=section)
