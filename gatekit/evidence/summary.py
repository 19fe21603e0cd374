"""The Summary: what one runner measured on one subject, as typed, checked, immutable data.

A Summary that exists has passed the schema and every check of `checks.py`; it does not establish that the numbers were
measured honestly, only that the file is whole and does not contradict itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import Any, Literal, get_args, overload

from gatekit.evidence.canonical import sha256_of_parsed, sha256_of_shared
from gatekit.evidence.divergence import why_diverged
from gatekit.evidence.families import Families, families_of, families_of_column, others_than
from gatekit.evidence.source_digest import By
from gatekit.kinds import Kind, MeasureSpec

Design = Literal["per_seed", "per_seed_pair", "per_seed_dataset", "per_seed_row", "reported"]

_DESIGNS: Mapping[str, Design] = {design: design for design in get_args(Design)}

KEY_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "per_seed": ("seed",),
    "per_seed_pair": ("seed_a", "seed_b"),
    "per_seed_dataset": ("seed", "dataset"),
    "per_seed_row": ("seed", "row"),
}

MEASURED = ("ok", "diverged")
"""Statuses of a summary that holds measurements."""

Kept = dict[object, Any]
"""What many summaries have in common (keys of observations, protocols, configurations), so that each is held once."""

SHAPE_FIELDS = ("model", "hook", "d_model", "architecture", "d_sae", "k")
"""Names of the parts of `Subject.shape`, in its order."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The trained weights of one seed."""

    seed: int
    sha256: str


class Checkpoints(Sequence[Checkpoint]):
    """The checkpoints of one subject in order of seed, held as bytes: evidence of 100,000 subjects holds 500,000.

    Args:
        seeds: in increasing order.
        digests: sha256 of each, 64 lower-case hex digits.
    """

    __slots__ = ("_digests", "_seeds")

    def __init__(self, seeds: tuple[int, ...], digests: Iterable[str]) -> None:
        self._seeds = seeds
        self._digests = bytes.fromhex("".join(digests))

    def __len__(self) -> int:
        return len(self._seeds)

    @overload
    def __getitem__(self, index: int) -> Checkpoint: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Checkpoint]: ...

    def __getitem__(self, index: int | slice) -> Checkpoint | Sequence[Checkpoint]:
        return tuple(self)[index]

    def __iter__(self) -> Iterator[Checkpoint]:
        text = self._digests.hex()
        return (Checkpoint(seed, text[64 * place : 64 * place + 64]) for place, seed in enumerate(self._seeds))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Checkpoints) and (self._seeds, self._digests) == (other._seeds, other._digests)

    def __hash__(self) -> int:
        return hash(self._digests)

    def __repr__(self) -> str:
        return repr(tuple(self))


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A repository file that a measurement depends on."""

    sha256: str
    """When the run started."""
    by: By | None
    """What was digested; None in evidence of the time before that was recorded."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What was measured; two subjects are the same exactly when their digests are."""

    model_name: str
    model_digest: str | None
    """sha256 over the weight files; None only in evidence imported as reported."""
    hook: str
    d_model: int
    architecture: str
    d_sae: int
    k: int | None
    checkpoints: Checkpoints
    digest: str
    """sha256 of the RFC 8785 form of everything above but the model's name, which may differ between folders; evidence
    without a model digest has only the name to go by and keeps it."""

    @property
    def shape(self) -> tuple[str | int | None, ...]:
        """What two subjects share that only their training tells apart: model, hook, widths and architecture."""
        model = self.model_digest or self.model_name
        return (model, self.hook, self.d_model, self.architecture, self.d_sae, self.k)

    @property
    def words(self) -> str:
        """The subject in one line for people."""
        sparsity = f" k={self.k}" if self.k is not None else ""
        return (
            f"{self.model_name} {self.hook} {self.architecture} d_sae={self.d_sae}{sparsity} "
            f"x{len(self.checkpoints)} seeds [{self.digest[:12]}]"
        )


