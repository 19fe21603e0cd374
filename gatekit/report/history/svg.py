"""A history as one picture, SVG written by hand: each threshold's estimate, compared bound and limit over commits.

It follows the reader's light or dark setting, runs nothing and loads nothing. Marks have a shape of their own for each
outcome; each says in words what it shows.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence

from gatekit.gates.following import decisive_bounds
from gatekit.gates.verdict import Outcome
from gatekit.history.judging import History
from gatekit.history.series import Point, Series
from gatekit.report import inert
from gatekit.report.history.wording import headline, limits
from gatekit.report.palette import DARK, LIGHT
from gatekit.report.verdict.wording import OUTCOMES, cells

WIDTH, PANEL, TOP = 640.0, 122.0, 40.0
LEFT, RIGHT = 16.0, 624.0
LONGEST_LINE, BOLD_LINE, SMALL_LINE = 92, 80, 108
"""Characters that fit between LEFT and RIGHT: of names, of the title, of the notes."""
PANELS = 40
"""So many thresholds are drawn; the report in JSON has all."""

LEGEND = (
    "Oldest left. Filled dot: pass; cross: FAIL; ring: inconclusive. Line to the bound that was compared; dashes: the "
    "threshold. Each row has its own scale."
)


def render(history: History, series: Sequence[Series], option: str = "--limit") -> str:
    """Return the picture, ending in a line feed; `option` as in `limits`."""
    measured = [each for each in series if each.is_measured]
    shown = measured[:PANELS]
    notes = [LEGEND, *limits(history, option)]
    if len(measured) > PANELS:
        notes.append(f"{len(measured) - PANELS} more thresholds are not drawn; --gate chooses")
    if len(series) > len(measured):
        notes.append(f"{len(series) - len(measured)} more were never measured")
    notes = [line for note in notes for line in textwrap.wrap(note, SMALL_LINE)]
    height = TOP + PANEL * len(shown) + 16.0 * len(notes) + 8.0
    title = headline(history)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(WIDTH)} {_n(height)}" width="{_n(WIDTH)}" '
        f'height="{_n(height)}" role="img" aria-labelledby="history-title" '
        'font-family="system-ui, Liberation Sans, sans-serif" font-size="12">',
        f'<title id="history-title">{inert.html(title)}</title>',
        f"<style>{_style()}</style>",
        '<rect class="page" width="100%" height="100%"/>',
        _text(LEFT, 24.0, inert.terminal(title.partition(", each")[0], BOLD_LINE), "text", 'font-weight="600"'),
    ]
    places = {commit.oid: index for index, commit in enumerate(reversed(history.commits))}
    for index, each in enumerate(shown):
        lines += _panel(each, places, TOP + PANEL * index)
    for index, note in enumerate(notes):
        lines.append(_text(LEFT, TOP + PANEL * len(shown) + 14.0 + 16.0 * index, note, "quiet", 'font-size="10.5"'))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panel(series: Series, places: dict[str, int], top: float) -> Iterator[str]:
    newest = series.points[0]
    row = cells(newest.rule)
    said = f"{OUTCOMES[newest.rule.outcome]}: {row.estimate}, bound {row.bound}, {row.threshold}"
    name = inert.terminal(f"{series.policy}/{series.gate}: {series.name}", LONGEST_LINE)
    yield _text(LEFT, top + 12.0, name, "text", "")
    # On a line of its own: beside a long name a bound on both sides has no place.
    yield _text(LEFT, top + 27.0, inert.terminal(said, LONGEST_LINE), newest.rule.outcome.value, "")
    above, below = top + 34.0, top + PANEL - 12.0
    size = f'width="{_n(RIGHT - LEFT)}" height="{_n(below - above)}"'
    yield f'<rect class="panel" x="{_n(LEFT)}" y="{_n(above)}" {size}/>'
    values = [value for point in series.points for value in _values(point)]
    # Divided first: the difference of two large numbers could overflow.
    unit = max(map(abs, values)) or 1.0
    low, high = min(values) / unit, max(values) / unit

    def at(value: float) -> float:
        share = (value / unit - low) / (high - low) if high > low else 0.5
        return below - (below - above) * (0.12 + 0.76 * share)

    step = (RIGHT - LEFT) / max(1, len(places))
    for point in series.points:
        x = LEFT + step * (places[point.commit.oid] + 0.5)
        yield from _drawn(point, x, step, (above + below) / 2, at)


def _drawn(point: Point, x: float, step: float, middle: float, at: Callable[[float], float]) -> Iterator[str]:
    """Yield one commit of a panel; what was not measured is a ring in the middle."""
    rule, measured = point.rule, point.rule.measured
    row = cells(rule)
    words = f"{point.commit.oid[:12]} {' '.join(point.commit.tags[:2])} {point.commit.time:%Y-%m-%d}"
    words += f": estimate {row.estimate}, bound {row.bound}, threshold {row.threshold}: {OUTCOMES[rule.outcome]}"
    yield f"<g><title>{inert.html(words)}</title>"
    for limit in (rule.effect.low, rule.effect.high):
        if limit is not None:
            ends = f'x1="{_n(x - step / 2)}" x2="{_n(x + step / 2)}" y1="{_n(at(limit))}" y2="{_n(at(limit))}"'
            yield f'<line class="limit" {ends} stroke-width="1.5" stroke-dasharray="3 2"/>'
    y = middle if measured is None else at(measured.estimate)
    for bound in decisive_bounds(rule):
        if bound is not None:
            end = _n(at(bound))
            yield f'<line class="stroke" x1="{_n(x)}" x2="{_n(x)}" y1="{_n(y)}" y2="{end}" stroke-width="1.5"/>'
            ends = f'x1="{_n(x - 4)}" x2="{_n(x + 4)}" y1="{end}" y2="{end}"'
            yield f'<line class="stroke" {ends} stroke-width="2"/>'
    yield _mark(rule.outcome, x, y)
    yield "</g>"


def _mark(outcome: Outcome, x: float, y: float) -> str:
    kind = outcome.value
    if outcome is Outcome.FAIL:
        cross = f"M{_n(x - 4)} {_n(y - 4)}L{_n(x + 4)} {_n(y + 4)}M{_n(x - 4)} {_n(y + 4)}L{_n(x + 4)} {_n(y - 4)}"
        return f'<path class="{kind}-line" d="{cross}" stroke-width="2.5"/>'
    if outcome is Outcome.INCONCLUSIVE:
        return f'<circle class="{kind}-line" cx="{_n(x)}" cy="{_n(y)}" r="4" fill="none" stroke-width="2"/>'
    return f'<circle class="{kind}" cx="{_n(x)}" cy="{_n(y)}" r="4.5"/>'


def _values(point: Point) -> list[float]:
    measured, effect = point.rule.measured, point.rule.effect
    found = [effect.low, effect.high, *decisive_bounds(point.rule), None if measured is None else measured.estimate]
    return [value for value in found if value is not None]


def _style() -> str:
    def rules(colors: dict[str, str]) -> str:
        fills = "".join(f".{name} {{ fill: {color}; }} " for name, color in colors.items())
        fills += "".join(f".{o.value}-line {{ stroke: {colors[o.value]}; }} " for o in Outcome)
        return f"{fills}.stroke {{ stroke: {colors['text']}; }} .limit {{ stroke: {colors['quiet']}; }} "

    return f"{rules(LIGHT)}@media (prefers-color-scheme: dark) {{ {rules(DARK)}}}"


def _text(x: float, y: float, content: str, kind: str, extra: str) -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}"{extra and " "}{extra}>{inert.html(content)}</text>'


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
