"""A control that was made on several re-initialised models: whole, of distinct models, and with the mean it says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from gatekit.errors import GatekitError


def check_control_models(
    measurement: Mapping[str, Any], tolerance: float, pointer: str, refuse: Callable[[str, str, str], GatekitError]
) -> None:
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
