"""The picture of estimates and bounds against thresholds, read back from its SVG."""

from __future__ import annotations

import math
import re
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.gates.verdict import Outcome, PolicyResult
from gatekit.report.forest_plot import LEFT, RIGHT, WIDTH, svg
from tests.report.report_verdicts import (
    BETWEEN,
    EXTERNAL_MISSING,
    HEALTH,
    OOD_FAILS,
    POINT,
    RANDOM_MODEL,
    gate,
    hostile,
    hostile_text,
    policy,
    threshold,
)

NAMESPACE = "{http://www.w3.org/2000/svg}"


def elements(made: PolicyResult, name: str, kind: str = "") -> list[ElementTree.Element]:
    tree = ElementTree.fromstring(svg(made, "a"))
    return [e for e in tree.iter(NAMESPACE + name) if kind in e.get("class", "")]


def at(element: ElementTree.Element, key: str) -> float:
    return float(element.attrib[key])


def test_the_dot_lies_between_the_bounds_and_the_tick_is_the_bound_that_was_compared() -> None:
    made = policy(RANDOM_MODEL)  # estimate 0.1234, bounds 0.0812 and 0.1657, threshold 0
    (dot,) = elements(made, "circle")
    whole, tick = elements(made, "line", "row-line")
    (limit,) = elements(made, "line", "row-limit")
    assert at(limit, "x1") < at(tick, "x1") == at(whole, "x1") < at(dot, "cx") < at(whole, "x2")
    # The scale is linear: distances are as the numbers' differences.
    share = (at(tick, "x1") - at(limit, "x1")) / (at(whole, "x2") - at(limit, "x1"))
    assert share == pytest.approx(0.0812094 / (0.1234321 + 0.1234321 - 0.0812094), abs=1e-4)


def test_what_must_be_at_most_is_compared_by_its_upper_bound_and_passes_on_the_left() -> None:
    made = policy(gate("ood", threshold("ood", "auc_drop", (None, 0.1), 0.0871, 0.1234, Outcome.FAIL)))
    whole, tick = elements(made, "line", "row-line")
    (limit,) = elements(made, "line", "row-limit")
    (zone,) = elements(made, "rect", "row-zone")
    assert at(tick, "x1") == at(whole, "x2") > at(limit, "x1")
    assert at(zone, "x") == LEFT
    assert at(zone, "x") + at(zone, "width") == pytest.approx(at(limit, "x1"), abs=0.02)


def test_what_must_lie_between_is_compared_by_both_bounds() -> None:
    made = policy(BETWEEN)
    whole, lower, upper = elements(made, "line", "row-line")
    assert (at(lower, "x1"), at(upper, "x1")) == (at(whole, "x1"), at(whole, "x2"))
    low, high = elements(made, "line", "row-limit")
    (zone,) = elements(made, "rect", "row-zone")
    assert at(zone, "x") == at(low, "x1")
    assert at(zone, "x") + at(zone, "width") == pytest.approx(at(high, "x1"), abs=0.02)


def test_a_point_estimate_has_no_bounds_and_what_was_not_measured_has_no_dot() -> None:
    assert elements(policy(POINT), "line", "row-line") == []
    assert len(elements(policy(POINT), "circle")) == 1
    missing = policy(EXTERNAL_MISSING)  # one of two was measured
    assert len(elements(missing, "circle")) == 1
    assert "not decided, threshold ≥ 0" in svg(missing, "a")


def test_every_threshold_has_its_row_in_words_as_well() -> None:
    made = policy(RANDOM_MODEL, OOD_FAILS, EXTERNAL_MISSING, HEALTH)
    (said,) = elements(made, "desc")
    assert said.text is not None
    assert [part.rsplit(": ", 1)[1] for part in said.text.split("; ")] == [
        *("pass", "FAIL", "pass", "pass", "inconclusive", "pass", "pass", "pass")
    ]
    assert said.text.startswith(
        "random_model: pw_mcc_above_control: estimate +0.1234, bound +0.08121, threshold ≥ 0: pass"
    )


LARGEST = sys.float_info.max
number = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=200)
@given(low=number, estimate=number)
def test_whatever_the_numbers_nothing_is_drawn_outside(low: float, estimate: float) -> None:
    made = policy(gate("g", threshold("ood", "auc_drop", (low, None), estimate)))
    (dot,) = elements(made, "circle")
    (limit,) = elements(made, "line", "row-limit")
    for x in (at(dot, "cx"), at(limit, "x1")):
        assert math.isfinite(x) and LEFT <= x <= RIGHT


@pytest.mark.parametrize("numbers", [(0.0, 0.0), (LARGEST, -LARGEST), (5e-324, 0.0), (1.0, 1.0), (-0.0, 0.0)])
def test_extreme_numbers_are_drawn_inside(numbers: tuple[float, float]) -> None:
    made = policy(gate("g", threshold("ood", "auc_drop", (numbers[0], None), numbers[1])))
    (dot,) = elements(made, "circle")
    assert LEFT <= at(dot, "cx") <= RIGHT < WIDTH


def test_a_picture_of_its_own_has_its_colours_and_says_what_its_marks_mean() -> None:
    alone = svg(policy(RANDOM_MODEL), "a", alone=True)
    assert "var(" not in alone
    assert "Dashes: the threshold" in alone
    assert "var(" not in svg(policy(RANDOM_MODEL), "a"), "on a page the page's own style sheet gives them"
    classes = set(re.findall('class="([a-z-]+)"', alone))
    assert all(f".{name} {{" in alone for name in classes)


@settings(deadline=None, max_examples=60)
@given(text=hostile_text())
def test_no_text_of_others_adds_an_element(text: str) -> None:
    def shape(words: str) -> list[tuple[str, tuple[str, ...]]]:
        tree = ElementTree.fromstring(svg(hostile(words).policies[0], "a", alone=True))
        return [(element.tag, tuple(element.keys())) for element in tree.iter()]

    assert shape(text) == shape("x")
