"""Unregistered extensions in several steps: what is known to have been looked at, and what a base does not tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from acceptance.console_script import gatekit
from registration.histories import MEASURE, NOW, POLICY, commit, evidence, git, repository, write

from gatekit.cli.inputs import the_time
from gatekit.gates.verdict import ThresholdResult
from gatekit.pull_request import evidence_history
from gatekit.pull_request.judging import judge_pull_request
from gatekit.repo import Repository, between

SHOWN = POLICY.replace("registered: required\n", "")
VALUES = [0.80, 0.81, 0.82, 0.79, 0.80, 0.81, 0.83, 0.80, 0.79, 0.81]


def of(seeds: int) -> dict[str, Any]:
    return evidence(range(seeds), VALUES[:seeds])


def checked(tmp_path: Path, base: int, head: int, policy: str = SHOWN) -> tuple[float, str]:
    """Return the confidence of the one bound, and what is printed, where the base has so many seeds."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "small.yaml").write_text(policy)
    write(tmp_path, {"a.json": of(head), "../base/a.json": of(base)})
    arguments = ("--verbose", "--now", NOW, "--base-evidence", "base", "--output", "json=report.json")
    done = gatekit("check", *arguments, cwd=tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    confidence: float = report["policies"][0]["gates"][0]["result"]["measured"]["confidence"]
    return confidence, " ".join(done.stdout.split())


def test_a_base_that_may_itself_have_grown_since_a_gate_first_judged_it_pays_for_that(tmp_path: Path) -> None:
    confidence, said = checked(tmp_path, 7, 8)
    assert confidence == pytest.approx(1 - 0.05 / (3 * 4))
    expected = (
        "an unregistered extension from 7 to 8 seeds of the same subject, of which 5 may have been looked at first"
    )
    assert f"{expected}: nothing tells what the base held before: bounded at 0.995833" in said


@pytest.mark.parametrize(("base", "head", "shares"), [(5, 8, 4), (3, 8, 6)])
def test_one_that_no_gate_can_have_judged_before_pays_for_the_looks_since(
    tmp_path: Path, base: int, head: int, shares: int
) -> None:
    confidence, _ = checked(tmp_path, base, head)
    assert confidence == pytest.approx(1 - 0.05 / shares)


def test_a_rule_that_judges_two_seeds_may_have_judged_the_base_at_two(tmp_path: Path) -> None:
    confidence, _ = checked(tmp_path, 7, 8, SHOWN.replace("min_seeds: 5", "min_seeds: 2"))
    assert confidence == pytest.approx(1 - 0.05 / (6 * 7))


def in_pull_request(tmp_path: Path, history: list[int], head: int) -> tuple[float, str]:
    """Return the same of a pull request to a branch whose evidence grew like this."""
    folder = repository(tmp_path / "lab", {"policies/small.yaml": SHOWN, "measure.txt": MEASURE})
    for seeds in history:
        commit(folder, {"evidence/a.json": json.dumps(of(seeds))}, "2026-03-03T00:00:00Z")
    git(folder, "checkout", "-q", "-b", "feature")
    commit(folder, {"evidence/a.json": json.dumps(of(head))}, "2026-03-04T00:00:00Z")
    with Repository.open(folder) as opened:
        verdict = judge_pull_request(opened, between(opened, "main", "feature"), the_time(NOW))
    assert verdict.judged is not None
    result = verdict.judged.policies[0].gates[0].result
    assert isinstance(result, ThresholdResult) and result.measured is not None
    return result.measured.confidence or 0.0, " ".join(result.notes)


def test_a_pull_request_knows_which_extension_of_the_first_look_it_is(tmp_path: Path) -> None:
    confidence, said = in_pull_request(tmp_path, [5, 6, 7], 8)
    assert confidence == pytest.approx(1 - 0.05 / (3 * 4))
    assert "an unregistered extension from 5 to 8 seeds of the same subject, after one to 6 and to 7" in said


def test_what_the_branch_held_from_the_start_was_extended_once(tmp_path: Path) -> None:
    confidence, said = in_pull_request(tmp_path, [7], 8)
    assert confidence == pytest.approx(1 - 0.05 / 2)
    assert "an unregistered extension from 7 to 8 seeds of the same subject: bounded at 0.975" in said


def test_where_not_all_of_the_history_is_read_the_base_may_have_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_history, "MOST_HISTORY", 100)
    confidence, _ = in_pull_request(tmp_path, [5, 6, 7], 8)
    assert confidence == pytest.approx(1 - 0.05 / (3 * 4))
