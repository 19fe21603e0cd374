"""The re-initialised models of a control: one, or several, which are then a random factor of what is compared with it.

One draw of a model's weights says nothing of another. With several the same seeds of SAEs are trained on each, every
difference is to the mean of the models, and the value on each model stands beside it, so that the gate can bound for
models that were not drawn (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import TYPE_CHECKING

from runners.summary_writing import Json, measurement

if TYPE_CHECKING:
    from runners.arms.activations import Activations

MOST = 64
"""Models of one control: their seeds stand in one setting of the protocol."""
ONE, SEVERAL = "random_model_seed", "random_model_seeds"
"""Keys of a configuration."""

Columns = tuple[Sequence[float], Sequence[Sequence[float]]]
"""Candidate of one measure, and its control: none, one, or one for each re-initialised model."""


def model_seeds(one: int | None, several: Sequence[int] | None) -> tuple[int, ...]:
    """Return the seeds of all models that are re-initialised here, in increasing order; none where none is."""
    if several is not None:
        return tuple(several)
    return () if one is None else (one,)


def seed_faults(
    block: str, one: int | None, several: Sequence[int] | None
) -> list[tuple[str | tuple[str, ...], str, bool]]:
    """Return what may be wrong with the two keys, as `runners.places.refuse_first` takes it.

    Args:
        block: of the configuration, in which they stand.
        one: `random_model_seed`.
        several: `random_model_seeds`.
    """
    place = f"{block}.{SEVERAL}"
    listed = [] if several is None else list(several)
    return [
        (
            (place, f"{block}.{ONE}"),
            f"'{SEVERAL}' stands beside '{ONE}': leave one of them out",
            one is not None and several is not None,
        ),
        (
            place,
            f"'{SEVERAL}' must be at least two, different and in increasing order; one model is '{ONE}'",
            several is not None and (len(listed) < 2 or listed != sorted(set(listed))),
        ),
        (place, f"'{SEVERAL}' names {len(listed)} models; at most {MOST} are one control", len(listed) > MOST),
    ]


def seed_settings(seeds: Sequence[int]) -> Json:
    """Return which models a protocol names; where there is one, as it did before there could be several."""
    return {SEVERAL: ", ".join(map(str, seeds))} if len(seeds) > 1 else {ONE: next(iter(seeds), None)}


def arm_name(seed: int | None, seeds: Sequence[int]) -> str:
    """Return what the SAEs on one of the models are called among the artifacts."""
    return f"random_model_{seed}" if len(seeds) > 1 else "random_model"


def without_weights(inputs: Activations) -> Activations:
    """Return the stored activations of a model without the model, so that not all of several are held in memory."""
    source = inputs.source
    return replace(inputs, source=replace(source, model=replace(source.model, bridge=None, network=None)))


def baseline_json(kind: str, seeds: Sequence[int], subjects: Sequence[Json]) -> Json:
    """Return a protocol's baseline.

    Args:
        kind: of the baseline.
        seeds: of the models, where it was measured on several.
        subjects: the SAEs on each model, in the same order; none before anything is measured.
    """
    found: Json = {"kind": kind, "subject": next(iter(subjects), None)}
    if len(subjects) > 1:
        pairs = zip(seeds, subjects, strict=True)
        found["models"] = [{ONE: seed, "subject": subject} for seed, subject in pairs]
    return found


def compared(
    kind: str,
    name: str,
    keys: Mapping[str, Sequence[int | str]],
    candidate: Sequence[float],
    controls: Sequence[Sequence[float]],
    seeds: Sequence[int],
) -> Json:
    """Return one measurement beside its control, on one model or on several.

    Args:
        kind: of the summary.
        name: of the measure.
        keys: key column -> one entry per observation.
        candidate: one value per observation.
        controls: none, one, or the control's value for the same key on each of the models.
        seeds: of the models; read where there are several.
    """
    if len(controls) < 2:
        return measurement(kind, name, keys, candidate, next(iter(controls), None))
    columns = [[float(value) for value in values] for values in controls]
    mean = [fsum(values) / len(columns) for values in zip(*columns, strict=True)]
    found = measurement(kind, name, keys, candidate, mean)
    if len(seeds) != len(columns):
        raise ValueError(f"{len(columns)} columns of {len(seeds)} models")
    return {**found, "baseline_models": {ONE: list(seeds), "values": columns}}
