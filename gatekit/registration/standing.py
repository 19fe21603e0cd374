"""What evidence is to the registrations: as one announced it, not as announced, or exploratory.

A summary is one that a registration announced when its kind, its configuration (or protocol) and its seeds are the
registration's, and its run started after the registration was committed. All else is exploratory: whoever measured it
may have looked before, chosen seeds, or tried other settings, and nothing in the file can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any, Literal

from gatekit.errors import GatekitError
from gatekit.evidence.config_digest import GIVEN, config_without_saes_sha256, config_without_seeds_sha256
from gatekit.evidence.strict_json import SUMMARY_LIMITS, parse_plain_json
from gatekit.evidence.summary import MEASURED, Summary
from gatekit.registration.left_out import LeftOut, seeds_left_out
from gatekit.registration.model import RegisteredMeasurement, Registration


@dataclass(frozen=True)
class DatedRegistration:
    """A registration, and when it was committed."""

    registration: Registration
    since: datetime | None
    """Time of the commit that brought it to the branch that judges, as it says now; None where nothing tells."""
    undated: str | None = None
    """Why there is no time."""
    outside_git: bool = False
    """Whether there is no repository at all, so that no commit could have given it a time."""


_PATH = "\0"
"""Stands for the summary's path in what is said of it, so that all of which no more is known share one Standing; no
path holds it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a summary is to the registrations."""

    state: Literal["registered", "not_as_registered", "exploratory"]
    words: str
    """See `reason`, with `_PATH` where the summary's own path stands."""
    registration: Registration | None = None
    look: int | None = None
    """Number of the look, from 1; of exploratory evidence of what a registration measures, the one that it pays for."""
    choices: int = 1
    """Of how many candidates, registered for the same claim, it may be the best."""
    earlier_looks: tuple[int, ...] = ()
    """Of exploratory evidence: at how many seeds, fewer than its own, the same subject was looked at before; in
    increasing order."""
    past_known: bool = True
    """Whether these are all the looks that evidence ever showed, or those of a base whose own past nobody tells."""
    announced_otherwise: tuple[str, str] | None = None
    """(path, measurement in words) of a registration of the same kind, by another configuration or protocol."""
    left_out: LeftOut | None = None
    """Seeds and SAEs that were measured before in the same way, and that nothing shows any more; of registered evidence
    only where they are other SAEs of the same look."""

    @property
    def extends(self) -> int | None:
        """The fewest seeds at which the same subject is known to have been looked at before; None where it was not."""
        return self.earlier_looks[0] if self.earlier_looks else None

    def reason(self, path: str) -> str:
        """Return, for people, why the summary at a path is not registered, or which look it is."""
        return self.words.replace(_PATH, path)


Shape = tuple[object, ...]
"""What makes evidence be about one thing, whatever seeds it has: kind, model, hook and widths."""


@dataclass(frozen=True)
class Look:
    """Seeds on which one thing was measured."""

    shape: Shape
    seeds: frozenset[int]


NOT_REGISTERED = Standing("exploratory", f"no registration announced {_PATH}")
"""Of evidence where there are no registrations, or that none of them is about."""


