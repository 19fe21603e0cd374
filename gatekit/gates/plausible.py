"""What evidence says of itself and cannot be so: no gate is judged on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from gatekit.evidence.summary import Measurement, Summary
from gatekit.gates.spread import resolution
from gatekit.kinds import MeasureSpec

LONGEST_RUN = timedelta(days=180)
"""From start to finish. Longer, and the start says nothing of when the measurement was made."""
FEWEST_OF_TWO = 5
"""Draws from which two values in all are no measurement."""
TRAINED_CONTROLS = ("random_model", "random_sae", "untrained", "matched_sae", "transcoder")
"""Kinds of baseline with a draw of their own per seed: equal values to the last digit are no measurement of them."""


def implausible(measure: MeasureSpec, summary: Summary) -> str | None:
    """Return why a measurement cannot be what its file says; None where nothing of it is impossible.

    Args:
        measure: what a rule is about.
        summary: the file that holds it.
    """
    if summary.finished - summary.started > LONGEST_RUN:
        days = (summary.finished - summary.started).days
        return f"{summary.path} started {days} days before it finished; the longest run is {LONGEST_RUN.days} days"
    rows = summary.protocol.rows
    if rows == 0 or (rows == 1 and measure.design != "per_seed_row"):
        return f"{summary.path} says that its values were computed on {rows} row{'s' * (rows != 1)}"
    if not measure.compares:
        return None
    kind = summary.protocol.baseline_kind
    if kind == "none":
        return f"{summary.path} says that it has no baseline, so {measure.name} compares with nothing"
    if kind == "unknown":
        return (
            f"{summary.path} does not say what its baseline is, so {measure.name} compares with nothing that is known"
        )
    return None


def constant_side(measure: MeasureSpec, measurement: Measurement, summary: Summary) -> str | None:
    """Return why a comparison is of no several draws: all values of one side are one, or one of two; else None.

    A difference takes its spread from either side, so that one value copied under all seeds, or pairs of them, beside a
    control that was measured, shows some. Where the candidate is one for every seed of its control, as one transformer
    is, the measure says so.
    """
    control, control_keys = measurement.baseline, measurement.keys
    if control is None:
        control, control_keys = measurement.baseline_values, measurement.baseline_keys or ()
    if control is None or measurement.design == "reported":
        return None
    sides = {"control": (control_keys, control)} if summary.protocol.baseline_kind in TRAINED_CONTROLS else {}
    if not measure.one_candidate:
        sides["candidate"] = (measurement.keys, measurement.candidate)
    floor = resolution(measurement)
    for name, (keys, values) in sides.items():
        drawn = _by_level(measurement.design, keys, values)
        is_one = any(len(own) > 1 for own in drawn) and all(max(own) - min(own) <= floor for own in drawn)
        if is_one and not all(_may_be_equal(measure, own[0]) for own in drawn):
            said = f"{values[0]:g}" if len(drawn) == 1 else "the same for every seed"
            return f"the {len(values)} values of the {name} of {measure.name} in {summary.path} are all {said}"
        one, other = min(values), max(values)
        if _takes_two_values(measurement.design, values, floor) and not any(
            _may_be_equal(measure, value) for value in (one, other)
        ):
            said = f"are all {one:g} or {other:g}"
            return f"the {len(values)} values of the {name} of {measure.name} in {summary.path} {said}"
    return None


def _takes_two_values(design: str, values: Sequence[float], floor: float) -> bool:
    """Whether draws of what varies are all at one of two values: five or more do not meet there by themselves.

    Of datasets and rows, on which a score may be a count over few, nothing is said.
    """
    if design not in ("per_seed", "per_seed_pair") or len(values) < FEWEST_OF_TWO:
        return False
    low, high = min(values), max(values)
    return high - low > floor and all(value - low <= floor or high - value <= floor for value in values)


def _by_level(design: str, keys: Sequence[tuple[int | str, ...]], values: Sequence[float]) -> Sequence[Sequence[float]]:
    """Return the values of all seeds, or pairs of them, of each dataset or row; of other designs they are together."""
    found: dict[int | str | None, list[float]] = {}
    for key, value in zip(keys, values, strict=True):
        found.setdefault(key[1] if design in ("per_seed_dataset", "per_seed_row") else None, []).append(value)
    return list(found.values())


def _may_be_equal(measure: MeasureSpec, value: float) -> bool:
    """Whether equal values over seeds are possible: counts, structural measures, and the ends of a range."""
    return measure.structural or measure.lattice is not None or value in (measure.low, measure.high)
