"""What the summaries themselves show, whatever a policy asks: trade-off, scaling and agreement along training.

Every point is an estimate with its two one-sided 95 % bounds, by the rules that gates are judged by; nothing is drawn
that was not observed. Which pictures there are is known without matplotlib; drawing one needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatekit.evidence.summary import Summary
from gatekit.gates.bounds import interval
from gatekit.policy.limits import effect_name
from gatekit.report.palette import LIGHT
from gatekit.stats import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONFIDENCE = 0.95
COLOURS = ("#1f4e8c", "#b5651d", "#0b6e4f", "#6a3d9a", "#7a7a7a", "#a6192e", "#008080", "#4d4d00")
MARKS = "os^DvPX*"
"""Told apart in grey too: the mark goes with the colour."""


@dataclass(frozen=True)
class EvidenceFigure:
    """A picture that can be drawn."""

    name: str
    """Of its file, without an ending."""
    title: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Axis:
    """What one axis measures."""

    kind: str
    measure: str

    @property
    def words(self) -> str:
        """Kind and measure."""
        return effect_name(self.kind, self.measure, "nothing")


PROBES, CONCEPTS = Axis("saebench", "auc_delta"), Axis("cebench", "interpretability_delta")
"""The two external benchmarks, each against its control."""
POINTS = (
    ("start", "similarity_at_init"),
    ("1/8", "pw_mcc_at_1_8"),
    ("1/4", "pw_mcc_at_1_4"),
    ("1/2", "pw_mcc_at_1_2"),
    ("end", "pw_mcc"),
)
SCALED = ("r2", "pw_mcc_chance_corrected", "auc_delta")


def evidence_figures(summaries: Sequence[Summary]) -> list[EvidenceFigure]:
    """Return the pictures that these summaries have the observations for."""
    found = []
    usable = [summary for summary in summaries if summary.status == "ok"]
    if _placed(usable, PROBES, CONCEPTS):
        title = "Both external benchmarks of each subject, with bounds"
        found.append(EvidenceFigure("trade-off", title, lambda: trade_off(usable, PROBES, CONCEPTS)))
    frontier = Axis("frontier", "auc_delta"), Axis("frontier", "pw_mcc_chance_corrected")
    if len(_placed(usable, *frontier)) > 1:
        title = "Architectures at one L0: probes and agreement of seeds, with bounds"
        found.append(EvidenceFigure("frontier", title, lambda: trade_off(usable, *frontier)))
    cells = [summary for summary in usable if summary.kind == "scaling"]
    if len(cells) > 1:
        title = "Scores along each axis of the sweep, with bounds"
        found.append(EvidenceFigure("scaling", title, lambda: scaling(cells)))
    watched = [s for s in usable if s.kind == "stability" and all(name in s.measurements for _, name in POINTS)]
    if watched:
        title = "Agreement of seeds along training, with bounds"
        found.append(EvidenceFigure("along-training", title, lambda: along_training(watched)))
    return found


def trade_off(summaries: Sequence[Summary], x: Axis, y: Axis) -> Figure:
    """Return each subject at its estimates on two measures, with bounds both ways and lines at 0."""
    from gatekit.dossier.figures import label

    figure = _figure(6.4, 5.2)
    axes = figure.add_subplot()
    for number, (words, across, up) in enumerate(_placed(summaries, x, y)):
        _point(axes, number, words, across, up)
    axes.axvline(0, color=LIGHT["quiet"], linewidth=0.8)
    axes.axhline(0, color=LIGHT["quiet"], linewidth=0.8)
    axes.set_xlabel(label(f"{x.words} (one-sided 95 % bounds)"))
    axes.set_ylabel(label(f"{y.words} (one-sided 95 % bounds)"))
    axes.grid(True, linewidth=0.3)
    axes.legend(fontsize=8)
    return figure


def scaling(cells: Sequence[Summary]) -> Figure:
    """Return a row of panels a measure: the score against tokens, layer and latents, one line per other setting."""
    from gatekit.dossier.figures import label

    axes_of = {
        "training tokens": [str(_tokens(cell)) for cell in cells],
        "hook": [cell.subject.hook for cell in cells],
        "latents": [str(cell.subject.d_sae) for cell in cells],
    }
    shown = [name for name in SCALED if all(name in cell.measurements for cell in cells)]
    figure = _figure(4.2 * len(axes_of), 3.1 * len(shown) + 0.6)
    panels = figure.subplots(len(shown), len(axes_of), squeeze=False)
    for line, measure in enumerate(shown):
        bounds = [_bounds(cell, measure) for cell in cells]
        for column, (axis, values) in enumerate(axes_of.items()):
            rest = [named for name, named in axes_of.items() if name != axis]
            others = list(zip(*rest, strict=True))
            panel = panels[line][column]
            steps = sorted(set(values), key=_order)
            for number, other in enumerate(sorted(set(others))):
                on_line = [place for place, each in enumerate(others) if each == other]
                points = {steps.index(values[place]): bounds[place] for place in on_line}
                _line(panel, number, ", ".join(other), points)
            panel.set_xticks(range(len(steps)), [label(step, 24) for step in steps], fontsize=7)
            panel.set_xlabel(axis)
            panel.set_ylabel(measure)
            panel.grid(True, axis="y", linewidth=0.3)
            if line == 0:
                panel.legend(fontsize=6)
    return figure


def along_training(summaries: Sequence[Summary]) -> Figure:
    """Return PW-MCC of seed pairs before training, after an eighth, a quarter, half and all of it."""
    figure = _figure(6.4, 4.2)
    axes = figure.add_subplot()
    for number, summary in enumerate(summaries):
        points = {place: _bounds(summary, name) for place, (_, name) in enumerate(POINTS)}
        _line(axes, number, _name(summary), points)
    axes.set_xticks(range(len(POINTS)), [words for words, _ in POINTS])
    axes.set_xlabel("part of the training")
    axes.set_ylabel("PW-MCC of seed pairs (one-sided 95 % bounds)")
    axes.grid(True, axis="y", linewidth=0.3)
    axes.legend(fontsize=7)
    return figure


def _placed(summaries: Sequence[Summary], x: Axis, y: Axis) -> list[tuple[str, Interval, Interval]]:
    """Return (words, bounds on x, bounds on y) of every subject that has observations of both."""
    found: dict[str, dict[Axis, Interval]] = {}
    words: dict[str, str] = {}
    for summary in sorted(summaries, key=lambda each: each.path):
        words[summary.subject.digest] = _name(summary)
        for axis in (x, y):
            measurement = summary.measurements.get(axis.measure)
            if summary.kind == axis.kind and measurement is not None and measurement.reported is None:
                found.setdefault(summary.subject.digest, {})[axis] = _bounds(summary, axis.measure)
    return [(words[digest], each[x], each[y]) for digest, each in found.items() if x in each and y in each]


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor=LIGHT["page"])


def _name(summary: Summary) -> str:
    return f"{summary.subject.architecture} [{summary.subject.digest[:6]}]"


def _bounds(summary: Summary, measure: str) -> Interval:
    return interval(summary.measurements[measure], CONFIDENCE, ())


def _tokens(cell: Summary) -> object:
    texts = cell.config.get("texts", {})
    return texts.get("train_tokens", "unknown") if isinstance(texts, dict) else "unknown"


def _order(value: str) -> tuple[int, str]:
    return (int(value), "") if value.isdecimal() else (0, value)


def _point(axes: Axes, number: int, words: str, across: Interval, up: Interval) -> None:
    from gatekit.dossier.figures import label

    axes.errorbar(
        [across.estimate],
        [up.estimate],
        xerr=[[part] for part in _reach(across)],
        yerr=[[part] for part in _reach(up)],
        fmt=MARKS[number % len(MARKS)],
        color=COLOURS[number % len(COLOURS)],
        label=label(words, 60),
        capsize=2,
        linewidth=1,
    )


def _line(axes: Axes, number: int, words: str, points: dict[int, Interval]) -> None:
    from gatekit.dossier.figures import label

    places = sorted(points)
    reach = [_reach(points[place]) for place in places]
    axes.errorbar(
        places,
        [points[place].estimate for place in places],
        yerr=[[below for below, _ in reach], [above for _, above in reach]],
        fmt=f"{MARKS[number % len(MARKS)]}-",
        color=COLOURS[number % len(COLOURS)],
        label=label(words, 60),
        capsize=2,
        linewidth=1,
        markersize=4,
    )


def _reach(bounds: Interval) -> tuple[float, float]:
    """Return how far the bounds lie below and above the estimate; nothing where there is none."""
    below = 0.0 if bounds.lower is None else max(0.0, bounds.estimate - bounds.lower)
    return below, 0.0 if bounds.upper is None else max(0.0, bounds.upper - bounds.estimate)
