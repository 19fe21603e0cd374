"""A gate and its outcome in full sentences, with the observations behind it; the caller makes the lines inert."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime

from gatekit.evidence.summary import KEY_COLUMNS, Measurement, Summary
from gatekit.gates.effect import effect_of
from gatekit.gates.regression import difference_to
from gatekit.gates.verdict import CombinedResult, EvidenceUsed, GateResult, RuleResult, ThresholdResult
from gatekit.kinds.measure_spec import NO_UNIT
from gatekit.policy import Combined, Gate, Policy, Rule, Threshold
from gatekit.policy.limits import exact, sides
from gatekit.report import inert
from gatekit.report.explanation.outlook import LEVELS, POWER, outlook
from gatekit.report.verdict.wording import (
    OUTCOMES,
    UNREACHABLE,
    gate_marks,
    number,
    outcome_words,
    rule_marks,
    value_needed,
)

MOST_ROWS = 20
"""A longer table of observations is cut in the middle, and says so."""

COMBINATIONS = {
    "all_of": "all of these hold",
    "any_of": "at least one of these holds",
    "first_of": "the first of these that was measured holds",
}


def explanation(
    policy: Policy, gate: Gate, result: GateResult, summaries: Sequence[Summary], now: datetime, width: int
) -> Iterator[str]:
    """Yield the lines of the explanation of one gate.

    Args:
        policy: the gate's policy.
        gate: as the policy has it.
        result: what `evaluate` made of it.
        summaries: everything that was read, the base branch's included: the observations are taken from these.
        now: aware UTC time that ages are told at.
        width: columns to wrap sentences to; tables and quoted lines stay whole.
    """
    yield f"gate {gate.name} of policy {policy.id}: {outcome_words(result)}"
    if gate.description is not None:
        yield from _wrapped(gate.description, width)
    for mark in gate_marks(result):
        yield from _wrapped(f"note: {mark}", width)
    yield ""
    yield from _rule_in_words(gate, width)
    rules = list(_thresholds(gate.rule, result.result))
    seen: set[str] = set()
    for index, (rule, judged) in enumerate(rules, start=1):
        yield ""
        label = f"{index}. " if len(rules) > 1 else ""
        yield f"{label}{judged.effect.name} {judged.effect.asks}: {OUTCOMES[judged.outcome]}"
        yield from _judgement(rule, judged, summaries, seen, now, width)


def _thresholds(rule: Rule, result: RuleResult) -> Iterator[tuple[Threshold, ThresholdResult]]:
    """Yield every threshold with its result, in the order of the file."""
    if isinstance(rule, Threshold):
        assert isinstance(result, ThresholdResult)
        yield rule, result
        return
    assert isinstance(result, CombinedResult)
    for part, judged in zip(rule.rules, result.children, strict=True):
        yield from _thresholds(part, judged)


def _rule_in_words(gate: Gate, width: int) -> Iterator[str]:
    if isinstance(gate.rule, Threshold):
        yield from _wrapped(
            f"{gate.name} passes when{',' if gate.rule.is_bounded else ''} {_condition(gate.rule)}.", width, ""
        )
        return
    yield f"{gate.name} passes when {COMBINATIONS[gate.rule.operator]}:"
    yield from _listed(gate.rule, iter(range(1, 10_000)), "  ", width)


def _listed(rule: Combined, numbers: Iterator[int], indent: str, width: int) -> Iterator[str]:
    for part in rule.rules:
        if isinstance(part, Threshold):
            label = f"{indent}{next(numbers)}. "
            yield from _wrapped(f"{_condition(part)}.", width, label, " " * len(label))
        else:
            yield f"{indent}{COMBINATIONS[part.operator]}:"
            yield from _listed(part, numbers, indent + "  ", width)


def _condition(rule: Threshold) -> str:
    """Return a threshold as a clause: "with one-sided confidence 0.95 over seeds, x.y is at least 0, ..."."""
    effect = effect_of(rule)
    compared = f"is {effect.clause}"
    if rule.point:
        clause = f"the estimate of {effect.name} itself, without a confidence bound, {compared}"
    elif rule.optimistic:
        clause = (
            f"not shown, with one-sided confidence {rule.judged_confidence:.6g} over {_factors(rule)}, to be missed: "
            f"{effect.name} {compared}"
        )
    elif rule.every_seed:
        clause = f"{effect.name}, without a confidence bound, {compared}"
    else:
        clause = (
            f"with one-sided confidence {rule.judged_confidence:.6g} over {_factors(rule)}, {effect.name} {compared}"
        )
    if rule.min_seeds > 1:
        clause += f", on {rule.min_seeds} or more seeds"
    if rule.min_random_models > 1:
        clause += f", beside a control on {rule.min_random_models} or more re-initialised models"
    if rule.protocol is not None:
        clause += f", by protocol {rule.protocol}"
    clause += ", from evidence "
    if rule.max_age is None:
        clause += "of any age"
    else:
        hours = rule.max_age.total_seconds() / 3600
        clause += f"at most {f'{hours / 24:g} days' if hours % 24 == 0 and hours > 24 else f'{hours:g} hours'} old"
    if rule.allow_reported:
        clause += " (another tool's own number, without observations, is accepted)"
    if rule.alternatives > 1 and rule.optimistic:
        clause += f", as one of {rule.alternatives} rules that stop alone"
    elif rule.alternatives > 1 and rule.is_bounded:
        clause += f", paying for {rule.alternatives} alternatives"
    if rule.selected_from > 1:
        clause += f", paying for a choice among {rule.selected_from} candidates"
    return clause


def _factors(rule: Threshold) -> str:
    """Return what the bound speaks about beyond what was measured."""
    level = LEVELS.get(rule.measure.design)
    if level is None:
        return "seeds"
    names = [f"{factor}s" for factor in ("seed", level) if factor in rule.generalize_over]
    return " and ".join(names) or "seeds"


def _summary_of(used: EvidenceUsed | None, summaries: Sequence[Summary]) -> Summary | None:
    if used is None:
        return None
    return next((s for s in summaries if (s.path, s.sha256) == (used.path, used.sha256)), None)


def _judgement(
    rule: Threshold, judged: ThresholdResult, summaries: Sequence[Summary], seen: set[str], now: datetime, width: int
) -> Iterator[str]:
    measure = rule.measure
    low, high = measure.effect_range
    yield from _row("measures", measure.description, width)
    values = f"{exact(low)} to {exact(high)}"
    unit = f"From {values}" if measure.unit == NO_UNIT else f"In {measure.unit}, {values}"
    yield from _row("", f"{unit}; {measure.direction} is better.", width)
    yield from _row("policy", str(rule.limit_location), width)
    if rule.limit_location.source_line is not None:
        yield " " * 15 + rule.limit_location.source_line.strip()
    summary = _summary_of(judged.evidence, summaries)
    base = _summary_of(judged.base_evidence, summaries)
    measurement = summary.measurements.get(measure.name) if summary is not None else None
    if summary is not None:
        yield from _source("evidence", summary, seen, now, width)
    if base is not None and measurement is not None:
        yield from _source("base", base, seen, now, width)
        measurement = difference_to(measurement, base.measurements[measure.name], rule.common_seeds)
    if measurement is not None:
        yield ""
        yield from _observations(measurement)
    yield ""
    for name, text in _numbers(rule, judged):
        yield from _row(name, text, width)
    yield from _row("outcome", f"{OUTCOMES[judged.outcome]}: {judged.reason}", width)
    for mark in rule_marks(judged):
        yield from _row("note", mark, width)
    for index, sentence in enumerate(outlook(rule, judged, measurement)):
        yield from _row("" if index else "what if" if judged.measured is not None else "remedy", sentence, width)


def _source(label: str, summary: Summary, seen: set[str], now: datetime, width: int) -> Iterator[str]:
    known = summary.path in seen
    seen.add(summary.path)
    yield from _row(label, f"{summary.path}{', as above' * known}", width)
    if not known:
        age = (now - summary.finished).total_seconds() / 86400
        digest = f"sha256 {summary.sha256[:16]}..."
        yield from _row("", f"{digest}, protocol {summary.protocol.name}, {age:.1f} days old", width)
        yield from _row("", summary.subject.words, width)


def _numbers(rule: Threshold, judged: ThresholdResult) -> Iterator[tuple[str, str]]:
    measured = judged.measured
    if measured is None:
        yield "threshold", judged.effect.asks
        return
    yield "estimate", number(measured.estimate)
    if rule.point:
        yield "bound", "none: the policy compares the estimate itself"
    else:
        for side in sides(rule.limits):
            bound = side.bound(*judged.compared)
            if bound is not None:
                yield ("upper bound" if side.upper != rule.optimistic else "lower bound"), number(bound)
    yield "threshold", judged.effect.asks
    yield "margin", number(measured.margin, signed=True)
    seeds = "an unstated number of seeds" if measured.n_seeds is None else f"{measured.n_seeds} seeds"
    yield "n", f"{seeds}, {'as reported' if judged.self_reported else f'{measured.n_observations} observations'}"
    confidence = "" if measured.confidence is None else f"; one-sided confidence {measured.confidence:g}"
    yield "method", measured.method + confidence
    needed = value_needed(judged)
    if needed == UNREACHABLE:
        yield "power", f"{needed} would have passed with probability {POWER:g}: too few seeds for this threshold"
    elif needed is not None:
        yield "power", f"a true {judged.effect.noun} of {needed} would have passed with probability {POWER:g}"


def _observations(measurement: Measurement) -> Iterator[str]:
    """Yield the observations as a table, cut in the middle when it is long."""
    reported = measurement.reported
    if reported is not None:
        yield f"  reported by another tool, without observations: {reported.source}"
        return
    keys = KEY_COLUMNS[measurement.design]
    names = [*keys, "candidate"]
    columns = [[str(key[i]) for key in measurement.keys] for i in range(len(keys))]
    columns.append([number(value) for value in measurement.candidate])
    if measurement.baseline is not None:
        names += ["baseline", "difference"]
        columns.append([number(value) for value in measurement.baseline])
        columns.append([number(value, signed=True) for value in measurement.effects])
    yield from _table(names, columns)
    if measurement.baseline_keys is not None and measurement.baseline_values is not None:
        yield "  baseline group, compared unpaired:"
        group = [[str(key[i]) for key in measurement.baseline_keys] for i in range(len(keys))]
        yield from _table([*keys, "baseline"], [*group, [number(value) for value in measurement.baseline_values]])


def _table(names: Sequence[str], columns: Sequence[Sequence[str]]) -> Iterator[str]:
    rows = list(zip(*columns, strict=True))
    hidden = len(rows) - MOST_ROWS
    shown = rows if hidden <= 0 else [*rows[: MOST_ROWS // 2], *rows[-MOST_ROWS // 2 :]]
    # A dataset's name has at most 128 characters; more than 40 would push the numbers off the screen.
    cut = [tuple(map(_shortened, row)) for row in shown]
    widths = [max(map(len, column)) for column in zip(names, *cut, strict=True)]
    yield "  " + "  ".join(name.rjust(size) for name, size in zip(names, widths, strict=True))
    for index, row in enumerate(cut):
        if hidden > 0 and index == MOST_ROWS // 2:
            yield f"  ... {hidden} more rows of {len(rows)} are not shown; they count all the same"
        yield "  " + "  ".join(cell.rjust(size) for cell, size in zip(row, widths, strict=True))


def _shortened(cell: str) -> str:
    return cell if len(cell) <= 40 else f"{cell[:37]}..."


def _row(name: str, text: str, width: int) -> list[str]:
    return _wrapped(text, width, f"  {name:<12} ", " " * 15)


def _wrapped(text: str, width: int, indent: str = "  ", later: str | None = None) -> list[str]:
    # Made inert before it is wrapped: a line end in a path is shown as one, not taken for a space.
    return textwrap.wrap(
        inert.terminal(text, limit=None),
        width,
        initial_indent=indent,
        subsequent_indent=indent if later is None else later,
        break_long_words=False,
        break_on_hyphens=False,
    )
