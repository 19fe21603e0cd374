"""What evidence says of itself and cannot be so: no gate is judged on it."""

from __future__ import annotations

from datetime import timedelta

from gatekit.evidence.summary import Measurement, Summary
from gatekit.gates.spread import resolution
from gatekit.kinds import MeasureSpec

LONGEST_RUN = timedelta(days=180)
"""From start to finish. Longer, and the start says nothing of when the measurement was made."""
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
    if summary.protocol.rows == 0:
        return f"{summary.path} says that its values were computed on 0 rows"
    if not measure.compares:
        return None
    kind = summary.protocol.baseline_kind
    if kind == "unknown":
        return (
            f"{summary.path} does not say what its baseline is, so {measure.name} compares with nothing that is known"
        )
    return None


def constant_side(measure: MeasureSpec, measurement: Measurement, summary: Summary) -> str | None:
    """Return why a comparison is of no several draws: all values of one side are one to rounding; else None.

    A difference takes its spread from either side, so that one value copied under all pairs of seeds, beside a control
    that was measured, shows some. Per seed a candidate may be one, as one transformer is for every seed of its control.
    """
    control = measurement.baseline if measurement.baseline is not None else measurement.baseline_values
    if control is None or measurement.design not in ("per_seed", "per_seed_pair"):
        return None
    sides = {"control": control} if summary.protocol.baseline_kind in TRAINED_CONTROLS else {}
    if measurement.design == "per_seed_pair":
        sides["candidate"] = measurement.candidate
    for name, values in sides.items():
        is_one = len(values) > 1 and max(values) - min(values) <= resolution(measurement)
        if is_one and not _may_be_equal(measure, values[0]):
            return f"the {len(values)} values of the {name} of {measure.name} in {summary.path} are all {values[0]:g}"
    return None


def _may_be_equal(measure: MeasureSpec, value: float) -> bool:
    """Whether equal values over seeds are possible: counts, structural measures, and the ends of a range."""
    return measure.structural or measure.lattice is not None or value in (measure.low, measure.high)
