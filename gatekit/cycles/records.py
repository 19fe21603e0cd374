"""The record of a cycle: an entry of the experiment log, an executive summary and a brief for an advisor.

Every number about a measurement is taken from the verdict, and bound to the evidence behind it with the comments that
`gatekit claims check` reads, so that a document that quotes it goes on being checked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekit.cycles.finishing import stopped_branches
from gatekit.cycles.graph import Graph
from gatekit.cycles.plan import Cycle
from gatekit.cycles.progress import CycleProgress, progress_of
from gatekit.cycles.record_words import audited, chosen, counted, exploratory, meaning, outcome
from gatekit.cycles.snapshot_words import duration
from gatekit.cycles.state import CycleState
from gatekit.errors import GatekitError, Location
from gatekit.evidence.strict_json import JsonLimits, parse_plain_json, read_regular_file
from gatekit.report import inert

NAMES = ("EXPERIMENT_LOG.md", "EXECUTIVE_SUMMARY.md", "ADVISOR_BRIEF.md")
FORMAT = "+.4f"
VERDICT_LIMITS = JsonLimits(size=16 << 20, values=1_000_000)

code, text = inert.markdown_code, inert.markdown_plain


@dataclass(frozen=True)
class Row:
    """One threshold of the final policy."""

    gate: str
    asks: str
    """What of: measure, operator and threshold."""
    outcome: str
    estimate: str
    """With its marker; "-" where there is none."""
    bound: str
    reason: str


def write_records(cycle: Cycle, graph: Graph, state: CycleState, folder: Path, out: Path) -> list[Path]:
    """Write all three files and return them; each is written whole.

    Args:
        cycle: the plan.
        graph: of the plan.
        state: after all records of the ledger.
        folder: of the cycle, with its verdict where there is one.
        out: where they are written.

    Raises:
        GatekitError: the verdict cannot be read.
    """
    progress = progress_of(cycle, graph, state, None)
    verdict = _verdict(folder / "verdict.json") if "check" in state.steps else None
    rows = list(_rows(verdict)) if verdict is not None else []
    found = chosen(cycle, state, None if verdict is None else _subject(verdict))
    texts = (
        _log_entry(cycle, graph, state, progress, rows, folder, found),
        _summary(cycle, state, progress, rows, found),
        _brief(cycle, state, rows, found),
    )
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in zip(NAMES, texts, strict=True):
        temporary = out / f".{name}.{os.getpid()}"
        temporary.write_text(content, encoding="utf-8")
        os.replace(temporary, out / name)
        written.append(out / name)
    return written


def _verdict(path: Path) -> Mapping[str, Any]:
    try:
        data = read_regular_file(path, "verdict", VERDICT_LIMITS.size)
        value = parse_plain_json(data, str(path), VERDICT_LIMITS)
    except GatekitError as error:
        message = f"the verdict cannot be read: {error.message}"
        raise GatekitError("cycle.verdict", message, Location(str(path))) from None
    if not isinstance(value, dict) or not isinstance(value.get("policies"), list):
        raise GatekitError("cycle.verdict", "this is no verdict", Location(str(path)))
    return value


def _subject(verdict: Mapping[str, Any]) -> str | None:
    """Return what was judged, in the verdict's words."""
    return next((str(one["subject"]) for one in verdict["policies"] if one.get("subject")), None)


def _rows(verdict: Mapping[str, Any]) -> Iterator[Row]:
    for policy in verdict["policies"]:
        for gate in policy["gates"]:
            for one in _thresholds(gate["result"]):
                yield _row(gate["name"], one)