def standings(
    summaries: Sequence[Summary],
    registrations: Sequence[DatedRegistration],
    earlier: Sequence[Summary] = (),
    history: Iterable[Look] = (),
    *,
    past_known: bool = True,
    left_out_pays: bool = False,
) -> dict[str, Standing]:
    """Return sha256 of a summary's bytes -> its standing.

    Args:
        summaries: all evidence that is judged, of every status: a failed run of registered seeds counts too.
        registrations: those of the branch that judges.
        earlier: evidence that was there before: who extends it without a registration may have looked at each step, and
            a registered run that failed counts also where it is there no more.
        history: looks at evidence that was there once.
        past_known: whether `history` is all that was there before `earlier`.
        left_out_pays: whether seeds and SAEs of `earlier` that are shown no more are paid for, where no people are
            asked.
    """
    there = {s.sha256 for s in summaries}
    gone = [s for s in earlier if not s.is_measured and s.sha256 not in there]
    runs = [*summaries, *gone]
    digests: dict[str, str] = {}
    without_saes: dict[str, str] = {}
    announced = [m for dated in registrations for m in dated.registration.measurements]
    if any(m.config is not None for m in announced):
        digests = _digests(config_without_seeds_sha256, runs)
    if any(m.saes_of is not None for m in announced):
        without_saes = _digests(config_without_saes_sha256, filter(_is_given, runs))
    looked_at = _looked_at([*earlier, *summaries], history)
    every = _Everything(runs, digests, without_saes, registrations)
    found = {s.sha256: _standing(s, every, looked_at, past_known) for s in summaries}
    for sha256, left_out in seeds_left_out(summaries, earlier).items() if left_out_pays else ():
        if found[sha256].state == "exploratory":
            found[sha256] = replace(found[sha256], left_out=left_out)
    registered = [s for s in summaries if left_out_pays and found[s.sha256].state == "registered"]
    # A look is announced once: whoever takes it again on other SAEs has looked twice, whatever code trained them.
    for sha256, left_out in seeds_left_out(registered, earlier, any_code=True).items() if registered else ():
        if left_out.same_look:
            found[sha256] = replace(found[sha256], left_out=left_out)
    return found


def _digests(digest: Callable[[Mapping[str, Any]], str], summaries: Iterable[Summary]) -> dict[str, str]:
    """Return sha256 of a summary's bytes -> digest of its configuration; those that share one are digested once."""
    kept = list(summaries)
    configs = {id(summary.config): summary.config for summary in kept}
    known = {place: digest(config) for place, config in configs.items()}
    return {summary.sha256: known[id(summary.config)] for summary in kept}


def begun(registration: Registration, summaries: Iterable[Summary]) -> Summary | None:
    """Return a summary, of any status, that measured a seed of a registration; None where nothing has begun."""
    seeds = set(registration.seeds)
    for summary in summaries:
        digest = config_without_seeds_sha256(summary.config)
        without_saes = config_without_saes_sha256(summary.config) if _is_given(summary) else None
        for one in registration.measurements:
            # Whose SAEs were measured does not matter here: in doubt it has begun.
            if _fits(summary, digest if one.saes_of is None else without_saes, one) and planned_seeds(summary) & seeds:
                return summary
    return None


@dataclass(frozen=True)
class _Everything:
    summaries: Sequence[Summary]
    digests: Mapping[str, str]
    without_saes: Mapping[str, str]
    registrations: Sequence[DatedRegistration]
    _known: dict[Standing, Standing] = field(default_factory=dict)

    def shared(self, standing: Standing) -> Standing:
        """Return the first of all equal standings that were asked for, so that a hundred thousand are one."""
        return self._known.setdefault(standing, standing)

    def of(self, measurement: RegisteredMeasurement) -> list[Summary]:
        return [s for s in self.summaries if self.is_of(s, measurement)]

    def is_of(self, summary: Summary, measurement: RegisteredMeasurement) -> bool:
        if measurement.saes_of is None:
            return _fits(summary, self.digests.get(summary.sha256), measurement)
        if not _fits(summary, self.without_saes.get(summary.sha256), measurement):
            return False
        # A run that failed before it had read its SAEs names none: it may have been this one.
        return not (summary.is_measured or summary.subject.checkpoints) or bool(self.sources(summary, measurement))

    def sources(self, summary: Summary, measurement: RegisteredMeasurement) -> list[Summary]:
        """Return the runs that left the SAEs that a summary measured, every one of them."""
        own = {(one.seed, one.sha256) for one in summary.subject.checkpoints}
        return [
            s
            for s in self.summaries
            if self.digests.get(s.sha256) == measurement.saes_of
            and s.is_measured
            and own
            and own <= {(one.seed, one.sha256) for one in s.subject.checkpoints}
        ]


