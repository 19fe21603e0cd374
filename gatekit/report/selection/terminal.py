"""A selection for people at a terminal: aligned plain text, ASCII only, nothing in it steers the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from gatekit.candidates import Robustness, SelectionResult
from gatekit.report import inert
from gatekit.report.selection.wording import (
    columns,
    grid_words,
    headline,
    range_words,
    rows,
    stands,
    what_gates_judge,
    why_selected,
)
from gatekit.report.verdict.terminal import error_lines, joined, wrapped

INDENT = "  "


def render(selected: SelectionResult, robust: Robustness | None, width: int) -> str:
    """Return the report, ending in exactly one line that starts with `selection: `."""
    lines = list(_lines(selected, robust, width))
    lines.append(f"selection: {inert.terminal(headline(selected), 1000)}")
    return "\n".join(lines) + "\n"


def _lines(selected: SelectionResult, robust: Robustness | None, width: int) -> Iterator[str]:
    yield f"selection by policy {inert.terminal(selected.policy.id)}  {inert.terminal(selected.policy.path)}"
    yield ""
    if selected.candidates:
        yield f"{INDENT}rank   score  {'outcome':<12}  front  candidate"
    headings = columns(selected)
    for row, candidate in zip(rows(selected), selected.candidates, strict=True):
        name = inert.terminal(row.candidate)
        yield f"{INDENT}{row.rank:>4}  {row.score:>6}  {row.standing:<12}  {row.front:<5}  {name}"
        values = [f"{heading} {value}" for heading, value in zip(headings, row.values, strict=True)]
        yield from _wrapped(", ".join(values), INDENT * 8, width)
        for reason in candidate.reasons:
            yield from _wrapped(reason, INDENT * 8, width)
    if any(value.clamped for candidate in selected.candidates for value in candidate.values):
        yield f"{INDENT}* outside its scale, counts as the nearer end"
    winner = selected.winner
    if winner is not None and robust is not None:
        yield ""
        for sentence in (*why_selected(selected, winner), what_gates_judge(selected)):
            yield from _wrapped(sentence, INDENT, width)
        yield ""
        yield f"{INDENT}the choice stands while this number alone stays in"
        listed = [range_words(stand) for stand in stands(robust)]
        sizes = [max(len(row[i]) for row in listed) for i in range(2)]
        for what, now, within in listed:
            yield f"{INDENT * 2}{inert.terminal(what):<{sizes[0]}}  {now:>{sizes[1]}}  {within}"
        yield from _wrapped(grid_words(robust), INDENT, width)
    if selected.errors:
        yield ""
        yield "errors"
        for error in selected.errors:
            yield from (joined(line, color=False) for line in error_lines(error, width))
    yield ""


def _wrapped(text: str, indent: str, width: int) -> Iterator[str]:
    yield from (joined(line, color=False) for line in wrapped(text, indent, width))