@dataclass(frozen=True, slots=True)
class SubjectSelection:
    """How the subject was chosen: best of `candidates` on `seeds`."""

    candidates: int
    seeds: tuple[int, ...]
    other_datasets: bool = False
    """Whether it was made on datasets that are said, and of which none, and no near copy, is measured here."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """What makes two numbers comparable."""

    name: str
    seeds: tuple[int, ...]
    rows: int
    datasets: tuple[str, ...]
    ks: tuple[int, ...]
    baseline_kind: str
    baseline_subject: Subject | None
    selection: SubjectSelection
    settings: Mapping[str, str | float | bool | None]
    digest: str
    comparable: str
    """Digest of everything but the seeds, the families and how the subject was selected: two SAEs measured alike share
    it."""
    alike: str
    """Digest of what `comparable` covers, without the settings."""
    control_subjects: Mapping[int, Subject] = field(default_factory=dict)
    """Where the control was made on several re-initialised models that are named: seed of the model -> its SAEs."""


@dataclass(frozen=True, slots=True)
class Reported:
    """Another tool's own numbers, without the observations behind them."""

    estimate: float
    lower: float | None
    upper: float | None
    confidence: float | None
    n_seeds: int | None
    source: str = field(compare=False)
    """Where the number stood; equal numbers from two files agree."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A named set of observations."""

    name: str
    unit: str
    direction: Literal["higher", "lower"]
    low: float
    high: float
    design: Design
    keys: tuple[tuple[int | str, ...], ...]
    """Per observation: (seed,), (seed_a, seed_b), (seed, dataset) or (seed, row); empty when reported."""
    candidate: tuple[float, ...]
    baseline: tuple[float, ...] | None
    """The control's value for the same key."""
    baseline_keys: tuple[tuple[int, ...], ...] | None
    """Keys of an unpaired control group, when there is one."""
    baseline_values: tuple[float, ...] | None
    reported: Reported | None
    families: tuple[str, ...] | None = None
    """Per observation: the family of its dataset or row; None where the protocol states none for this design."""
    trials: int | None = None
    """So many trials are behind each value, where values are fractions of a fixed and small number of them."""
    control_models: tuple[float, ...] | None = None
    """Where the control was made on several re-initialised models: its mean over all keys on each of them, in the
    order of `control_model_seeds`."""
    control_model_seeds: tuple[int, ...] | None = None
    """Of those models, in increasing order."""
    denominator: tuple[float, ...] | None = None
    """Of a ratio of means: what the mean of `candidate` is divided by the mean of, one per observation."""

    @property
    def effects(self) -> tuple[float, ...]:
        """Per observation: candidate minus paired baseline, or the candidate itself; of a ratio its part of the ratio.

        Their mean is the effect of every design: a ratio's candidates are divided by the mean of all denominators.
        """
        if self.denominator is not None:
            below = math.fsum(self.denominator) / len(self.denominator)
            return tuple(above / below for above in self.candidate)
        if self.baseline is None:
            return self.candidate
        return tuple(c - b for c, b in zip(self.candidate, self.baseline, strict=True))

    @property
    def estimate(self) -> float:
        """Mean effect; every design is complete, so the plain mean is the estimate of each."""
        if self.reported is not None:
            return self.reported.estimate
        mean = math.fsum(self.effects) / len(self.effects)
        if self.baseline_values is not None:
            mean -= math.fsum(self.baseline_values) / len(self.baseline_values)
        return mean

    @property
    def seeds(self) -> tuple[int, ...]:
        """Distinct seeds of the candidate, in increasing order; empty when reported."""
        columns = 2 if self.design == "per_seed_pair" else 1
        return tuple(sorted({int(part) for key in self.keys for part in key[:columns]}))


@dataclass(frozen=True, slots=True)
class Summary:
    """One evidence file that passed every check."""

    path: str
    sha256: str
    """sha256 of the file's bytes."""
    kind: str
    table: Kind = field(repr=False)
    """What can be measured of this kind, whether or not it was."""
    status: Literal["ok", "diverged", "failed", "skipped"]
    """`diverged` also of a file that says `ok` and whose observations show otherwise, as older ones do."""
    reason: str | None
    subject: Subject
    protocol: Protocol
    measurements: Mapping[str, Measurement]
    started: datetime
    finished: datetime
    git_commit: str | None
    git_dirty: bool | None
    device: str
    config: Mapping[str, Any] = field(repr=False)
    """What the run was configured with, as its producer states it."""
    sources: Mapping[str, SourceFile] | None
    """Repository files that the measurement depends on, as they were when it started; None when it does not say."""

    @property
    def is_measured(self) -> bool:
        """Whether the run ended with measurements, of whatever worth."""
        return self.status in MEASURED

    @property
    def has_observations(self) -> bool:
        """Whether anything here was measured by the runner itself, rather than reported by another tool."""
        return any(measurement.reported is None for measurement in self.measurements.values())


def subject_from(document: Mapping[str, Any], kept: Kept | None = None) -> Subject:
    """Build a Subject from its schema-valid JSON form; `kept` as for `summary_from`."""
    seeds = tuple([int(checkpoint["seed"]) for checkpoint in document["checkpoints"]])
    seeds = seeds if kept is None else kept.setdefault(seeds, seeds)
    digest = document["model"]["digest"]
    identity = {**document, "model": document["model"]["name"] if digest is None else {"digest": digest}}
    return Subject(
        model_name=document["model"]["name"],
        model_digest=document["model"]["digest"],
        hook=intern(document["hook"]),
        d_model=int(document["d_model"]),
        architecture=intern(document["architecture"]),
        d_sae=int(document["d_sae"]),
        k=None if document["k"] is None else int(document["k"]),
        checkpoints=Checkpoints(seeds, [checkpoint["sha256"] for checkpoint in document["checkpoints"]]),
        digest=sha256_of_parsed(identity),
    )