def _is_given(summary: Summary) -> bool:
    """Whether it measured SAEs from files."""
    return summary.config.get(GIVEN) is not None


def _fits(summary: Summary, digest: str | None, measurement: RegisteredMeasurement) -> bool:
    if summary.kind != measurement.kind:
        return False
    return summary.protocol.name == measurement.protocol if measurement.config is None else digest == measurement.config


def planned_seeds(summary: Summary) -> set[int]:
    """Return the seeds that a run was about; of a failed one those that it planned."""
    return set(summary.protocol.seeds) | {one.seed for one in summary.subject.checkpoints}


def _standing(
    summary: Summary, every: _Everything, looked_at: Mapping[Shape, Mapping[int, int]], past_known: bool
) -> Standing:
    seeds = set(summary.protocol.seeds)
    found: list[tuple[DatedRegistration, RegisteredMeasurement]] = [
        (dated, m) for dated in every.registrations for m in dated.registration.measurements if every.is_of(summary, m)
    ]
    # Where new seeds of one configuration were registered too, the registration is that of the seeds.
    found.sort(key=lambda pair: len(seeds & set(pair[0].registration.seeds)), reverse=True)
    if not found:
        exploratory, choices = every.shared(_unannounced(summary, every)), _of_other_saes(summary, every)
        exploratory = exploratory if choices == 1 else replace(exploratory, choices=choices)
    else:
        dated, measured = found[0]
        late = _too_early(summary, dated)
        if late is None and measured.saes_of is not None:
            # SAEs that were there before may have been chosen for what they were known to give.
            sources = [_too_early(source, dated) for source in every.sources(summary, measured)]
            late = next(iter(sources), None) if all(sources) else None
        if late is None:
            return _as_registered(summary, dated.registration, measured, every)
        exploratory = Standing("exploratory", late, dated.registration)
        # Outside of it, it is no less one of what is compared there, at a look that is; that git does not date it makes
        # nothing cheaper, and excuses nothing.
        if not dated.outside_git:
            held_to = _as_registered(summary, dated.registration, measured, every)
            if dated.since is None and held_to.state == "not_as_registered":
                return held_to
            look = held_to.look or _look_from(len(seeds), dated.registration)
            exploratory = replace(exploratory, look=look, choices=held_to.choices)
    earlier = _fewer(looked_at.get(_shape(summary), {}), seeds)
    return replace(exploratory, earlier_looks=earlier, past_known=past_known) if earlier else exploratory


def _fewer(looks: Mapping[int, int], seeds: Set[int]) -> tuple[int, ...]:
    """Return the sizes of the looks at any of these seeds that had fewer than they are.

    Args:
        looks: seed -> sizes of the looks that had it, one bit each.
        seeds: of one summary.
    """
    sizes = 0
    for seed in seeds:
        sizes |= looks.get(seed, 0)
    sizes &= (1 << len(seeds)) - 1
    found = []
    while sizes:
        last = sizes & -sizes
        found.append(last.bit_length() - 1)
        sizes ^= last
    return tuple(found)


def _look_from(seeds: int, registration: Registration) -> int:
    """Return the number of the first look that has so many seeds, of the last where none has."""
    return next((n for n, count in enumerate(registration.looks, 1) if count >= seeds), len(registration.looks))


def _of_other_saes(summary: Summary, every: _Everything) -> int:
    """Return of how many it may be the best that was measured as registered, of SAEs that no registered run left."""
    digest = every.without_saes.get(summary.sha256)
    return max(
        (
            _choices(dated.registration, one, every)
            for dated in every.registrations
            for one in dated.registration.measurements
            if one.saes_of is not None and _fits(summary, digest, one)
        ),
        default=1,
    )