def _thresholds(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if result["type"] == "threshold":
        yield result
    else:
        for child in result["children"]:
            yield from _thresholds(child)


def _row(gate: str, one: Mapping[str, Any]) -> Row:
    measured, evidence = one["measured"], one["evidence"]
    estimate = bound = "-"
    if measured is not None:
        side = "upper" if one["low"] is None else "lower"
        estimate, bound = format(measured["estimate"], FORMAT), _number(measured[side])
        plain = evidence is not None and not one["against_base"] and not one["self_reported"]
        if plain and " " not in evidence["path"]:
            # The estimate alone: a bound that pays for a choice is not the one that a document would be shown.
            file = f"{evidence['path']} {one['measure']}"
            estimate = f"<!-- gatekit:value {file} estimate {FORMAT} -->{estimate}<!-- /gatekit:value -->"
        bound = f"{side} {bound} at {100 * measured['confidence']:.4g} %" if measured[side] is not None else "-"
    reason = _missed(one) if one["outcome"] == "fail" and measured is not None else one["reason"]
    return Row(gate, f"{one['effect']} {one['asks']}", one["outcome"], estimate, bound, reason)


def _missed(one: Mapping[str, Any]) -> str:
    """Return why a threshold is not met, and whether the bounds show the opposite or leave it open."""
    lower, upper = one["measured"]["lower"], one["measured"]["upper"]
    if one["low"] is not None and upper is not None and upper < one["low"]:
        return f"the opposite is shown: at most {_number(upper)}"
    if one["high"] is not None and lower is not None and lower > one["high"]:
        return f"the opposite is shown: at least {_number(lower)}"
    return f"{one['reason']}; the bounds leave open whether it holds"


def _number(value: float | None) -> str:
    return "-" if value is None else format(value, FORMAT)


def _log_entry(
    cycle: Cycle,
    graph: Graph,
    state: CycleState,
    progress: CycleProgress,
    rows: Sequence[Row],
    folder: Path,
    found: Sequence[str],
) -> str:
    # Of small letters, digits and hyphens, so there is nothing in it to escape.
    lines = [f"## {cycle.id}", "", text(cycle.description, 1000), ""]
    lines += [
        f"* plan: {code(cycle.path)}, sha256 {code(cycle.sha256)}",
        *(f"* {phase} seeds: {', '.join(map(str, seeds))}" for phase, seeds in cycle.seeds.items()),
        f"* begun: {_time(progress.begun)}; ended: {_time(progress.rested)}; recorded: {_time(progress.at)}",
        f"* device hours: {progress.device_hours:.3g}",
        f"* outcome: {text(outcome(state), 1000)}",
        f"* evidence: {code(str(folder / 'evidence'))}; ledger: {code(str(folder / 'ledger.jsonl'))}",
        *([f"* dossier: {code(str(folder / 'dossier'))}"] if "dossier" in state.steps else []),
        *found,
        *exploratory(cycle),
        *audited(state),
        "",
        "| stage | branch | phase | runner | state | time | attempts |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, task in graph.tasks.items():
        one = state.tasks[name]
        took = "-" if one.seconds is None else duration(one.seconds)
        cells = [code(task.stage), code(task.branch), task.phase, code(task.runner), one.state.replace("_", " ")]
        lines.append(f"| {' | '.join(cells)} | {took} | {one.attempts} |")
    return "\n".join([*lines, *_ended(progress), *_gates(rows)]) + "\n"


def _summary(
    cycle: Cycle, state: CycleState, progress: CycleProgress, rows: Sequence[Row], found: Sequence[str]
) -> str:
    lines = [f"# {cycle.id}: executive summary", "", text(cycle.description, 1000), ""]
    lines += [f"**Outcome: {text(outcome(state), 1000)}.** {meaning(state)}", *found, *exploratory(cycle)]
    lines += ["", counted(progress.counts)]
    return "\n".join([*lines, *_gates(rows), *_ended(progress), *audited(state)]) + "\n"


def _brief(cycle: Cycle, state: CycleState, rows: Sequence[Row], found: Sequence[str]) -> str:
    passed = [row for row in rows if row.outcome == "pass"]
    failed = [row for row in rows if row.outcome == "fail"]
    open_ones = [row for row in rows if row.outcome == "inconclusive"]
    lines = [f"# {cycle.id}: brief for an advisor", "", f"Question: {text(cycle.description, 1000)}", ""]
    lines += [f"Verdict: {text(outcome(state), 1000)}. {meaning(state)}", *found, *exploratory(cycle)]
    for title, several in (
        ("Thresholds that are met", passed),
        ("Thresholds that are not met", failed),
        ("Thresholds that could not be decided", open_ones),
    ):
        lines += ["", f"## {title}", ""]
        lines += [_sentence(row) for row in several] or ["Nothing."]
    lines += ["", "## What was tried and stopped", ""]
    stopped = [
        f"* {code(f'{stage.name}/{branch}')}: {text(reason, 1000)}"
        for stage in cycle.stages.values()
        if stage.branches_of is None
        for branch, reason in stopped_branches(cycle, state, stage).items()
    ]
    lines += stopped or ["Nothing was stopped."]
    kept = [stage for stage in cycle.stages.values() if stage.record is not None]
    if kept:
        lines += ["", "## What was measured and not judged", ""]
        lines += [f"* {code(stage.name)}: {text(stage.record or '')}" for stage in kept]
    return "\n".join([*lines, *audited(state)]) + "\n"


def _sentence(row: Row) -> str:
    measured = "" if row.estimate == "-" else f"{row.estimate} ({row.bound}); "
    return f"* {code(row.gate)}: {code(row.asks)}: {measured}{text(row.reason, 500)}"


def _gates(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return ["", "No policy judged it."]
    lines = ["", "| gate | asks | outcome | estimate | bound |", "|---|---|---|---|---|"]
    return [
        *lines,
        *(f"| {code(row.gate)} | {code(row.asks)} | {row.outcome} | {row.estimate} | {row.bound} |" for row in rows),
    ]


def _ended(progress: CycleProgress) -> list[str]:
    lines: list[str] = []
    for title, several in (("Stopped", progress.stopped), ("Failed, or not run for that", progress.failed)):
        if several:
            lines += ["", f"### {title}", "", *(f"* {code(name)}: {text(why, 1000)}" for name, why in several)]
    return lines


def _time(moment: Any) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
