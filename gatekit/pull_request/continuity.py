"""What became of the SAEs that the base's evidence measured: trained again, left out, replaced, or measured still.

A number that does not suit can be got rid of with the SAE that gave it. So every checkpoint that the base's evidence
observed is looked for in the merge result by its sha256. Where it is measured again, under whatever path, protocol or
run, nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gatekit.evidence.summary import Summary
from gatekit.registration.standing import listed_seeds, planned_seeds

Fate = Literal["retrained", "dropped", "replaced", "unmeasured", "gone", "extended", "renamed"]
"""`retrained`: other checkpoints of the same seeds; `dropped`: seeds left out; `replaced`: another subject stands where
it stood; `unmeasured`: a measure left out; `gone`: nothing took its place; `extended`: seeds were only added;
`renamed`: the same weights under another model's name."""


@dataclass(frozen=True)
class SubjectFate:
    """What a change did to one subject of which the base measured one kind."""

    fate: Fate
    old: Summary
    """The base's first summary of it."""
    new: Summary | None
    """What stands in its place, or still measures it; None where nothing does."""
    lost: tuple[int, ...]
    """Seeds of the base of which something is not measured any more."""
    retrained: tuple[int, ...]
    """Those of them that `new` has another checkpoint of."""
    added: tuple[int, ...]
    """Seeds of `new` that the base does not have."""
    measures: frozenset[str]
    """What is not measured any more."""

    @property
    def left_out(self) -> tuple[int, ...]:
        """Lost seeds that nothing stands for."""
        return tuple(seed for seed in self.lost if seed not in self.retrained)

    @property
    def words(self) -> str:
        """What happened, for people, without what the gates say of it."""
        old, new = self.old.subject, self.new.subject if self.new is not None else self.old.subject
        match self.fate:
            case "retrained":
                also = f", {listed_seeds(self.left_out)} left out" if self.left_out else ""
                return f"{counted(len(self.retrained), 'seed')} retrained{also}"
            case "dropped":
                place = f", and {listed_seeds(self.added)} measured in their place" if self.added else ""
                return f"{listed_seeds(self.lost)} left out{place}"
            case "replaced":
                return f"{old.words} replaced by {new.words}"
            case "unmeasured":
                return f"{', '.join(sorted(self.measures))} of {listed_seeds(self.lost)} is not measured any more"
            case "extended":
                return f"extended from {len(old.checkpoints)} to {len(new.checkpoints)} seeds"
            case "renamed":
                digest = (old.model_digest or "")[:12]
                return f"the model with digest {digest} was called '{old.model_name}' and is called '{new.model_name}'"
            case "gone":
                return f"{old.words if self.old.is_measured else f'a run of {listed_seeds(self.lost)}'} disappeared"


def subject_fates(base: Sequence[Summary], head: Sequence[Summary]) -> list[SubjectFate]:
    """Return what became of every subject of the base that is not as it was, in the order of the base's paths.

    Another tool's numbers are of no checkpoint, and no part of this.
    """
    there = {
        (shape(summary), checkpoint.sha256, measure)
        for summary in head
        for measure in observed(summary)
        for checkpoint in summary.subject.checkpoints
    }
    before, after = _by_subject(base), _by_subject(head)
    found: list[SubjectFate] = []
    taken: set[tuple[str, str]] = set()
    for group in before.values():
        measures = {measure for summary in group for measure in observed(summary)}
        lost = _lost(group[0], measures, there)
        fate = _loss(group, lost, before, after, there, taken) if lost else _no_loss(group, after, before)
        if fate is not None:
            found.append(fate)
    return [*found, *_failed_runs(base, head)]


def _failed_runs(base: Sequence[Summary], head: Sequence[Summary]) -> list[SubjectFate]:
    """Return the runs of the base that failed and are not shown any more, with what stands in their place.

    A run that failed has no numbers, but it says which seeds did not work. Where the same SAEs are measured at last,
    nothing is lost.
    """
    known = {summary.sha256 for summary in base}
    alike: dict[tuple[object, ...], list[Summary]] = {}
    for summary in sorted(head, key=lambda s: s.path):
        alike.setdefault(shape(summary), []).append(summary)
    found = []
    for old in sorted((s for s in base if s.status == "failed"), key=lambda s: s.path):
        seeds, there = planned_seeds(old), alike.get(shape(old), [])
        if any(s.status == "failed" and planned_seeds(s) >= seeds for s in there):
            continue
        measured = [s for s in there if observed(s)]
        saes = {one for s in measured for one in s.subject.checkpoints}
        if len(old.subject.checkpoints) and all(one in saes for one in old.subject.checkpoints):
            continue
        new = next((s for s in measured if s.sha256 not in known and planned_seeds(s) & seeds), None)
        measures = frozenset(measure for s in measured for measure in observed(s))
        if new is None:
            found.append(SubjectFate("gone", old, None, tuple(sorted(seeds)), (), (), measures))
        else:
            again = tuple(sorted(planned_seeds(new) & seeds))
            found.append(SubjectFate("retrained", old, new, again, again, (), measures))
    return found


def observed(summary: Summary) -> frozenset[str]:
    """Return the measures of which a run that worked holds observations."""
    if not summary.is_measured:
        return frozenset()
    return frozenset(name for name, measurement in summary.measurements.items() if measurement.reported is None)