def _unannounced(summary: Summary, every: _Everything) -> Standing:
    for dated in every.registrations:
        same = next((m for m in dated.registration.measurements if m.kind == summary.kind), None)
        if same is None:
            continue
        fitting = [m for m in dated.registration.measurements if m.saes_of is not None]
        if any(_fits(summary, every.without_saes.get(summary.sha256), m) for m in fitting):
            path = dated.registration.path
            return Standing("exploratory", f"the SAEs of {_PATH} are none that evidence registered by {path} left")
        own = f"protocol {summary.protocol.name}" if same.config is None else "configuration "
        if same.config is not None:
            own += every.digests[summary.sha256][:12]
        said = f"{_PATH} was measured by {own}; {dated.registration.path} registers {same.words}"
        return Standing("exploratory", said, announced_otherwise=(dated.registration.path, same.words))
    return NOT_REGISTERED


def _too_early(summary: Summary, dated: DatedRegistration) -> str | None:
    path = dated.registration.path
    if dated.since is None:
        return f"nothing says when {path} was made: {dated.undated or 'it is in no commit'}"
    if summary.started < dated.since:
        return (
            f"the run of {summary.path} started at {summary.started:%Y-%m-%dT%H:%M:%SZ}, before {path} was on the base "
            f"({dated.since:%Y-%m-%dT%H:%M:%SZ})"
        )
    return None


def _as_registered(
    summary: Summary, registration: Registration, measured: RegisteredMeasurement, every: _Everything
) -> Standing:
    choices = _choices(registration, measured, every)

    def not_as(reason: str) -> Standing:
        return Standing("not_as_registered", reason, registration, choices=choices)

    seeds = set(summary.protocol.seeds)
    look = next((n for n in range(1, len(registration.looks) + 1) if set(registration.seeds_of_look(n)) == seeds), None)
    if not summary.is_measured:
        return not_as(f"the run of {summary.path}, which {registration.path} registers, {_became(summary)}")
    if look is None:
        return not_as(_no_look(summary, registration))
    again = next((run for run in every.of(measured) if _took_the_look_before(run, summary)), None)
    if again is not None:
        own = f"{summary.path} takes look {look} of {registration.path} again"
        return not_as(f"{own}: {again.path} measured other SAEs of the same seeds before")
    wanted = registration.seeds_of_look(look)
    # What was registered for the candidate is one whole: a run that failed or is missing may not be left out.
    for other in registration.measurements:
        if other.candidate is not None and measured.candidate is not None and other.candidate != measured.candidate:
            continue
        broken = _broken(other, wanted, registration, every)
        if broken is not None:
            return not_as(broken)
    count = f"{len(wanted)} of {len(registration.seeds)} seeds"
    said = f"look {look} of {len(registration.looks)} of {registration.path}, {count}"
    return Standing("registered", said, registration, look, choices)


def _took_the_look_before(run: Summary, summary: Summary) -> bool:
    """Whether a run of the same measurement is an earlier one of exactly the same seeds, on other SAEs."""
    if not run.is_measured or set(run.protocol.seeds) != set(summary.protocol.seeds):
        return False
    own = {one.seed: one.sha256 for one in summary.subject.checkpoints}
    others = any(own.get(one.seed, one.sha256) != one.sha256 for one in run.subject.checkpoints)
    return others and (run.started, run.path) < (summary.started, summary.path)


def _no_look(summary: Summary, registration: Registration) -> str:
    seeds, registered = set(summary.protocol.seeds), registration.seeds
    own = f"{summary.path} measured {len(seeds)} seed{'s' * (len(seeds) != 1)}"
    looks = ", ".join(map(str, registration.looks))
    beside = sorted(seeds - set(registered))
    if beside:
        return f"{own}, of which {listed_seeds(beside)} {_are(beside)} not registered by {registration.path}"
    nearest = min((n for n in registration.looks if n >= len(seeds)), default=registration.looks[-1])
    missing = [seed for seed in registered[:nearest] if seed not in seeds]
    return (
        f"{own}, which is no look of {registration.path} (looks after {looks} seeds): "
        f"{listed_seeds(missing)} {_are(missing)} missing"
    )


