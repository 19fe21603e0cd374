"""The Summary: what one runner measured on one subject, as typed, checked, immutable data.

A Summary that exists has passed the schema and every check of `checks.py`; it does not establish that the numbers were
measured honestly, only that the file is whole and does not contradict itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import Any, Literal, overload

from gatekit.evidence.source_digest import By
from gatekit.kinds import Kind

Design = Literal["per_seed", "per_seed_pair", "per_seed_dataset", "per_seed_row", "reported"]

KEY_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "per_seed": ("seed",),
    "per_seed_pair": ("seed_a", "seed_b"),
    "per_seed_dataset": ("seed", "dataset"),
    "per_seed_row": ("seed", "row"),
}

MEASURED = ("ok", "diverged")
"""Statuses of a summary that holds measurements."""

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
        return map(Checkpoint, self._seeds, self.digests)

    @property
    def digests(self) -> list[str]:
        """The sha256 of each, in order of seed."""
        text = self._digests.hex()
        return [text[place : place + 64] for place in range(0, len(text), 64)]

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
        parts = chain.from_iterable(self.keys) if self.design == "per_seed_pair" else map(itemgetter(0), self.keys)
        return tuple(sorted(set(map(int, parts))))


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
