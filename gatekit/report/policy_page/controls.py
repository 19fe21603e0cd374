"""The controls of one threshold: a slider and a number for each of its ends, and the line that would change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatekit.gates.sensitivity import ThresholdAnswer
from gatekit.policy.limits import LimitEnd, sides
from gatekit.policy.lint import limit_range
from gatekit.policy.model import Threshold
from gatekit.report.html_page import text
from gatekit.report.policy_page.content import PageThreshold
from gatekit.report.policy_page.plot import drawn_values
from gatekit.report.policy_page.slider import slider


def blocks(number: int, page: PageThreshold, answers: Sequence[ThresholdAnswer]) -> Iterator[str]:
    """Yield the controls of the threshold of that number on the page; hidden until the script shows them."""
    if page.places is None:
        yield '<p class="quiet">The file has just changed, so the threshold cannot be moved.</p>'
        return
    yield f'<div class="controls" id="controls-{number}" hidden="hidden">'
    ends = zip(sides(page.rule.limits), page.places, strict=True)
    for index, (end, place) in enumerate(ends):
        name, identifier = side_name(page.rule, end), f"{number}-{index}"
        low, high = sorted(place.sign * limit for limit in limit_range(page.rule))
        if page.rule.against == "base":
            low = 0.0
        found = slider(place.raw, [place.sign * value for value in drawn_values(answers)], low, high)
        yield f'<div class="control"><label for="number-{identifier}">{text(name)}</label>'
        if found is not None:
            yield (
                f'<input type="range" id="range-{identifier}" min="{found.low}" max="{found.high}" '
                f'step="{found.step}" value="{text(place.raw)}" aria-label="{text(name)}: slider"/>'
            )
        yield (
            f'<input type="number" id="number-{identifier}" step="any" value="{text(place.raw)}" '
            f'aria-describedby="said-{number}"/></div>'
        )
    was = " to ".join(place.raw for place in page.places)
    yield f'<button type="button" id="back-{number}" disabled="disabled">Put back {text(was)}</button>'
    yield f'</div>\n<p role="status" class="said" id="said-{number}"></p>'
    yield f'<div class="change" id="change-{number}" hidden="hidden"></div>'


def side_name(rule: Threshold, end: LimitEnd) -> str:
    """Return what a number of a threshold asks for, in words."""
    if rule.against == "base":
        return "worse than the base by at most"
    return f"every seed {end.words}" if rule.every_seed else end.words
