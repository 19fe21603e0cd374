"""A claim that was withdrawn in an earlier change and comes back is held to the bar that it had."""

from __future__ import annotations

from pathlib import Path

import pytest
import repositories

from gatekit.exit_codes import ExitCode
from gatekit.pull_request.judging import judge_pull_request
from gatekit.pull_request.verdict import PullRequestVerdict
from gatekit.repo import Repository, between
from tests.pull_request.change import BASE, CLAIMS, NOW, README

OOD = CLAIMS[CLAIMS.index("  - id: ood") :]
OOD_BLOCK = "<!-- gatekit:claim ood -->They read text of another domain as well.<!-- /gatekit:claim -->\n"
WITHOUT = {"claims.yaml": CLAIMS.replace(OOD, ""), "README.md": README.replace(OOD_BLOCK, "")}
WITH = {"claims.yaml": CLAIMS, "README.md": README}


def with_gate(gate: str) -> dict[str, repositories.Content]:
    return {"claims.yaml": CLAIMS.replace(OOD, OOD.replace("gates: [ood]", f"gates: [{gate}]")), "README.md": README}


def judged(
    folder: Path, base: list[dict[str, repositories.Content]], head: dict[str, repositories.Content]
) -> PullRequestVerdict:
    """The verdict on a change after so many commits of the base, the first of them on top of BASE."""
    builder = repositories.Builder(folder / "repo")
    tip = builder.commit("main", BASE)
    for change in base:
        tip = builder.commit("main", change)
    builder.commit("feature", head, parents=[tip])
    with Repository.open(builder.save()) as repository:
        return judge_pull_request(repository, between(repository, "main", "feature"), NOW)


def test_under_its_own_id_with_another_gate_it_needs_approval(tmp_path: Path) -> None:
    verdict = judged(tmp_path, [WITHOUT], with_gate("alive"))
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    (change,) = verdict.trust
    assert change.path == "claim ood"
    assert "which was withdrawn earlier" in change.what


@pytest.mark.parametrize("gates", ["ood", "ood, alive"])
def test_with_the_gates_that_it_had_or_more_it_needs_none(tmp_path: Path, gates: str) -> None:
    assert judged(tmp_path, [WITHOUT], with_gate(gates)).code is ExitCode.PASS


def test_it_counts_as_it_last_stood(tmp_path: Path) -> None:
    history = [with_gate("alive"), WITHOUT]
    assert judged(tmp_path / "same", history, with_gate("alive")).code is ExitCode.PASS
    assert judged(tmp_path / "other", history, with_gate("ood")).code is ExitCode.APPROVAL_NEEDED


def test_a_version_that_nobody_can_read_is_passed_over(tmp_path: Path) -> None:
    history: list[dict[str, repositories.Content]] = [WITHOUT, {"claims.yaml": "claims: ["}, WITHOUT]
    assert judged(tmp_path, history, with_gate("alive")).code is ExitCode.APPROVAL_NEEDED


def test_a_claim_that_stands_is_none_that_was_withdrawn(tmp_path: Path) -> None:
    assert judged(tmp_path, [WITHOUT, WITH], {"docs/notes.md": "More.\n"}).code is ExitCode.PASS