# strptime alone would also take the digits of other scripts, single digits and a small t or z.
_TIME = re.compile("([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z", re.ASCII)


@lru_cache(maxsize=1000)
def parse_time(text: str) -> datetime:
    """Read a UTC time such as 2026-02-16T01:48:20Z; raises ValueError for another form or a day that does not exist."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"not a UTC time: {text[:40]!r}")
    year, month, day, hour, minute, second = map(int, found.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _protocol_from(document: Mapping[str, Any], kept: Kept) -> Protocol:
    digest = sha256_of_shared(document)
    known: Protocol | None = kept.get(("protocol", digest))
    if known is not None:
        return known
    baseline, selection = document["baseline"], document["selection"]
    # Families say how far the numbers generalise, and change none of them.
    measured = {k: v for k, v in document.items() if k not in ("seeds", "selection", "baseline", "families")}
    measured["baseline"] = baseline["kind"]
    without_settings = {k: v for k, v in measured.items() if k != "settings"}
    protocol = Protocol(
        name=document["name"],
        seeds=tuple(map(int, document["seeds"])),
        rows=int(document["rows"]),
        datasets=tuple(dataset["name"] for dataset in document["datasets"]),
        ks=tuple(map(int, document["ks"])),
        baseline_kind=baseline["kind"],
        baseline_subject=None if baseline["subject"] is None else subject_from(baseline["subject"]),
        control_subjects={
            int(model["random_model_seed"]): subject_from(model["subject"]) for model in baseline.get("models", ())
        },
        selection=SubjectSelection(
            candidates=int(selection["candidates"]),
            seeds=tuple(map(int, selection["seeds"])),
            other_datasets=others_than(selection.get("datasets", ()), document["datasets"]),
        ),
        settings=document["settings"],
        digest=digest,
        comparable=sha256_of_parsed(measured),
        alike=sha256_of_parsed(without_settings),
    )
    kept["protocol", digest] = protocol
    return protocol


def _measurement_from(spec: MeasureSpec, document: Mapping[str, Any], families: Families, kept: Kept) -> Measurement:
    design = _DESIGNS[document["design"]]
    columns = document.get("columns")
    group = document.get("baseline_columns")
    models = document.get("baseline_models")
    # Two runs may list one set of models in any order.
    drawn = (
        None if models is None else sorted(zip(map(int, models["random_model_seed"]), models["values"], strict=True))
    )
    reported = document.get("reported")
    keys: tuple[tuple[int | str, ...], ...] = ()
    candidate: tuple[float, ...] = ()
    baseline: tuple[float, ...] | None = None
    group_keys: tuple[tuple[int, ...], ...] | None = None
    group_values: tuple[float, ...] | None = None
    if columns is not None:
        # A number such as 3.0 is an integer to JSON Schema; keys are compared as the integers they are.
        parts = [columns[key] if key == "dataset" else map(int, columns[key]) for key in KEY_COLUMNS[design]]
        keys = tuple(zip(*parts, strict=True))
        keys = kept.setdefault(keys, keys)
        candidate = _column(columns["candidate"])
        if "baseline" in columns:
            baseline = _column(columns["baseline"])
    if group is not None:
        group_keys = tuple(zip(*(map(int, group[key]) for key in KEY_COLUMNS[design]), strict=True))
        group_values = tuple(map(float, group["value"]))
    return Measurement(
        name=spec.name,
        unit=intern(document["unit"]),
        direction=spec.direction,
        low=spec.low,
        high=spec.high,
        design=design,
        keys=keys,
        candidate=candidate,
        baseline=baseline,
        baseline_keys=group_keys,
        baseline_values=group_values,
        reported=None if reported is None else _reported_from(reported),
        families=families_of_column(families, design, [key[-1] for key in keys]),
        control_models=None if drawn is None else tuple(math.fsum(own) / len(own) for _, own in drawn),
        control_model_seeds=None if drawn is None else tuple(seed for seed, _ in drawn),
        trials=_trials(spec),
    )


def _column(values: Sequence[float]) -> tuple[float, ...]:
    column = tuple(map(float, values))
    # What is the same for every seed, as the active latents of a TopK SAE, is held once; 0.0 also equals -0.0.
    first = column[0] if column else 0.0
    return (first,) * len(column) if first and column.count(first) == len(column) else column


def _reported_from(document: Mapping[str, Any]) -> Reported:
    def number(key: str) -> float | None:
        return None if document[key] is None else float(document[key])

    return Reported(
        estimate=float(document["estimate"]),
        lower=number("lower"),
        upper=number("upper"),
        confidence=number("confidence"),
        n_seeds=None if document["n_seeds"] is None else int(document["n_seeds"]),
        source=document["source"],
    )


def with_ratios(kind: Kind, measurements: Mapping[str, Measurement]) -> dict[str, Measurement]:
    """Return the measurements with every ratio of means that can be computed from them.

    What a file itself says of such a measure counts only where it is another tool's own number: observations of a ratio
    are ratios of observations, whose mean is another quantity.
    """
    found = dict(measurements)
    for spec in kind.measures:
        if spec.ratio_of is None:
            continue
        given = found.pop(spec.name, None)
        computed = _ratio(spec, measurements)
        if computed is not None:
            found[spec.name] = computed
        elif given is not None and given.reported is not None:
            found[spec.name] = given
    return dict(sorted(found.items()))


def _ratio(spec: MeasureSpec, measurements: Mapping[str, Measurement]) -> Measurement | None:
    parts = spec.ratio_of
    if parts is None or parts.numerator not in measurements or parts.denominator not in measurements:
        return None
    above, below = measurements[parts.numerator], measurements[parts.denominator]
    column = below.baseline if parts.of_baseline else below.candidate
    if above.design != spec.design or above.design != below.design or column is None:
        return None
    of_key = dict(zip(below.keys, column, strict=True))
    denominator = tuple(of_key.get(key, math.nan) - parts.less for key in above.keys)
    # Written so that a key that one of the two lacks, NaN here, is no ratio either. Where the mean is 0 or below there
    # is nothing of which a share could be meant.
    if not math.fsum(denominator) > 0.0:
        return None
    return Measurement(
        name=spec.name,
        unit=spec.unit,
        direction=spec.direction,
        low=spec.low,
        high=spec.high,
        design=spec.design,
        keys=above.keys,
        candidate=above.effects,
        baseline=None,
        baseline_keys=None,
        baseline_values=None,
        reported=None,
        families=above.families,
        denominator=denominator,
    )


def _trials(spec: MeasureSpec) -> int | None:
    """Return of how many trials a value is a fraction; a share of latents is no share of independent trials."""
    return spec.lattice if isinstance(spec.lattice, int) and spec.range == (0, 1) else None


def _by_name(kind: Kind, measurements: Mapping[str, Any]) -> list[tuple[MeasureSpec, Mapping[str, Any]]]:
    return [(kind.by_name[name], measurements[name]) for name in sorted(measurements)]


def summary_from(document: Mapping[str, Any], path: str, sha256: str, kind: Kind, kept: Kept | None = None) -> Summary:
    """Build a Summary from JSON that passed the schema and `checks.check_document`.

    Args:
        document: the JSON.
        path: of its file.
        sha256: of the file's bytes.
        kind: whose table it follows.
        kept: filled, and looked in for what an earlier summary already holds.
    """
    kept = {} if kept is None else kept
    protocol = _protocol_from(document["protocol"], kept)
    families: Families | None = kept.get(("families", protocol.digest))
    if families is None:
        families = kept["families", protocol.digest] = families_of(document["protocol"])
    producer = document["producer"]
    commit = producer["git"]["commit"]
    status, reason = document["status"], document.get("reason")
    if status == "ok":
        reason = why_diverged(kind, document["measurements"])
        status = "ok" if reason is None else "diverged"
    sources: dict[str, SourceFile] | None = None
    if producer.get("sources") is not None:
        listed = tuple([(one["path"], one["sha256"], one.get("by")) for one in producer["sources"]])
        sources = kept.get(("sources", listed))
        if sources is None:
            sources = {path: SourceFile(sha256, by) for path, sha256, by in listed}
            kept["sources", listed] = sources
    return Summary(
        path=path,
        sha256=sha256,
        kind=kind.name,
        table=kind,
        status=intern(status),  # type: ignore[arg-type]  # mypy: intern returns a str
        reason=reason,
        subject=subject_from(document["subject"], kept),
        protocol=protocol,
        measurements=with_ratios(
            kind,
            {
                spec.name: _measurement_from(spec, measured, families, kept)
                for spec, measured in _by_name(kind, document["measurements"])
            },
        ),
        started=parse_time(producer["started"]),
        finished=parse_time(producer["finished"]),
        git_commit=None if commit is None else intern(commit),
        git_dirty=producer["git"]["dirty"],
        device=intern(producer["device"]),
        config=kept.setdefault(("config", producer["config_sha256"]), producer["config"]),
        sources=sources,
    )