def shape(summary: Summary) -> tuple[object, ...]:
    """Return what makes two subjects be of one kind of SAE at one place of one model, whatever was trained."""
    return (summary.kind, *summary.subject.shape)


_There = set[tuple[tuple[object, ...], str, str]]
"""What is measured: (shape with its kind, sha256 of a checkpoint, measure). The same weights called another shape's, or
of another hook, are not what was measured."""
_Groups = Mapping[tuple[str, str], Sequence[Summary]]
"""(kind, digest of a subject) -> its summaries, in the order of their paths."""


def _by_subject(summaries: Iterable[Summary]) -> _Groups:
    found: dict[tuple[str, str], list[Summary]] = {}
    for summary in sorted(summaries, key=lambda s: s.path):
        if observed(summary) and summary.subject.checkpoints:
            found.setdefault((summary.kind, summary.subject.digest), []).append(summary)
    return found


def _lost(summary: Summary, measures: Iterable[str], there: _There) -> dict[int, set[str]]:
    """Return seed -> what is not measured of its checkpoint any more."""
    found: dict[int, set[str]] = {}
    for checkpoint in summary.subject.checkpoints:
        gone = {measure for measure in measures if (shape(summary), checkpoint.sha256, measure) not in there}
        if gone:
            found[checkpoint.seed] = gone
    return found


def _loss(
    group: Sequence[Summary],
    lost: Mapping[int, set[str]],
    before: _Groups,
    after: _Groups,
    there: _There,
    taken: set[tuple[str, str]],
) -> SubjectFate:
    old = group[0]
    checkpoints = {one.seed: one.sha256 for one in old.subject.checkpoints}
    measured = {sha256 for place, sha256, _ in there if place == shape(old)}
    wholly = [seed for seed in lost if checkpoints[seed] not in measured]
    measures = frozenset(measure for gone in lost.values() for measure in gone)
    if not wholly:
        new = _still_measured(old, after)
        return SubjectFate("unmeasured", old, new, tuple(sorted(lost)), (), (), measures)
    new = _in_its_place(group, before, after, taken)
    if new is None:
        return SubjectFate("gone", old, None, tuple(sorted(lost)), (), (), measures)
    others = {one.seed: one.sha256 for one in new.subject.checkpoints}
    own = set(checkpoints.values())
    added = tuple(sorted(seed for seed in others if seed not in checkpoints and others[seed] not in own))
    if shape(new) != shape(old):
        return SubjectFate("replaced", old, new, tuple(sorted(lost)), (), added, measures)
    retrained = tuple(sorted(seed for seed in wholly if others.get(seed, checkpoints[seed]) != checkpoints[seed]))
    fate: Fate = "retrained" if retrained else "dropped"
    return SubjectFate(fate, old, new, tuple(sorted(lost)), retrained, added, measures)


def _still_measured(old: Summary, after: _Groups) -> Summary | None:
    own = {one.sha256 for one in old.subject.checkpoints}
    for (kind, _), group in after.items():
        if kind == old.kind and own & {one.sha256 for one in group[0].subject.checkpoints}:
            return group[0]
    return None


def _in_its_place(
    group: Sequence[Summary], before: _Groups, after: _Groups, taken: set[tuple[str, str]]
) -> Summary | None:
    """Return what stands where a subject stood: what shares its SAEs, its file, its shape or its folder, in this order.

    A subject that the base has too stands for itself, unless it took over the file; and a new one stands for one only.
    """
    old = group[0]
    own = {one.sha256 for one in old.subject.checkpoints}
    paths = {summary.path for summary in group}
    folders = {path.rpartition("/")[0] for path in paths}
    best: tuple[tuple[int, int, int, int], tuple[str, str], Summary] | None = None
    for key, others in after.items():
        if key[0] != old.kind:
            continue
        new = key not in before and key not in taken
        shared = len(own & {one.sha256 for one in others[0].subject.checkpoints})
        here = next((other for other in others if other.path in paths), None)
        beside = any(other.path.rpartition("/")[0] in folders for other in others)
        rank = (shared, int(here is not None), int(new and shape(others[0]) == shape(old)), int(new and beside))
        if any(rank) and (best is None or rank > best[0]):
            best = (rank, key, here or others[0])
    if best is None:
        return None
    if best[0][0] == 0:
        taken.add(best[1])
    return best[2]


def _no_loss(group: Sequence[Summary], after: _Groups, before: _Groups) -> SubjectFate | None:
    """Return what is worth telling of a subject of which all is measured still."""
    old = group[0]
    own = {one.sha256 for one in old.subject.checkpoints}
    same = after.get((old.kind, old.subject.digest))
    if same is not None:
        names = {summary.subject.model_name for summary in group}
        other = next((summary for summary in same if summary.subject.model_name not in names), None)
        return None if other is None else SubjectFate("renamed", old, other, (), (), (), frozenset())
    for key, others in after.items():
        if key[0] == old.kind and key not in before and own < {one.sha256 for one in others[0].subject.checkpoints}:
            seeds = {one.seed for one in old.subject.checkpoints}
            added = tuple(one.seed for one in others[0].subject.checkpoints if one.seed not in seeds)
            return SubjectFate("extended", old, others[0], (), (), added, frozenset())
    return None


def counted(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}{'s' * (count != 1)}"
