"""A pull request cannot say what the numbers mean that it is judged by: kinds/ is read from the base."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest
import repositories
from kinds.steering import KIND, POLICY, VALUES, summary
from pull_request.change import FILE, judged

from gatekit.exit_codes import ExitCode
from gatekit.pull_request.verdict import PullRequestVerdict

SCRIPT = b"print(1)\n"
SOURCES = [{"path": "steer.txt", "sha256": sha256(SCRIPT).hexdigest(), "by": "bytes"}]
"""Bound to a file of the repository, without which the evidence would be stale."""
TABLE, RULES, EVIDENCE = "kinds/steering.yaml", "policies/steering.yaml", "evidence/steering.json"


def evidence(values=VALUES, **changes) -> str:
    return json.dumps(summary(values, sources=SOURCES, **changes))


LAB = {TABLE: KIND, RULES: POLICY, EVIDENCE: evidence(), "steer.txt": SCRIPT}
"""A base that gates a kind of its own."""


def verdict(
    tmp_path: Path, change: Mapping[str, repositories.Content], base: Mapping[str, repositories.Content] = LAB
) -> PullRequestVerdict:
    return judged(tmp_path, change, base=base)


def trust(found: PullRequestVerdict) -> list[tuple[str, str]]:
    return [(change.path, change.what) for change in found.trust]


def errors(found: PullRequestVerdict) -> list[str]:
    return [str(error) for error in found.errors]


def test_a_kind_with_its_evidence_is_added_freely(tmp_path: Path) -> None:
    found = verdict(tmp_path, {TABLE: KIND, EVIDENCE: evidence(), "steer.txt": SCRIPT}, base={})
    assert (found.code, trust(found), errors(found)) == (ExitCode.PASS, [], [])


def test_evidence_that_waits_for_its_kind_is_read_once_the_change_brings_it(tmp_path: Path) -> None:
    base = {EVIDENCE: evidence(), "steer.txt": SCRIPT}
    assert verdict(tmp_path / "a", {"x.txt": "x"}, base=base).code is ExitCode.REFUSED
    assert verdict(tmp_path / "b", {TABLE: KIND}, base=base).code is ExitCode.PASS


def test_a_policy_about_a_kind_that_the_change_brings_is_judged(tmp_path: Path) -> None:
    found = verdict(tmp_path, LAB, base={})
    assert errors(found) == []
    assert found.judged is not None
    assert {policy.id: policy.code for policy in found.judged.policies}["steering"] is ExitCode.PASS


def test_a_measure_is_added_freely_and_its_evidence_is_read(tmp_path: Path) -> None:
    more = KIND + "  fluency: {direction: higher, range: [0, 10]}\n"
    document = summary(sources=SOURCES)
    success = document["measurements"]["success"]
    document["measurements"]["fluency"] = {**success, "range": [0, 10]}
    found = verdict(tmp_path, {TABLE: more, EVIDENCE: json.dumps(document)})
    assert (found.code, trust(found), errors(found)) == (ExitCode.PASS, [], [])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[0, 1]", "[0, 2]", "success: range [0, 1] -> [0, 2]"),
        ("higher", "lower", "success: direction higher -> lower"),
        ("range: [0, 1]", "range: [0, 1]\n    unit: percent", "success: unit 1 -> percent"),
        ("range: [0, 1]", "range: [0, 1]\n    structural: true", "success: structural false -> true"),
        ("[none]", "[none, untrained]", "baselines [none] -> [none, untrained]"),
        ("  success:", "  fluency: {direction: higher, range: [0, 1]}\n  success:", None),
        ("calls steered", "calls steered by it", None),
    ],
)
def test_a_change_to_what_a_measured_number_means_needs_approval(
    tmp_path: Path, old: str, new: str, said: str | None
) -> None:
    found = verdict(tmp_path, {TABLE: KIND.replace(old, new)})
    assert trust(found) == ([] if said is None else [(TABLE, said)])
    assert found.code is (ExitCode.PASS if said is None else ExitCode.APPROVAL_NEEDED)
    assert errors(found) == []


def test_a_measure_that_goes_is_named(tmp_path: Path) -> None:
    found = verdict(tmp_path, {TABLE: KIND.replace("success", "succeeds")})
    assert trust(found) == [(TABLE, "measure success removed")]
    assert found.code is ExitCode.APPROVAL_NEEDED


def test_a_kind_that_goes_while_it_is_used_needs_approval(tmp_path: Path) -> None:
    found = verdict(tmp_path, {TABLE: None})
    assert trust(found) == [(TABLE, "removed")]
    assert found.code is ExitCode.APPROVAL_NEEDED


@pytest.mark.parametrize("change", [KIND.replace("higher", "lower"), None], ids=["changed", "removed"])
def test_an_unused_kind_is_free_to_change(tmp_path: Path, change: str | None) -> None:
    found = verdict(tmp_path, {TABLE: change}, base={TABLE: KIND})
    assert (found.code, trust(found)) == (ExitCode.PASS, [])


def test_the_bases_table_judges_evidence_that_the_change_brings(tmp_path: Path) -> None:
    wide = evidence([1.7, 1.6, 1.8, 1.7, 1.9], changes={"range": [0, 2]})
    found = verdict(tmp_path, {TABLE: KIND.replace("[0, 1]", "[0, 2]"), EVIDENCE: wide})
    assert found.code is ExitCode.REFUSED
    assert [EVIDENCE in error and "range" in error for error in errors(found)] == [True]
    assert trust(found) == [(TABLE, "success: range [0, 1] -> [0, 2]")]


def test_a_direction_that_the_change_turns_does_not_turn_the_verdict(tmp_path: Path) -> None:
    """The change makes low values good in its own table, and brings low values."""
    low = evidence([0.1, 0.12, 0.11, 0.13, 0.1])
    found = verdict(tmp_path, {TABLE: KIND.replace("higher", "lower"), EVIDENCE: low})
    assert found.judged is not None
    assert {policy.id: policy.code for policy in found.judged.policies}["steering"] is ExitCode.BLOCKED


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("kinds/cebench.yaml", KIND, "the name 'cebench' is gatekit's own"),
        (TABLE, KIND.replace("higher", "up"), "kinds/steering.yaml:8:5: direction 'up' is not one of"),
        (TABLE, "- 1\n", "kinds/steering.yaml:1:1: "),
        (TABLE, repositories.Symlink("policies/steering.yaml"), "kinds/steering.yaml"),
    ],
    ids=["built in", "fault", "no mapping", "link"],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, path: str, text: repositories.Content, said: str
) -> None:
    found = verdict(tmp_path, {path: text})
    assert found.code is ExitCode.REFUSED
    assert any(said in error for error in errors(found)), errors(found)


def test_a_base_table_that_cannot_be_read_may_be_mended_with_approval(tmp_path: Path) -> None:
    base = {**LAB, TABLE: KIND.replace("higher", "up")}
    found = verdict(tmp_path, {TABLE: KIND}, base=base)
    assert (TABLE, "the base's version cannot be read, so nothing says whether this is looser") in trust(found)
    assert found.code is ExitCode.APPROVAL_NEEDED


def test_gates_of_other_kinds_are_judged_as_ever(tmp_path: Path) -> None:
    found = verdict(tmp_path, {FILE: None})
    assert found.code is not ExitCode.PASS
