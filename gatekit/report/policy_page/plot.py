"""One threshold on all evidence in one picture: seeds, estimate and bounds of each, with the limits across all of them.

As in a forest plot, everything has one scale. The script moves the limits, the shaded side and the outcomes; what is
drawn, the table beside the picture says in numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatekit.gates.sensitivity import ThresholdAnswer
from gatekit.policy.limits import Limits, ends
from gatekit.report import inert
from gatekit.report.verdict.wording import OUTCOMES

WIDTH, ROW = 420.0, 38.0
LEFT, RIGHT = 6.0, WIDTH - 6.0
NAMED = 44
"""Characters of a name that fit beside the outcome."""

LEGEND = (
    "Small dots: seeds. Large dot: estimate. Line: its bounds. Tick: the bound that is compared. Dashes: the "
    "threshold; the side that passes is shaded."
)


def span(limits: Limits, answers: Sequence[ThresholdAnswer]) -> tuple[float, float]:
    """Return the smallest and the largest value to be drawn, with room beside them."""
    values = [*(end for end in ends(limits) if end is not None), *drawn_values(answers)]
    low, high = min(values), max(values)
    room = 0.3 * (high / 2 - low / 2) or abs(low) / 2 or 1.0
    return low - room, high + room


def drawn_values(answers: Sequence[ThresholdAnswer]) -> list[float]:
    """Return everything that was measured and is drawn."""
    found: list[float] = []
    for answer in answers:
        measured = answer.result.measured
        if measured is not None:
            optional = [measured.lower, measured.upper]
            found += [measured.estimate, *answer.seeds, *(answer.compared or ())]
            found += [value for value in optional if value is not None]
    return found


def svg(
    number: int, title: str, limits: Limits, names: Sequence[str], answers: Sequence[ThresholdAnswer]
) -> Iterator[str]:
    """Yield the lines of the picture.

    Args:
        number: of the threshold on the page; the ids of what moves begin with it.
        title: raw text that names the picture.
        limits: of the policy.
        names: one per answer; raw text.
        answers: to the threshold.
    """
    seen = span(limits, answers)
    label = inert.html(f"{title}: the table has its numbers")
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(WIDTH)} {_n(ROW * len(answers))}" role="img" '
        f'aria-label="{label}" font-family="system-ui, Liberation Sans, sans-serif" font-size="12">'
    )
    for column, (name, answer) in enumerate(zip(names, answers, strict=True)):
        yield from _row(f"{number}-{column}", name, answer, limits, seen, ROW * column)
    yield "</svg>"


def _row(
    identifier: str, name: str, answer: ThresholdAnswer, limits: Limits, seen: tuple[float, float], top: float
) -> Iterator[str]:
    outcome, measured = answer.result.outcome, answer.result.measured
    above, middle, below = top + 18.0, top + 25.0, top + 32.0
    yield f'<text class="row-text" x="{_n(LEFT)}" y="{_n(top + 13)}">{inert.html(inert.terminal(name, NAMED))}</text>'
    yield (
        f'<text class="row-{outcome.value}" id="drawn-{identifier}" x="{_n(RIGHT)}" y="{_n(top + 13)}" '
        f'text-anchor="end">{OUTCOMES[outcome]}</text>'
    )
    low, high = ends(limits)
    zone_from = LEFT if low is None else _place(low, seen)
    zone_to = RIGHT if high is None else _place(high, seen)
    yield _box("row-frame", "", LEFT, RIGHT, above, below)
    yield _box("row-zone", f' id="zone-{identifier}"', zone_from, max(zone_from, zone_to), above, below)
    for index, limit in enumerate(end for end in (low, high) if end is not None):
        x = _n(_place(limit, seen))
        yield (
            f'<line class="row-limit" id="limit-{identifier}-{index}" x1="{x}" x2="{x}" y1="{_n(above)}" '
            f'y2="{_n(below)}" stroke-width="2" stroke-dasharray="4 3"/>'
        )
    if measured is None:
        return
    drawn = [end for end in (measured.lower, measured.estimate, measured.upper) if end is not None]
    yield (
        f'<line class="row-line" x1="{_n(_place(min(drawn), seen))}" x2="{_n(_place(max(drawn), seen))}" '
        f'y1="{_n(middle)}" y2="{_n(middle)}" stroke-width="1.5"/>'
    )
    for value in answer.seeds:
        yield f'<circle class="row-seed" cx="{_n(_place(value, seen))}" cy="{_n(middle)}" r="2"/>'
    for bound in answer.compared or ():
        x = _n(_place(bound, seen))
        yield (
            f'<line class="row-line" x1="{x}" x2="{x}" y1="{_n(middle - 5)}" y2="{_n(middle + 5)}" stroke-width="2.5"/>'
        )
    yield (
        f'<circle class="row-{outcome.value}" id="dot-{identifier}" cx="{_n(_place(measured.estimate, seen))}" '
        f'cy="{_n(middle)}" r="4"/>'
    )


def _box(kind: str, identifier: str, left: float, right: float, above: float, below: float) -> str:
    return (
        f'<rect class="{kind}"{identifier} x="{_n(left)}" y="{_n(above)}" width="{_n(right - left)}" '
        f'height="{_n(below - above)}"/>'
    )


def _place(value: float, seen: tuple[float, float]) -> float:
    """Return where a value lies between LEFT and RIGHT; halved, since the difference of two large numbers overflows."""
    low, high = seen
    share = (value / 2 - low / 2) / (high / 2 - low / 2)
    return LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share))


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
