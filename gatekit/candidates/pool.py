"""Who is compared: summaries grouped by subject, and refused where they were not measured alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gatekit.errors import GatekitError, Location
from gatekit.evidence.summary import Measurement, Protocol, Subject, Summary
from gatekit.gates.bounds import chosen_from
from gatekit.gates.evaluate import matches
from gatekit.policy.model import Policy, Selection, Threshold, thresholds


@dataclass(frozen=True)
class Candidate:
    """One subject and everything that was measured on it."""

    subject: Subject
    summaries: tuple[Summary, ...]
    """In the order of their paths; whole, with every seed."""

    def on(self, seeds: Sequence[int] | None) -> tuple[Summary, ...]:
        """Return the summaries with the observations of these seeds alone; None for all."""
        return self.summaries if seeds is None else tuple(on_seeds(s, seeds) for s in self.summaries)

    def compared(self, seeds: Sequence[int] | None) -> int:
        """Return of how many this candidate was already the best, on observations that decide here; 1 when of none."""
        return max([1, *(chosen_from(summary.protocol, over_levels=False) for summary in self.on(seeds))])


def candidates_from(policy: Policy, selection: Selection, summaries: Iterable[Summary]) -> list[Candidate]:
    """Return the candidates of a policy's subject filter, in the order of their digests.

    Only kinds of summary that the selection reads count: a subject of which nothing else was measured is none.
    """
    kinds = kinds_read(policy, selection)
    by_subject: dict[str, list[Summary]] = {}
    for summary in sorted(summaries, key=lambda s: s.path):
        if summary.kind in kinds and matches(policy.subject, summary):
            by_subject.setdefault(summary.subject.digest, []).append(summary)
    return [Candidate(group[0].subject, tuple(group)) for _, group in sorted(by_subject.items())]


def kinds_read(policy: Policy, selection: Selection) -> set[str]:
    """Return the kinds of summary that a selection reads: of its values and of its eligibility gates."""
    gates = [gate for gate in policy.gates if gate.name in selection.eligibility]
    return {value.kind for value in values_of(selection)} | {
        rule.kind for gate in gates for rule in thresholds(gate.rule)
    }


def values_of(selection: Selection) -> list[Threshold]:
    """Return what a selection reads, each once: what is scored, then the rest of the Pareto table and of the ties."""
    found: dict[tuple[object, ...], Threshold] = {}
    for value in (*(score.value for score in selection.scores), *selection.pareto, *selection.ties):
        found.setdefault(value_key(value), value)
    return list(found.values())


def value_key(value: Threshold) -> tuple[str, str, bool, str | None]:
    """What makes two values of a selection the same value."""
    return (value.kind, value.measure.name, value.point, value.protocol)


def on_seeds(summary: Summary, seeds: Iterable[int]) -> Summary:
    """Return a summary with the observations of some seeds alone, those of its control group included.

    Another tool's number cannot be taken apart by seed and is left out.
    """
    wanted = frozenset(seeds)
    protocol = replace(summary.protocol, seeds=tuple(seed for seed in summary.protocol.seeds if seed in wanted))
    kept = {name: _on(m, wanted) for name, m in summary.measurements.items() if m.reported is None}
    return replace(summary, protocol=protocol, measurements=kept)


def _on(measurement: Measurement, wanted: frozenset[int]) -> Measurement:
    # A pair stays only if both of its seeds do; elsewhere the first part of a key is the seed.
    columns = 2 if measurement.design == "per_seed_pair" else 1
    rows = [i for i, key in enumerate(measurement.keys) if wanted.issuperset(key[:columns])]
    control_keys, control = measurement.baseline_keys, measurement.baseline_values
    baseline = None
    if measurement.baseline is not None:
        baseline = tuple(measurement.baseline[i] for i in rows)
    keys = tuple(measurement.keys[i] for i in rows)
    candidate = tuple(measurement.candidate[i] for i in rows)
    families = measurement.families
    own = replace(
        measurement,
        keys=keys,
        candidate=candidate,
        baseline=baseline,
        families=None if families is None else tuple(families[i] for i in rows),
    )
    if control_keys is None or control is None:
        return own
    others = [i for i, key in enumerate(control_keys) if wanted.issuperset(key[:columns])]
    return replace(
        own,
        baseline_keys=tuple(control_keys[i] for i in others),
        baseline_values=tuple(control[i] for i in others),
    )


def pool_errors(candidates: Sequence[Candidate], selection: Selection) -> list[GatekitError]:
    """Return what makes candidates incomparable: checkpoints that two share, and values by two protocols."""
    errors = list(_shared_checkpoints(candidates))
    for value in values_of(selection):
        errors += _protocols(candidates, value, selection.may_differ)
    # Several values can lead to the same error; it is told once.
    return list({(error.message, str(error.location)): error for error in errors}.values())


def _shared_checkpoints(candidates: Sequence[Candidate]) -> Iterable[GatekitError]:
    first: dict[str, Candidate] = {}
    told: set[tuple[str, str]] = set()
    for candidate in sorted(candidates, key=lambda c: c.summaries[0].path):
        for checkpoint in candidate.subject.checkpoints:
            # The first candidate that has a checkpoint owns it.
            other = first.setdefault(checkpoint.sha256, candidate)
            pair = (other.subject.digest, candidate.subject.digest)
            if other is candidate or pair in told:
                continue
            told.add(pair)
            yield GatekitError(
                "candidates.shared_checkpoint",
                f"seed {checkpoint.seed} is also a checkpoint of the candidate in {other.summaries[0].path}: "
                "one SAE would stand for two",
                Location(candidate.summaries[0].path, pointer="/subject/checkpoints"),
                "give the summaries of one set of seeds only: the extended one, where seeds were added",
            )


def _protocols(candidates: Sequence[Candidate], value: Threshold, may_differ: Sequence[str]) -> Iterable[GatekitError]:
    """Yield an error where a value was measured in two ways: no mean over both is taken, and neither is preferred."""
    name = value.measure.name
    first: Summary | None = None
    for candidate in sorted(candidates, key=lambda c: c.summaries[0].path):
        own: Summary | None = None
        for summary in candidate.summaries:
            protocol = summary.protocol
            if summary.kind != value.kind or name not in summary.measurements:
                continue
            if value.protocol not in (None, protocol.name):
                continue
            first, own = first or summary, own or summary
            differs = _difference(first.protocol, protocol, may_differ)
            # Within one candidate even the baseline must agree, or two numbers would answer for one value.
            if differs is None and own.protocol.digest != protocol.digest:
                differs = "the baseline or the selection"
                first = own
            if differs is not None:
                yield GatekitError(
                    "candidates.two_protocols",
                    f"{value.effect} was measured otherwise than in {first.path}: {differs}",
                    Location(summary.path, pointer="/protocol"),
                    "measure all candidates alike, name one with `protocol:` in the policy, or leave one out",
                )
                return


def _difference(one: Protocol, other: Protocol, may_differ: Sequence[str]) -> str | None:
    """Return in words what makes two protocols incomparable, None when nothing does."""
    # The policy may name settings that belong to a candidate, such as its learning rate, and not to the measuring.
    settings = [{k: v for k, v in p.settings.items() if k not in may_differ} for p in (one, other)]
    if one.alike == other.alike and settings[0] == settings[1]:
        return None
    if one.name != other.name:
        return f"protocol {one.name} there, {other.name} here"
    if one.baseline_kind != other.baseline_kind:
        return f"baseline {one.baseline_kind} there, {other.baseline_kind} here"
    if len(one.datasets) != len(other.datasets):
        return f"{len(one.datasets)} datasets there, {len(other.datasets)} here"
    if one.rows != other.rows:
        return f"{one.rows} rows there, {other.rows} here"
    if one.alike != other.alike:
        return "other datasets or ks"
    changed = sorted(k for k in settings[0].keys() | settings[1].keys() if settings[0].get(k) != settings[1].get(k))
    return f"settings {', '.join(changed)}"
