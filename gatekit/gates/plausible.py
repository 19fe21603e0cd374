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


def constant_control(measure: MeasureSpec, measurement: Measurement, summary: Summary) -> str | None:
    """Return why a control is no measurement of several draws: all of its values are one to rounding; else None."""
    kind = summary.protocol.baseline_kind
    control = measurement.baseline if measurement.baseline is not None else measurement.baseline_values
    if control is None or len(control) < 2 or measurement.design not in ("per_seed", "per_seed_pair"):
        return None
    spread = max(control) - min(control)
    if kind in TRAINED_CONTROLS and spread <= resolution(measurement) and not _may_be_equal(measure, control[0]):
        return f"the {len(control)} values of the control of {measure.name} in {summary.path} are all {control[0]:g}"
    return None


def _may_be_equal(measure: MeasureSpec, value: float) -> bool:
    """Whether equal values over seeds are possible: counts, structural measures, and the ends of a range."""
    return measure.structural or measure.lattice is not None or value in (measure.low, measure.high)
