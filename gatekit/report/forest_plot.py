"""Every threshold of a policy in one picture: estimate and bounds against what was asked, as SVG written by hand.

Measurements have different units, so each row has its own scale, wide enough for its estimate, bounds and thresholds.
The side that passes is shaded; the bound that was compared is the tick. The words say everything that the picture does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.gates.verdict import Outcome, PolicyResult, ThresholdResult, thresholds_in
from gatekit.policy.limits import sides
from gatekit.report import inert
from gatekit.report.palette import LIGHT
from gatekit.report.verdict.wording import OUTCOMES, cells, rule_name

WIDTH = 420.0
"""Units of the picture; about as many as a phone has pixels, so that its text stays readable there."""
ROW = 62.0
LEFT, RIGHT = 6.0, WIDTH - 6.0
NAMED = 46
"""Characters of a name that fit beside the outcome."""

LEGEND = (
    "Dot: estimate. Line: its one-sided bounds. Tick: the bound that was compared. Dashes: the threshold; "
    "the side that passes is shaded. Each row has its own scale."
)

# Pages give the colours by their variables; a picture of its own has them written out.
SHAPES = """.row-text { fill: var(--text); } .row-quiet { fill: var(--quiet); } .row-frame { fill: var(--panel); }
.row-zone { fill: var(--zone); } .row-line { stroke: var(--text); } .row-limit { stroke: var(--quiet); }
.row-pass { fill: var(--pass); } .row-fail { fill: var(--fail); } .row-inconclusive { fill: var(--inconclusive); }
"""


@dataclass(frozen=True)
class PlotRow:
    """One threshold and what was measured for it; None where nothing was."""

    name: str
    """Gate and measurement; raw text."""
    outcome: Outcome
    numbers: str
    """Estimate, bound and threshold in words."""
    estimate: float | None
    lower: float | None
    upper: float | None
    compared: tuple[float, ...]
    """The bounds that were compared; none for a point estimate."""
    low: float | None
    """Threshold below which the row fails."""
    high: float | None

    @property
    def span(self) -> tuple[float, float]:
        """The smallest and the largest value in the row."""
        values = [v for v in (self.estimate, self.lower, self.upper, self.low, self.high) if v is not None]
        return (min(values), max(values)) if values else (0.0, 0.0)


def rows(policy: PolicyResult) -> list[PlotRow]:
    """Return one row per threshold, in the policy's order."""
    return [_row(gate.name, rule) for gate in policy.gates for rule in thresholds_in(gate.result)]


def _row(gate: str, rule: ThresholdResult) -> PlotRow:
    measured, shown = rule.measured, cells(rule)
    threshold = f"threshold {with_signs(shown.threshold)}"
    if measured is None:
        numbers = f"not decided, {threshold}"
    else:
        unbounded = {"point": "point estimate", "every_seed": "every seed"}
        bound = unbounded.get(rule.bound, f"bound {shown.bound}")
        numbers = f"estimate {shown.estimate}, {bound}, {threshold}"
    bounded = measured if rule.bound in ("confidence", "optimistic") else None
    lower, upper = (None, None) if bounded is None else (bounded.lower, bounded.upper)
    compared = [] if bounded is None else [side.bound(*rule.compared) for side in sides(rule.effect.limits)]
    return PlotRow(
        name=f"{gate}: {rule_name(rule, gate)}",
        outcome=rule.outcome,
        numbers=numbers,
        estimate=None if measured is None else measured.estimate,
        lower=lower,
        upper=upper,
        compared=tuple(bound for bound in compared if bound is not None),
        low=rule.effect.low,
        high=rule.effect.high,
    )


def with_signs(threshold: str) -> str:
    """Return a threshold with the signs that people write where any character can be shown."""
    return threshold.replace(">=", "≥").replace("<=", "≤")