def _broken(
    measurement: RegisteredMeasurement, wanted: Sequence[int], registration: Registration, every: _Everything
) -> str | None:
    """Return which run of a registered measurement failed, or is not there at this look; None where all are."""
    runs = every.of(measurement)
    measured = {seed for run in runs if run.is_measured for seed in run.protocol.seeds}
    for run in sorted(runs, key=lambda run: run.path):
        failed = sorted((planned_seeds(run) & set(registration.seeds)) - measured)
        if not run.is_measured and failed:
            return (
                f"the run of {listed_seeds(failed)} in {run.path}, which {registration.path} registers, {_became(run)}"
            )
    missing = [seed for seed in wanted if seed not in measured]
    if missing:
        gone = f"{listed_seeds(missing)} {_are(missing)} missing"
        return f"{registration.path} also registers {measurement.words}, of which {gone}"
    return None


def _choices(registration: Registration, measured: RegisteredMeasurement, every: _Everything) -> int:
    """Count the candidates of all registrations that are further tries: of the same claim, or of the same measurement.

    Of one claim every registration of the same kind counts. What measures the very same on other seeds counts whatever
    claim it names: an id costs nothing.
    """
    same = {registration.id: registration}
    for dated in every.registrations:
        other = dated.registration
        if any(
            m.kind == measured.kind and (other.claim == registration.claim or m.evidence == measured.evidence)
            for m in other.measurements
        ):
            same[other.id] = other
    return sum(one.choices for one in same.values())


def _looked_at(summaries: Iterable[Summary], history: Iterable[Look]) -> dict[Shape, dict[int, int]]:
    """Return, for each shape, seed -> on how many seeds the looks that had it were taken: bit n of one on n seeds."""
    measured = ((_shape(one), one.protocol.seeds) for one in summaries if one.is_measured)
    looks = chain(measured, ((look.shape, tuple(look.seeds)) for look in history))
    found: dict[Shape, dict[int, int]] = {}
    # Most things were looked at once, or always on the same seeds: these share one table.
    shared: dict[tuple[int, ...], dict[int, int]] = {}
    several: set[Shape] = set()
    for shape, seeds in looks:
        own = shared.get(seeds)
        if own is None:
            own = shared[seeds] = dict.fromkeys(seeds, 1 << len(set(seeds)))
        sizes = found.setdefault(shape, own)
        if sizes is own:
            continue
        if shape not in several:
            several.add(shape)
            sizes = found[shape] = dict(sizes)
        for seed, size in own.items():
            sizes[seed] = size | sizes.get(seed, 0)
    return found


def _shape(summary: Summary) -> Shape:
    return (summary.kind, *summary.subject.shape)


def look_in(data: bytes) -> Look | None:
    """Return what an older version of an evidence file looked at; None where it measured nothing.

    It is read leniently: what was evidence once may not follow today's schema, and all that it can do is to raise a
    price.
    """
    try:
        document = parse_plain_json(data, "an older version", SUMMARY_LIMITS)
        subject, seeds = document["subject"], document["protocol"]["seeds"]
        if document["status"] not in MEASURED:
            return None
        model = subject["model"]["digest"] or subject["model"]["name"]
        widths = (subject["d_model"], subject["architecture"], subject["d_sae"], subject["k"])
        return Look((document["kind"], model, subject["hook"], *widths), frozenset(map(int, seeds)))
    except (GatekitError, ValueError, TypeError, KeyError):
        return None


def _became(summary: Summary) -> str:
    return f"{'was skipped' if summary.status == 'skipped' else 'failed'}: {summary.reason}"


def listed_seeds(seeds: Sequence[int]) -> str:
    """Return seeds by number, not all where they are many."""
    shown = ", ".join(map(str, seeds[:8])) + (f" and {len(seeds) - 8} more" if len(seeds) > 8 else "")
    return f"seed{'s' * (len(seeds) != 1)} {shown}"


def _are(seeds: Sequence[int]) -> str:
    return "is" if len(seeds) == 1 else "are"
