"""A control that was made on several re-initialised models: whole, of distinct models, and with the mean it says.

A model is one draw. The same weights, or the same SAEs, under two seeds would count as two, and their spread as less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gatekit.errors import GatekitError

Refuse = Callable[[str, str, str], GatekitError]

POINTER = "/protocol/baseline/models"
_SHAPE = ("hook", "d_model", "architecture", "d_sae", "k")


def check_named_models(document: Mapping[str, Any], refuse: Refuse) -> None:
    """Refuse models that a protocol names and that are not distinct, of one shape, or those that were measured.

    Args:
        document: schema-valid.
        refuse: makes the error of an id, a message and a JSON pointer.

    Raises:
        GatekitError: `summary.*`, with the place.
    """
    baseline = document["protocol"]["baseline"]
    models: Sequence[Mapping[str, Any]] | None = baseline.get("models")
    if models is None:
        return
    if baseline["kind"] != "random_model":
        raise refuse("control_models", f"a baseline '{baseline['kind']}' is on no re-initialised model", POINTER)
    first = models[0]["subject"]
    if baseline["subject"] != first:
        raise refuse("control_models", "the first of 'models' is not the baseline's subject", f"{POINTER}/0/subject")
    seeds: dict[int, int] = {}
    weights: dict[str, int] = {document["subject"]["model"]["digest"] or "": -1}
    saes: dict[str, int] = {entry["sha256"]: -1 for entry in document["subject"]["checkpoints"]}
    for place, model in enumerate(models):
        seed, subject, at = int(model["random_model_seed"]), model["subject"], f"{POINTER}/{place}"
        if seeds.setdefault(seed, place) != place:
            raise refuse("duplicate_model", f"model {seed} is there twice", f"{at}/random_model_seed")
        differing = next((name for name in _SHAPE if subject[name] != first[name]), None)
        if differing is not None:
            message = f"{differing} is {subject[differing]!r} on model {seed} and {first[differing]!r} on the first"
            raise refuse("control_models", message, f"{at}/subject/{differing}")
        digest = subject["model"]["digest"]
        if digest is None:
            raise refuse("unidentified", "a re-initialised model needs its digest", f"{at}/subject/model/digest")
        _once(weights, digest, place, models, "these are the weights of", f"{at}/subject/model/digest", refuse)
        for index, entry in enumerate(subject["checkpoints"]):
            where = f"{at}/subject/checkpoints/{index}/sha256"
            _once(saes, entry["sha256"], place, models, "this SAE is one of", where, refuse)
    for name, measurement in document["measurements"].items():
        measured = measurement.get("baseline_models")
        if measured is not None and {int(seed) for seed in measured["random_model_seed"]} != set(seeds):
            message = "other models than the protocol's baseline names"
            raise refuse("control_models", message, f"/measurements/{name}/baseline_models/random_model_seed")


def _once(
    seen: dict[str, int],
    digest: str,
    place: int,
    models: Sequence[Mapping[str, Any]],
    what: str,
    pointer: str,
    refuse: Refuse,
) -> None:
    """Refuse a digest that stood before: -1 is the candidate's."""
    before = seen.setdefault(digest, place)
    if before == place:
        return
    other = "the candidate" if before < 0 else f"model {models[before]['random_model_seed']}"
    raise refuse("model_repeated", f"{what} {other}: it is no other draw", pointer)


def check_control_models(measurement: Mapping[str, Any], tolerance: float, pointer: str, refuse: Refuse) -> None:
    """Refuse models that are the same, that lack an observation, or whose mean is not the paired baseline.

    Args:
        measurement: schema-valid, its `columns` of equal length.
        tolerance: relative, of a mean.
        pointer: to `baseline_models`.
        refuse: makes the error of an id, a message and a JSON pointer.

    Raises:
        GatekitError: `summary.*`, with the place.
    """
    models = measurement.get("baseline_models")
    if models is None:
        return
    seeds, columns = models["random_model_seed"], models["values"]
    baseline = measurement["columns"].get("baseline")
    if baseline is None:
        raise refuse("no_baseline", "there is no paired baseline that could be the mean of these", pointer)
    if len(seeds) != len(columns):
        raise refuse("column_length", f"{len(seeds)} models have {len(columns)} columns of values", pointer)
    low, high = measurement["range"]
    seen: dict[int, int] = {}
    for place, (seed, values) in enumerate(zip(seeds, columns, strict=True)):
        if seen.setdefault(seed, place) != place:
            raise refuse("duplicate_model", f"model {seed} is there twice", f"{pointer}/random_model_seed/{place}")
        if len(values) != len(baseline):
            message = f"model {seed} has {len(values)} values for {len(baseline)} observations"
            raise refuse("column_length", message, f"{pointer}/values/{place}")
        for index, value in enumerate(values):
            if not low <= value <= high:
                message = f"{value} is outside [{low:g}, {high:g}]"
                raise refuse("out_of_range", message, f"{pointer}/values/{place}/{index}")
        # Where a measure takes one or two values only, two models may well agree on all of them.
        if values in columns[:place] and len(set(values)) > 2:
            first = columns.index(values)
            message = f"models {seeds[first]} and {seed} have the same values: one model under two names"
            raise refuse("model_repeated", message, f"{pointer}/values/{place}")
    for index, stated in enumerate(baseline):
        mean = math.fsum(values[index] for values in columns) / len(columns)
        if not abs(stated - mean) <= tolerance * max(1.0, abs(mean)):
            message = f"the baseline says {stated!r}, the mean of its models is {mean!r}"
            raise refuse("model_mean", message, f"{pointer}/values/0/{index}")