def svg(policy: PolicyResult, identifier: str, alone: bool = False) -> str:
    """Return the picture of a policy.

    Args:
        policy: what to draw; it needs at least one gate.
        identifier: of the elements that name the picture; letters, digits and dashes, unique on its page.
        alone: as a file of its own, with its colours, the legend and a ground.
    """
    found = rows(policy)
    title = f"Estimates and bounds of policy {policy.id} against their thresholds"
    legend = _broken(LEGEND, 72) if alone else []
    height = ROW * len(found) + 14.0 * len(legend) + 4.0
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(WIDTH)} {_n(height)}" role="img" '
        f'aria-labelledby="{identifier}-title {identifier}-text" '
        'font-family="system-ui, Liberation Sans, sans-serif" font-size="12">',
        f'<title id="{identifier}-title">{inert.html(title)}</title>',
        f'<desc id="{identifier}-text">{inert.html(_description(found), limit=None)}</desc>',
    ]
    if alone:
        shapes = re.sub(r"var\(--([a-z]+)\)", lambda name: LIGHT[name[1]], SHAPES)
        lines += [f"<style>{shapes}</style>", f'<rect width="100%" height="100%" fill="{LIGHT["page"]}"/>']
    for index, row in enumerate(found):
        lines += _drawn(row, ROW * index)
    for index, line in enumerate(legend):
        lines.append(_text(LEFT, ROW * len(found) + 12.0 + 14.0 * index, line, "row-quiet", 'font-size="10.5"'))
    return "\n".join([*lines, "</svg>"])


def _description(found: Sequence[PlotRow]) -> str:
    return "; ".join(f"{row.name}: {row.numbers}: {OUTCOMES[row.outcome]}" for row in found)


def _drawn(row: PlotRow, top: float) -> list[str]:
    """Return the elements of one row whose upper edge is at `top`."""
    above, middle, below = top + 20.0, top + 29.0, top + 38.0
    at = Scale(*row.span).at
    passing_from = LEFT if row.low is None else at(row.low)
    passing_to = RIGHT if row.high is None else at(row.high)
    lines = [
        _text(LEFT, top + 14.0, inert.terminal(row.name, NAMED), "row-text", 'font-weight="600"'),
        _text(RIGHT, top + 14.0, OUTCOMES[row.outcome], f"row-{row.outcome.value}", 'text-anchor="end"'),
        _box(LEFT, RIGHT, above, below, "row-frame"),
        _box(passing_from, max(passing_from, passing_to), above, below, "row-zone"),
    ]
    for limit in (row.low, row.high):
        if limit is not None:
            x = _n(at(limit))
            lines.append(
                f'<line class="row-limit" x1="{x}" x2="{x}" y1="{_n(above)}" y2="{_n(below)}" stroke-width="1.5" '
                'stroke-dasharray="3 2"/>'
            )
    ends = [end for end in (row.lower, row.estimate, row.upper) if end is not None]
    if len(ends) > 1:
        lines.append(
            f'<line class="row-line" x1="{_n(at(min(ends)))}" x2="{_n(at(max(ends)))}" y1="{_n(middle)}" '
            f'y2="{_n(middle)}" stroke-width="1.5"/>'
        )
    for bound in row.compared:
        x = _n(at(bound))
        lines.append(
            f'<line class="row-line" x1="{x}" x2="{x}" y1="{_n(above + 3)}" y2="{_n(below - 3)}" stroke-width="2.5"/>'
        )
    if row.estimate is not None:
        lines.append(f'<circle class="row-{row.outcome.value}" cx="{_n(at(row.estimate))}" cy="{_n(middle)}" r="4.5"/>')
    lines.append(_text(LEFT, top + 52.0, row.numbers, "row-quiet", 'font-size="11"'))
    return lines


class Scale:
    """From a value of the row to its place; a tenth of the width is left free on each side."""

    def __init__(self, low: float, high: float) -> None:
        # Divided first: the difference of two large numbers could overflow.
        self.unit = max(abs(low), abs(high)) or 1.0
        self.low, self.width = low / self.unit, high / self.unit - low / self.unit

    def at(self, value: float) -> float:
        """Return where a value lies, between LEFT and RIGHT."""
        share = (value / self.unit - self.low) / self.width if self.width > 0.0 else 0.5
        return LEFT + (RIGHT - LEFT) * (0.1 + 0.8 * share)


def _box(left: float, right: float, above: float, below: float, kind: str) -> str:
    size = f'width="{_n(right - left)}" height="{_n(below - above)}"'
    return f'<rect class="{kind}" x="{_n(left)}" y="{_n(above)}" {size}/>'


def _text(x: float, y: float, content: str, kind: str, extra: str) -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}" {extra}>{inert.html(content)}</text>'


def _n(value: float) -> str:
    """Return a coordinate; two decimals are finer than any screen."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _broken(sentence: str, width: int) -> list[str]:
    """Return the lines of a sentence; SVG text does not wrap."""
    lines = [""]
    for word in sentence.split(" "):
        if len(lines[-1]) + len(word) >= width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
