"""The number that a binding must show, taken from the evidence as the gates take it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gatekit.claims.bindings import ValueBinding
from gatekit.claims.statistic import Bound, Observation, StatisticError, render
from gatekit.errors import GatekitError, did_you_mean
from gatekit.evidence.summary import KEY_COLUMNS, Measurement, Summary
from gatekit.exit_codes import ExitCode
from gatekit.gates.bounds import effective_confidence, interval, level_generalised

FACTORS = ("seed", "dataset", "row")
"""A printed bound generalises over all that its design has, as a policy's default does."""


@dataclass(frozen=True)
class ExpectedText:
    """What a binding must show."""

    value: float
    text: str
    """The value in the binding's format."""


def shown(binding: ValueBinding, summaries: Mapping[str, Summary]) -> ExpectedText:
    """Return the number behind a binding.

    Args:
        binding: of a document.
        summaries: by path relative to the registry.

    Raises:
        GatekitError: with exit code INCONCLUSIVE where the evidence does not hold the number (`claims.no_evidence`,
            `claims.run_failed`, `claims.not_measured`, `claims.no_bound`), and with REFUSED where no evidence could
            (`claims.unknown_measure`, `claims.observation`, `claims.format`).
    """
    summary = summaries.get(binding.file)
    if summary is None:
        remedy = did_you_mean(binding.file, summaries) or "paths are relative to claims.yaml"
        raise _missing(binding, "no_evidence", f"no evidence at '{binding.file}'", remedy)
    if not summary.is_measured:
        raise _missing(binding, "run_failed", f"the run of {binding.file} {summary.status}: {summary.reason}")
    measurement = summary.measurements.get(binding.measure)
    if measurement is None:
        known = summary.table.by_name
        if binding.measure in known:
            raise _missing(binding, "not_measured", f"{binding.file} holds no {binding.measure}")
        remedy = did_you_mean(binding.measure, known) or f"known: {', '.join(sorted(known))}"
        raise _refused(binding, "unknown_measure", f"unknown measure '{binding.measure}' of {summary.kind}", remedy)
    value = _value(binding, summary, measurement)
    try:
        return ExpectedText(value, render(value, binding.format))
    except StatisticError as error:
        raise _refused(binding, "format", str(error), error.remedy) from None


def _value(binding: ValueBinding, summary: Summary, measurement: Measurement) -> float:
    statistic = binding.statistic
    if isinstance(statistic, Bound):
        return _bound(binding, statistic, summary, measurement)
    if isinstance(statistic, Observation):
        return _observation(binding, statistic, measurement)
    if statistic == "estimate":
        # The gates' own estimate, so that prose and verdict agree to the last digit.
        return interval(measurement, 0.95, FACTORS).estimate
    if statistic == "n":
        n = measurement.reported.n_seeds if measurement.reported is not None else len(measurement.seeds)
        if n is None:
            raise _missing(binding, "not_measured", f"{binding.file} does not say how many seeds it has")
        return float(n)
    values = measurement.candidate if statistic == "candidate" else _baseline(measurement)
    if not values:
        raise _missing(binding, "not_measured", f"{binding.measure} in {binding.file} has no {statistic} observations")
    return math.fsum(values) / len(values)


def _bound(binding: ValueBinding, statistic: Bound, summary: Summary, measurement: Measurement) -> float:
    over_levels = level_generalised(measurement, FACTORS) is not None
    confidence, candidates = effective_confidence(statistic.confidence, summary.protocol, 1, over_levels=over_levels)
    reported = measurement.reported
    if reported is not None and reported.confidence != confidence:
        told = (
            "does not say at which confidence"
            if reported.confidence is None
            else f"bounds it at {reported.confidence:g}"
        )
        asked = f"{confidence:g}" if candidates == 1 else f"{confidence:g}, as the best of {candidates} candidates"
        raise _missing(binding, "no_bound", f"{binding.file} reports another tool's number and {told}, not at {asked}")
    bounds = interval(measurement, confidence, FACTORS)
    value = bounds.lower if statistic.side == "lower" else bounds.upper
    if value is None:
        raise _missing(binding, "no_bound", f"{binding.measure} in {binding.file} has no bound: {bounds.method}")
    return value


def _baseline(measurement: Measurement) -> tuple[float, ...]:
    return measurement.baseline or measurement.baseline_values or ()


def _observation(binding: ValueBinding, statistic: Observation, measurement: Measurement) -> float:
    if measurement.reported is not None:
        raise _missing(binding, "not_measured", f"{binding.measure} in {binding.file} is reported without observations")
    columns = KEY_COLUMNS[measurement.design]
    given = dict(statistic.key)
    if set(given) != set(columns):
        raise _refused(
            binding,
            "observation",
            f"an observation of {binding.measure} is named by {' and '.join(columns)}, not by {' and '.join(given)}",
        )
    key = tuple(given[column] for column in columns)
    keys: tuple[tuple[int | str, ...], ...] = measurement.keys
    values = measurement.candidate
    if statistic.column == "baseline":
        if measurement.baseline is None and measurement.baseline_keys is not None:
            keys = measurement.baseline_keys
        values = _baseline(measurement)
    if not values or key not in keys:
        named = ", ".join(f"{column}={given[column]}" for column in columns)
        what = "baseline" if statistic.column == "baseline" else "observation"
        raise _missing(binding, "not_measured", f"{binding.measure} in {binding.file} has no {what} at {named}")
    return values[keys.index(key)]


def _missing(binding: ValueBinding, error_id: str, message: str, remedy: str | None = None) -> GatekitError:
    return GatekitError(f"claims.{error_id}", message, binding.marker_location, remedy, ExitCode.INCONCLUSIVE)


def _refused(binding: ValueBinding, error_id: str, message: str, remedy: str | None = None) -> GatekitError:
    return GatekitError(f"claims.{error_id}", message, binding.marker_location, remedy)
