"""The page says what `gatekit check` says: as the policies are written, and with the lines changed that it shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from policy_page.browser import Tab
from policy_page.moving import OpenPage, open_page
from policy_page.policies import checked, inputs, write_project

from gatekit.gates.sensitivity import ThresholdAnswer
from gatekit.policy.limits import sides
from gatekit.policy.lint import limit_range
from gatekit.policy.model import Threshold

ROOT = Path(__file__).parents[2]


def assert_said_as_checked(page: OpenPage, policy: int) -> None:
    said, lines = page.said(policy)
    text = page.edited(policy, lines)
    assert said == checked(page.given, page.content.policies[policy].policy.path, text), text


def interesting(rule: Threshold, answer: ThresholdAnswer, side: int, random: Random) -> Iterator[float]:
    """Numbers of a file at and about which an outcome may flip or the policy be refused."""
    end, tolerance = sides(rule.limits)[side], rule.against == "base"
    sign = -1.0 if tolerance and not end.upper else 1.0
    if answer.compared is not None:
        bound = answer.compared[side]
        for value in (bound, math.nextafter(bound, math.inf), math.nextafter(bound, -math.inf)):
            yield sign * value
        yield sign * (bound + random.uniform(-0.2, 0.2))
    for limit in limit_range(rule):
        if math.isfinite(limit):
            yield sign * limit
            yield sign * math.nextafter(limit, math.copysign(math.inf, limit))
    yield from (other.limit for other in sides(rule.limits))
    if answer.most is not None:
        yield from (answer.most, math.nextafter(answer.most, math.inf))
    yield from (0.0, -1e-7, 1e22, -2e300, sign * random.uniform(-1.0, 1.0), round(random.uniform(0, 100)))


def test_committed_policies_have_the_outcomes_of_check(
    tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    page = open_page(tab, inputs(None, ()), tmp_path)
    verdict = page.given.verdict()
    assert len(page.content.policies) == len(verdict.policies) >= 12
    for index, result in enumerate(verdict.policies):
        page.put_back(index)  # so that the script has computed them
        said, lines = page.said(index)
        assert not lines
        assert said.gates == {gate.name: gate.outcome.value for gate in result.gates}
        assert_said_as_checked(page, index)


@pytest.mark.slow
def test_a_committed_policy_with_a_moved_threshold_has_the_outcome_of_its_edited_file(
    tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    page, random = open_page(tab, inputs(None, ()), tmp_path), Random(1)
    for index, policy in enumerate(page.content.policies):
        for position, threshold in enumerate(policy.thresholds):
            answer = policy.answers[0].thresholds[position]
            for side, place in enumerate(threshold.places or ()):
                for value in interesting(threshold.rule, answer, side, random):
                    page.move(page.first(index) + position, side, repr(value))
                    assert_said_as_checked(page, index)
                page.move(page.first(index) + position, side, place.raw)


@pytest.fixture
def every_operator(tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    write_project(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return open_page(tab, inputs(policies=("policies", "policies/stop.yaml")), tmp_path)


def test_every_operator_and_combination_flips_where_check_flips(every_operator: OpenPage) -> None:
    page, random, tried = every_operator, Random(2), 0
    for index, policy in enumerate(page.content.policies):
        for position, threshold in enumerate(policy.thresholds):
            assert threshold.places is not None, threshold.rule
            answer = policy.answers[0].thresholds[position]
            for side, place in enumerate(threshold.places):
                for value in interesting(threshold.rule, answer, side, random):
                    page.move(page.first(index) + position, side, repr(value))
                    assert_said_as_checked(page, index)
                    tried += 1
                page.move(page.first(index) + position, side, place.raw)
                assert not page.said(index)[1]
    assert tried > 200


def test_thresholds_that_move_together_are_judged_together(every_operator: OpenPage) -> None:
    page, random = every_operator, Random(3)
    for index, policy in enumerate(page.content.policies):
        for _ in range(25):
            for position, threshold in enumerate(policy.thresholds):
                answer = policy.answers[0].thresholds[position]
                for side in range(len(threshold.places or ())):
                    if random.random() < 0.3:
                        # Mostly numbers that the policy may have, so that it is not refused every time.
                        near = [-0.3, -0.02, 0.0, 0.02, 0.3]
                        at = answer.compared[side] if answer.compared is not None else 0.5
                        page.move(page.first(index) + position, side, repr(abs(at + random.choice(near))))
            assert_said_as_checked(page, index)
        page.put_back(index)
        assert not page.said(index)[1]
