"""What a change of evidence moves is shown beside what it was on the base, by the base's policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatekit.github.comment import body
from gatekit.github.judgement import read_report
from gatekit.report import render_pull_request
from tests.pull_request.change import FILE, POLICY, judged, random_model


def test_each_threshold_whose_numbers_change_is_named_with_both(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {FILE: random_model(above=0.25)})
    [move] = verdict.moved
    assert (move.policy, move.gate) == ("demo", "random_model")
    estimates = [side.measured.estimate for side in (move.before, move.after) if side.measured is not None]
    assert estimates == pytest.approx([0.21, 0.25])


def test_evidence_that_is_gone_moves_its_gates_to_inconclusive(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {FILE: None})
    assert {(move.gate, move.before.outcome.value, move.after.outcome.value) for move in verdict.moved} == {
        ("random_model", "pass", "inconclusive"),
        ("alive", "pass", "inconclusive"),
    }


def test_a_changed_policy_moves_nothing_and_its_flips_say_what_it_would(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {"policies/demo.yaml": POLICY.replace("at_least: 0.1", "at_least: 0.3")})
    assert verdict.moved == ()
    assert [flip.gate for flip in verdict.flips] == ["random_model"]


def test_the_summary_and_the_comment_fold_what_moved(tmp_path: Path) -> None:
    verdict = judged(tmp_path / "r", {FILE: random_model(above=0.05)})
    markdown = render_pull_request("markdown", verdict)
    assert "<details><summary>What moved since main: 1 threshold</summary>" in " ".join(
        markdown.replace("&#58;&#8203;", ":").split()
    )
    path = tmp_path / "report.json"
    path.write_text(render_pull_request("json", verdict))
    comment = body("gate", read_report(path), None, None)
    folded = comment.partition("<details>")[2].partition("</details>")[0]
    assert "What moved since the base: 1 threshold" in folded
    assert (
        "| `demo/random_model: pw_mcc_above_control` | 0&#46;2100 → 0&#46;05000 | 0&#46;2079 → 0&#46;04949 |" in folded
    )
    assert "pass → fail" in folded
