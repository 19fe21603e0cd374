"""The pictures of a dossier that need matplotlib: the forest plot as PNG, and every dataset's mean over the seeds.

The same numbers give the same bytes with the same matplotlib: its own defaults and font, no date, a fixed salt. Text of
others is shown as it is written: nothing is read as a formula, and what the font lacks stands there as its code.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from gatekit.evidence.summary import Measurement
from gatekit.gates.verdict import PolicyResult, ThresholdResult
from gatekit.policy.limits import sides
from gatekit.report import inert
from gatekit.report.forest_plot import LEFT, NAMED, RIGHT, Scale, rows
from gatekit.report.palette import LIGHT
from gatekit.report.verdict.wording import OUTCOMES

FONT = "DejaVu Sans"
"""Comes with matplotlib, so no machine's own fonts change the picture."""
DOTS_PER_INCH = 120
ROW_INCHES = 0.62
DATASET_INCHES = 0.2
DRAWN_ROWS = 100
"""Thresholds of one picture, the first of its policy: each takes a hundredth of a second or two."""
NAMED_DATASETS = 300
"""More are drawn closer together and without names: a picture has only so many pixels."""


def forest(policy: PolicyResult) -> Figure:
    """Return the picture that `forest_plot.svg` draws, row by row; of many the first, and how many more there are."""
    everything = rows(policy)
    found = everything[:DRAWN_ROWS]
    figure = Figure(figsize=(6.4, ROW_INCHES * len(found) + 0.3), facecolor=LIGHT["page"])
    axes = figure.add_axes((0.03, 0.0, 0.94, 1.0))
    axes.set_axis_off()
    axes.set_xlim(LEFT, RIGHT)
    axes.set_ylim(len(found) + 0.2, -0.1)
    for top, row in enumerate(found):
        at, middle = Scale(*row.span).at, top + 0.5
        low = LEFT if row.low is None else at(row.low)
        high = RIGHT if row.high is None else at(row.high)
        axes.barh(middle, RIGHT - LEFT, 0.28, LEFT, color=LIGHT["panel"])
        axes.barh(middle, max(0.0, high - low), 0.28, low, color=LIGHT["zone"])
        for limit in (row.low, row.high):
            if limit is not None:
                axes.plot([at(limit)] * 2, [middle - 0.14, middle + 0.14], "--", color=LIGHT["quiet"], linewidth=1.2)
        ends = [at(end) for end in (row.lower, row.estimate, row.upper) if end is not None]
        if len(ends) > 1:
            axes.plot([min(ends), max(ends)], [middle] * 2, color=LIGHT["text"], linewidth=1.2)
        for bound in row.compared:
            axes.plot([at(bound)] * 2, [middle - 0.1, middle + 0.1], color=LIGHT["text"], linewidth=2.4)
        color = LIGHT[row.outcome.value]
        if row.estimate is not None:
            axes.plot([at(row.estimate)], [middle], "o", color=color, markersize=6)
        axes.text(LEFT, top + 0.26, label(row.name, NAMED), fontsize=9, weight="bold", color=LIGHT["text"])
        axes.text(RIGHT, top + 0.26, OUTCOMES[row.outcome], fontsize=9, ha="right", color=color)
        axes.text(LEFT, top + 0.86, label(row.numbers), fontsize=8, color=LIGHT["quiet"])
    if len(everything) > len(found):
        more = f"and {len(everything) - len(found)} more thresholds, in the SVG beside it"
        axes.text(LEFT, len(found) + 0.15, more, fontsize=8, color=LIGHT["quiet"])
    return figure


def per_dataset(rule: ThresholdResult, measurement: Measurement) -> Figure:
    """Return the effect on each dataset: a small dot per seed, a large one for their mean, best dataset first.

    Args:
        rule: the threshold that was judged, which is drawn as a line.
        measurement: of design per_seed_dataset, with observations.
    """
    effects: dict[str, list[float]] = {}
    for key, effect in zip(measurement.keys, measurement.effects, strict=True):
        effects.setdefault(str(key[-1]), []).append(effect)
    means = {name: math.fsum(values) / len(values) for name, values in effects.items()}
    sign = -1.0 if measurement.direction == "higher" else 1.0
    order = sorted(means, key=lambda name: (sign * means[name], name))
    size = (6.4, DATASET_INCHES * min(len(order), NAMED_DATASETS) + 1.4)
    figure = Figure(figsize=size, layout="constrained", facecolor=LIGHT["page"])
    axes = figure.add_subplot()
    # Together: a line for each of thousands takes minutes.
    places = [place for place, name in enumerate(order) for _ in effects[name]]
    axes.plot([effect for name in order for effect in effects[name]], places, ".", color=LIGHT["quiet"], markersize=4)
    axes.plot([means[name] for name in order], range(len(order)), "o", color=LIGHT["text"], markersize=5)
    if not rule.effect.against_base:
        for side in sides(rule.effect.limits):
            axes.axvline(side.limit, linestyle="--", color=LIGHT["fail"], linewidth=1)
    named = order if len(order) <= NAMED_DATASETS else []
    axes.set_yticks(range(len(named)), [label(name, 40) for name in named], fontsize=8)
    if not named:
        axes.set_ylabel(f"{len(order)} datasets")
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlabel(
        label(f"{measurement.unit}; large dots: mean over {len(measurement.seeds)} seeds; dashes: threshold")
    )
    better = "higher is better" if measurement.direction == "higher" else "lower is better"
    axes.set_title(label(f"{rule.effect.measurement} per dataset ({better})"), fontsize=10)
    axes.grid(True, axis="x", linewidth=0.3)
    return figure


def png(draw: Callable[[], Figure]) -> bytes:
    """Return what `draw` makes as PNG."""
    with settled():
        stream = io.BytesIO()
        draw().savefig(stream, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
        return stream.getvalue()


def svg(draw: Callable[[], Figure]) -> bytes:
    """Return what `draw` makes as SVG, its letters as outlines."""
    with settled():
        stream = io.BytesIO()
        draw().savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
        return stream.getvalue()


@contextmanager
def settled() -> Iterator[None]:
    """Draw by matplotlib's own defaults, not by a matplotlibrc that lies about."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {"font.family": FONT, "svg.hashsalt": "gatekit", "svg.fonttype": "path", "text.parse_math": False}
        )
        yield


def label(raw: str, limit: int | None = None) -> str:
    """Return text that the font can show."""
    known = get_font(findfont(FONT)).get_charmap()
    return "".join(c if ord(c) in known else _code(c) for c in inert.terminal(raw, limit))


def _code(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
