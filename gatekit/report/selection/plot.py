"""The Pareto plot of a selection as PNG and SVG; needs matplotlib, which is no part of the gate.

The same selection always gives the same bytes with the same matplotlib. Colour only repeats what marks and labels say.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gatekit.candidates import CandidateStatus, ComparedCandidate, SelectionResult, Value
from gatekit.gates.effect import effect_of
from gatekit.policy.model import Threshold

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SELECTED, FRONT, BEHIND, OUT = "#0b6e4f", "#1f4e8c", "#7a7a7a", "#b5651d"
"""Told apart in grey and by people who see no red or green; each has a mark of its own beside it."""
MARKS = {SELECTED: "*", FRONT: "o", BEHIND: "s", OUT: "x"}
LABELS = {SELECTED: "selected", FRONT: "on the front", BEHIND: "dominated", OUT: "not ranked"}
NAMED = 16
DRAWN = 100
"""Candidates, the best first: nobody tells more marks apart, and each takes a hundredth of a second in each panel."""
PANELS = 4
"""The first measurement against at most so many others."""


def draw(selected: SelectionResult) -> dict[str, bytes]:
    """Return `pareto.png` and `pareto.svg`: the first axis of the Pareto table against each of the others.

    Each of the first `DRAWN` candidates stands at its estimates under its number, with a line to the bound that was
    compared. One that lacks a value on an axis is left out of that panel and named under it.
    """
    axes = selected.selection.pareto
    others: list[Threshold | None] = [*axes[1 : PANELS + 1]] or [None]
    with matplotlib.rc_context({"svg.hashsalt": "gatekit", "svg.fonttype": "path", "text.parse_math": False}):
        figure = Figure(figsize=(max(6.4, 5.6 * len(others)), 5.6), layout="constrained")
        for position, other in enumerate(others):
            _panel(figure.add_subplot(1, len(others), position + 1), selected, axes[0], other)
        drawn = "Candidates" if len(selected.candidates) <= DRAWN else f"The first {DRAWN} candidates"
        figure.suptitle(f"{drawn} of policy {selected.policy.id}: estimates, with a line to the compared bound")
        figure.legend(handles=_key(selected), loc="outside lower center", ncols=2 * len(others), fontsize=8)
        return {
            "pareto.png": _saved(figure, "png", {"Software": None}),
            "pareto.svg": _saved(figure, "svg", {"Date": None, "Creator": None}),
        }


def _key(selected: SelectionResult) -> list[Line2D]:
    """Return the first `NAMED` candidates with their marks; pareto.md lists all."""
    handles = []
    for number, candidate in enumerate(selected.candidates[:NAMED], 1):
        color = _color(candidate)
        label = f"{number} {candidate.subject.architecture} [{candidate.subject.digest[:6]}] {LABELS[color]}"
        handles.append(Line2D([], [], color=color, marker=MARKS[color], linestyle="none", label=label))
    if len(selected.candidates) > NAMED:
        handles.append(Line2D([], [], linestyle="none", label=f"and {len(selected.candidates) - NAMED} more"))
    return handles


def _saved(figure: Figure, form: str, metadata: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format=form, dpi=120, metadata=metadata)
    return stream.getvalue()


def _panel(axes: Axes, selected: SelectionResult, x: Threshold, y: Threshold | None) -> None:
    left_out = []
    front: list[tuple[float, float]] = []
    for number, candidate in enumerate(selected.candidates[:DRAWN], 1):
        values = [_value(candidate, axis) for axis in (x, y) if axis is not None]
        if any(value.value is None or value.estimate is None for value in values):
            left_out.append(number)
            continue
        color = _color(candidate)
        places = [value.estimate or 0.0 for value in values] + ([] if y is not None else [float(-number)])
        bounds = [value.value or 0.0 for value in values]
        axes.plot([places[0], bounds[0]], [places[1]] * 2, color=color, linewidth=1.2, alpha=0.7)
        if y is not None:
            axes.plot([places[0]] * 2, [places[1], bounds[1]], color=color, linewidth=1.2, alpha=0.7)
            if candidate.on_front and len(selected.selection.pareto) == 2:
                front.append((bounds[0], bounds[1]))
        size = 180 if color == SELECTED else 50
        axes.scatter([places[0]], [places[1]], color=color, marker=MARKS[color], s=size, zorder=3)
        axes.annotate(
            str(number), (places[0], places[1]), xytext=(6, 6), textcoords="offset points", fontsize=9, color=color
        )
    if len(front) > 1:
        front.sort()
        axes.plot(*zip(*front, strict=True), color=FRONT, linestyle=":", linewidth=1.0)
    axes.set_xlabel(_named(x, left_out))
    if y is None:
        axes.set_yticks([])
    else:
        axes.set_ylabel(_named(y, ()))
    axes.grid(True, linewidth=0.3)
    axes.margins(0.12)


def _value(candidate: ComparedCandidate, axis: Threshold) -> Value:
    return next(
        value
        for value in candidate.values
        if (value.rule.kind, value.rule.measure, value.rule.point, value.rule.protocol)
        == (axis.kind, axis.measure, axis.point, axis.protocol)
    )


def _color(candidate: ComparedCandidate) -> str:
    if candidate.rank is None:
        return OUT
    if candidate.standing is CandidateStatus.SELECTED:
        return SELECTED
    return FRONT if candidate.on_front else BEHIND


def _named(axis: Threshold, left_out: Sequence[int]) -> str:
    better = "higher is better" if axis.measure.direction == "higher" else "lower is better"
    missing = f"\nnot measured: candidates {', '.join(map(str, left_out))}" if left_out else ""
    return f"{effect_of(axis).name} ({better}){missing}"
